"""The people of a story: `cast.yaml` beside it says who speaks, with which voice, and of what temper."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sovits_lab.files import MIB, read_text
from sovits_lab.types import InputError, got

NAME = re.compile(r"[A-Z][A-Z0-9_]{0,31}")
COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
MOST_CHARACTERS = 64
KNOWN_LANGUAGES = ("en", "zh", "ja", "ko", "yue")


@dataclass(frozen=True)
class Temper:
    """How a mood moves.

    Attributes:
        half_life: turns after which half of a feeling is gone.
        inertia: how much the spoken strength may change from one line to the next, so that no line jumps from a sob
            to a laugh.
        resting: the emotion and amount that the mood falls back to; None is neutral.
    """

    half_life: float = 4.0
    inertia: float = 0.5
    resting: tuple[str, float] | None = None

    def __post_init__(self) -> None:
        for name, least, most in (("half_life", 0.1, 1000), ("inertia", 0.01, 3)):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and least <= value <= most):
                raise got(name, value, f"a number from {least} to {most}")


@dataclass(frozen=True)
class Character:
    """One person of the story.

    Attributes:
        name: as lines begin with it.
        shown: the name on the page, by language.
        voice: a speaker of the bundle, or a clip inside the story's folder; "" takes the bundle's speakers in turn.
        persona: who this is, in a few sentences, for a line writer.
        rate, pitch_shift: of the voice, on top of the line's own; the pitch in semitones.
        temper: how moods move.
        colour: of the face on the page.
    """

    name: str
    shown: Mapping[str, str] = field(default_factory=dict)
    voice: str = ""
    persona: str = ""
    rate: float = 1.0
    pitch_shift: float = 0.0
    temper: Temper = Temper()
    colour: str = "#8899aa"


@dataclass(frozen=True)
class Cast:
    """All characters of a story, by name, and the language that it is written in."""

    characters: Mapping[str, Character]
    language: str
    folder: Path

    def character(self, name: str, where: str) -> Character:
        """Return a character. Raises InputError for a name that the cast lacks."""
        if name not in self.characters:
            raise got(f"{where}: character", name, f"one of {', '.join(sorted(self.characters))} (cast.yaml)")
        return self.characters[name]


def load_cast(folder: Path) -> Cast:
    """Read `cast.yaml` of a story's folder.

    Raises:
        InputError: no such file, or a value that is not what it should be; the error names its place.
    """
    path = folder / "cast.yaml"
    text = read_text(path, "cast", MIB)
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"cast {path}: cannot be read as YAML ({' '.join(str(error).split())[:200]})") from error
    top = _mapping(found, "cast", ("language", "characters"))
    language = top.get("language", "en")
    if language not in KNOWN_LANGUAGES:
        raise got("cast: language", language, f"one of {', '.join(KNOWN_LANGUAGES)}")
    people = _mapping(top.get("characters"), "cast: characters")
    if not 1 <= len(people) <= MOST_CHARACTERS:
        raise got("cast: characters", len(people), f"1 to {MOST_CHARACTERS} of them")
    return Cast({name: _character(name, facts, folder) for name, facts in people.items()}, language, folder)


def _character(name: str, facts: Any, folder: Path) -> Character:
    where = f"cast: {name}"
    if not NAME.fullmatch(name):
        raise got("cast: character", name, "a name in capitals, such as MIRA")
    known = ("shown", "voice", "persona", "rate", "pitch_shift", "temper", "colour")
    facts = _mapping(facts or {}, where, known)
    temper = _mapping(facts.get("temper") or {}, f"{where}: temper", ("half_life", "inertia", "resting"))
    resting = temper.get("resting")
    colour = str(facts.get("colour", Character.colour))
    if not COLOUR.fullmatch(colour):
        raise got(f"{where}: colour", colour, "six hexadecimal digits, such as #aa3366")
    try:
        made = Temper(**{**temper, "resting": _resting(resting, where)} if resting is not None else temper)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return Character(
        name,
        {str(k): str(v) for k, v in _mapping(facts.get("shown") or {}, f"{where}: shown").items()},
        _voice(str(facts.get("voice") or ""), where, folder),
        str(facts.get("persona", "")),
        _number(facts.get("rate", 1.0), f"{where}: rate", 0.5, 2.0),
        _number(facts.get("pitch_shift", 0.0), f"{where}: pitch_shift", -12.0, 12.0),
        made,
        colour,
    )


def _voice(voice: str, where: str, folder: Path) -> str:
    """A speaker's name, or a clip of the story's folder, never one outside of it."""
    if "/" not in voice and "\\" not in voice and "." not in voice:
        return voice
    path = (folder / voice).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise got(f"{where}: voice", voice, "a speaker of the bundle, or an audio file inside the story's folder")
    return str(path)


def _resting(value: Any, where: str) -> tuple[str, float]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise got(f"{where}: temper: resting", value, "an emotion and an amount, such as [sad, 0.3]")
    return str(value[0]), _number(value[1], f"{where}: temper: resting", 0.0, 1.0)


def _number(value: Any, where: str, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise got(where, value, f"a number from {least:g} to {most:g}")
    return float(value)


def _mapping(value: Any, where: str, known: Sequence[str] = ()) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise got(where, type(value).__name__, "names with values")
    if known and (unknown := sorted(set(map(str, value)) - set(known))):
        raise got(f"{where}: key", unknown[0], f"one of {', '.join(known)}")
    return {str(key): one for key, one in value.items()}
