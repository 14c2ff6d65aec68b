"""A story in ink, line by line, through ink's runtime for Python (`bink`).

`inkjs-compiler` or `inklecate` turns a `.ink` file into the `.ink.json` that is played. A line is `NAME: words`, or
narration without a name; its tags are stage directions (`directions`).
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sovits_lab.dialogue.directions import Direction, read_direction
from sovits_lab.files import MIB, parse_json, read_text
from sovits_lab.types import InputError, got

MOST_STORY = 16 * MIB
MOST_STATE = 16 * MIB
MOST_LETTERS = 2000  # of one line
SLICE_MS, MOST_SLICES = 100.0, 20  # a line takes less than a millisecond; two seconds without one is a cycle
NEWEST_INK = 21
_SPOKEN = re.compile(r"(?P<name>[A-Z][A-Z0-9_]{0,31}):\s*(?P<words>.*)", re.DOTALL)


@dataclass(frozen=True)
class StoryLine:
    """A line of the story.

    Attributes:
        id: the same in every language: the writer's own, or one made of the words.
        speaker: who says it, or "" for narration.
        text: what is said, in the language of the story.
        direction: how.
        knot: where it stands.
    """

    id: str
    speaker: str
    text: str
    direction: Direction
    knot: str


@dataclass(frozen=True)
class StoryChoice:
    """What the player may choose: a place in the list, an id, its words, and its directions."""

    index: int
    id: str
    text: str
    direction: Direction


class Story:
    """A story that is being played. It is not shared between threads.

    Args:
        compiled: the JSON of a compiled story.
        name: for errors.

    Raises:
        InputError: no story, or of a newer ink than the runtime reads.
    """

    def __init__(self, compiled: str, name: str) -> None:
        bink = _runtime()
        self.name, self.document = name, checked_document(compiled, name)
        self.knot = ""
        try:
            self._story = bink.Story(json.dumps(self.document, ensure_ascii=False))
            self._titles = tuple(self._story.get_global_tags())
        except RuntimeError as error:
            raise InputError(f"story {name}: ink's runtime cannot read it ({_first_line(error)})") from error

    @classmethod
    def load(cls, path: Path) -> Story:
        """Read a compiled story (`.ink.json`). Raises InputError as the constructor, or where there is none."""
        if path.suffix == ".ink":
            path = path.with_suffix(".ink.json")
        return cls(read_text(path, "story", MOST_STORY), path.name)

    @property
    def title(self) -> str:
        """What the story calls itself by a tag `title: ...` at its head, or its file's name."""
        named = (tag.partition(":")[2].strip() for tag in self._titles if tag.startswith("title:"))
        return next(named, self.name)

    @property
    def where(self) -> str:
        """Story and knot, for errors."""
        return f"story {self.name}" + (f", knot {self.knot}" if self.knot else "")

    def advance(self) -> StoryLine | None:
        """Go on to the next line; None where the player must choose, or where the story ends.

        Raises:
            InputError: a cycle without a line or a choice, a dead end, a tag that cannot be read.
        """
        while self._can_continue():
            self.knot = knot_of(self._story.get_current_path()) or self.knot
            text, tags = self._next_line()
            if text:
                return self._line(text, tags)
        return None

    @property
    def choices(self) -> tuple[StoryChoice, ...]:
        """What the player may choose now; empty at the end of the story."""
        found = self._story.get_current_choices()
        made = []
        for index, text in enumerate(found):
            direction = read_direction(found.get_tags(index), self.where)
            made.append(StoryChoice(index, direction.id or _made_id("choice", text), text.strip(), direction))
        return tuple(made)

    def choose(self, index: int) -> None:
        """Choose by place in the list. Raises InputError for another place."""
        count = len(self._story.get_current_choices())
        if not 0 <= index < count:
            raise got(f"{self.where}: choice", index, f"a whole number from 0 to {count - 1}" if count else "no choice")
        self._run(self._story.choose_choice_index, index)

    def save(self) -> str:
        """Return the whole state as JSON."""
        return json.dumps({"knot": self.knot, "ink": self._story.save_state()})

    def restore(self, state: str) -> None:
        """Go back to a saved state. Raises InputError for what is none of this story."""
        if len(state) > MOST_STATE:
            raise got(f"{self.where}: saved state", f"{len(state)} characters", f"at most {MOST_STATE}")
        found = parse_json(state, f"{self.where}: saved state")
        if not isinstance(found, dict) or not isinstance(found.get("ink"), str):
            raise InputError(f"{self.where}: saved state: got another file, expected what `save` wrote")
        self._run(self._story.load_state, found["ink"])
        self.knot = str(found.get("knot", ""))

    def seed(self, seed: int) -> None:
        """Set what the story's own chances (`RANDOM`, shuffles) depend on."""
        state = json.loads(self._story.save_state())
        state["storySeed"], state["previousRandom"] = seed % 2**31, 0
        self._run(self._story.load_state, json.dumps(state))

    def _can_continue(self) -> bool:
        return bool(self._story.can_continue())

    def _next_line(self) -> tuple[str, tuple[str, ...]]:
        for _ in range(MOST_SLICES):
            if self._run(self._story.continue_async, SLICE_MS):
                tags = tuple(tag for tag in self._story.get_current_tags() if tag not in self._titles)
                return self._story.get_current_text().strip(), tags
        seconds = MOST_SLICES * SLICE_MS / 1000
        raise InputError(f"{self.where}: ran {seconds:g} s without a line, expected no cycle without a choice")

    def _line(self, text: str, tags: tuple[str, ...]) -> StoryLine:
        if len(text) > MOST_LETTERS:
            raise got(f"{self.where}: line {text[:40]!r}", f"{len(text)} characters", f"at most {MOST_LETTERS}")
        direction = read_direction(tags, self.where)
        spoken = _SPOKEN.fullmatch(text)
        speaker, words = (spoken["name"], spoken["words"].strip()) if spoken else ("", text)
        return StoryLine(direction.id or _made_id(speaker, words), speaker, words, direction, self.knot)

    def _run(self, work: Any, *arguments: Any) -> Any:
        try:
            return work(*arguments)
        except RuntimeError as error:
            raise InputError(f"{self.where}: {_first_line(error)}") from error


def checked_document(compiled: str, name: str) -> dict[str, Any]:
    """Return the JSON of a compiled story. Raises InputError for something else."""
    found = parse_json(compiled, f"story {name}")
    version = found.get("inkVersion") if isinstance(found, dict) else None
    if not isinstance(version, int) or not isinstance(found.get("root"), list):
        raise InputError(f"story {name}: got other JSON, expected a compiled ink story; compile the .ink file first")
    if version > NEWEST_INK:
        raise got(f"story {name}: ink version", version, f"at most {NEWEST_INK}")
    return found


def knot_of(path: str) -> str:
    """Return the knot of a path inside a compiled story, or "" where it has none."""
    head = path.split(".", 1)[0]
    return "" if not head or head.isdigit() or head == "global decl" else head


def _made_id(head: str, words: str) -> str:
    """An id of words that have none: it changes with them, so a cache or a translation never serves other words."""
    return f"{head.lower() or 'narration'}-{hashlib.sha256(words.encode()).hexdigest()[:10]}"


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def _runtime() -> Any:
    try:
        from bink import story
    except ImportError as error:
        raise InputError('film: needs ink\'s runtime; pip install -e ".[film]"') from error
    return story
