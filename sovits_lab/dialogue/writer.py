"""Lines for a situation: as authored, from a grammar of templates, or by a language model (`model_writer`)."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import yaml

from sovits_lab.dialogue.cast import Character
from sovits_lab.dialogue.guard import LineGuard
from sovits_lab.dialogue.mood import LineManner
from sovits_lab.files import MIB, read_text
from sovits_lab.types import InputError, got

DEEPEST = 20
_HOLE = re.compile(r"\{([a-z][a-z0-9_]*)\}")


@dataclass(frozen=True)
class Situation:
    """What a writer knows.

    Attributes:
        character: who speaks.
        wanted: what the line should do, from the tag `write`.
        authored: the line as it stands in the story; always a good answer.
        manner: what the character feels.
        language: of the line.
        history: the last lines, (speaker, text), oldest first.
        player: what the player typed or said last, "" where they chose.
        seed: of chance.
    """

    character: Character
    wanted: str
    authored: str
    manner: LineManner
    language: str
    history: Sequence[tuple[str, str]] = ()
    player: str = ""
    seed: int = 0


class WrittenLine(NamedTuple):
    """A line for a situation, who wrote it ("authored", "template", "model"), and why the model's was not taken."""

    text: str
    emotion: str | None = None
    strength: float | None = None
    source: str = "authored"
    refused: str = ""


class LineWriter(Protocol):
    """Writes a line for a situation; it never fails, it falls back to the authored line."""

    def write(self, situation: Situation, cancelled: Callable[[], bool] | None = None) -> WrittenLine:
        """Return a character's line in a situation."""


class AuthoredWriter:
    """Says every line as it stands."""

    def write(self, situation: Situation, cancelled: Callable[[], bool] | None = None) -> WrittenLine:
        """Return the authored line."""
        return WrittenLine(situation.authored)


class TemplateWriter:
    """Fills templates: `write: greeting` takes one of the rules of that name, `{name}` in it one of another rule.

    `{player}` stands for what the player said last. A situation without a rule keeps its authored line.

    Args:
        rules: name -> lines, one of which is drawn by the situation's seed.
        forbidden: words that are never spoken.

    Raises:
        InputError: a hole without a rule, or rules that lead back to themselves.
    """

    def __init__(self, rules: Mapping[str, Sequence[str]], forbidden: Sequence[str] = ()) -> None:
        self.rules = {name: tuple(lines) for name, lines in rules.items()}
        self.forbidden = tuple(forbidden)
        for name in self.rules:
            self._check(name, ())

    def write(self, situation: Situation, cancelled: Callable[[], bool] | None = None) -> WrittenLine:
        """Return a filled template, or the authored line."""
        if situation.wanted not in self.rules:
            return WrittenLine(situation.authored)
        draw = random.Random(f"{situation.seed}/{situation.character.name}/{situation.wanted}")
        guard = LineGuard(situation.language, forbidden=self.forbidden)
        text = guard.cleaned(self._filled(situation.wanted, draw, situation.player))
        if reason := guard.reason(text):
            return WrittenLine(situation.authored, refused=reason)
        return WrittenLine(text, source="template")

    def _filled(self, name: str, draw: random.Random, player: str) -> str:
        text = draw.choice(self.rules[name])
        return _HOLE.sub(lambda hole: player[:80] if hole[1] == "player" else self._filled(hole[1], draw, player), text)

    def _check(self, name: str, above: tuple[str, ...]) -> None:
        if name in above or len(above) > DEEPEST:
            raise InputError(f"templates: rule {name} leads back to itself ({' -> '.join([*above, name])})")
        for line in self.rules[name]:
            for hole in _HOLE.findall(line):
                if hole != "player" and hole not in self.rules:
                    raise got(f"templates: rule {name}: hole", hole, f"one of {', '.join(sorted(self.rules))}, player")
                if hole != "player":
                    self._check(hole, (*above, name))


def load_templates(folder: Path, language: str) -> TemplateWriter:
    """Read `templates.LANGUAGE.yaml` of a story's folder; without the file every line is as authored.

    Raises:
        InputError: another layout than `rules: {name: [lines]}` with an optional `forbidden: [words]`.
    """
    path = folder / f"templates.{language}.yaml"
    if not path.is_file():
        return TemplateWriter({})
    try:
        found = yaml.safe_load(read_text(path, "templates", MIB))
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"templates {path}: cannot be read as YAML ({' '.join(str(error).split())[:200]})") from error
    if not isinstance(found, dict) or set(found) - {"rules", "forbidden"}:
        raise InputError(f"templates {path}: got other keys, expected rules and forbidden")
    rules, forbidden = found.get("rules") or {}, found.get("forbidden") or []
    good = isinstance(rules, dict) and all(_words(lines) and lines for lines in rules.values())
    if not good or not _words(forbidden):
        raise InputError(f"templates {path}: expected rules: {{name: [lines]}} and forbidden: [words]")
    return TemplateWriter(rules, forbidden)


def _words(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
