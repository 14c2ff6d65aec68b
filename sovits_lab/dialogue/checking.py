"""Whether a story can be played to its ends by its cast and a voice: everything wrong, in the order of the story."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from sovits_lab.dialogue.cast import Cast
from sovits_lab.dialogue.exploration import MOST_STATES, Exploration, explore
from sovits_lab.dialogue.graph import START, KnotFacts, knots_of, reachable, silent_cycles
from sovits_lab.dialogue.mood import NEUTRAL
from sovits_lab.dialogue.story import Story
from sovits_lab.files import MIB, lines_of, read_text
from sovits_lab.types import got


@dataclass(frozen=True)
class StoryReport:
    """What a check found.

    Attributes:
        faults: what keeps a player from an end, or a line from being spoken.
        remarks: what a writer may want to know.
        knots: how many.
        exploration: what was met on all ways through.
    """

    faults: tuple[str, ...]
    remarks: tuple[str, ...]
    knots: int
    exploration: Exploration


def check_story(
    story: Story,
    cast: Cast,
    emotions: Collection[str] | None = None,
    source: Path | None = None,
    most_states: int = MOST_STATES,
) -> StoryReport:
    """Check a story without a voice being loaded.

    Args:
        story: at its beginning.
        cast: its people.
        emotions: labels that the voice has; None where no voice is chosen yet.
        source: the `.ink` file, whose lines errors name.
        most_states: bound of the exploration.
    """
    knots = knots_of(story.document)
    where = _Places(story, source)
    faults = [
        f"{where.knot(ring[0])}: got the ring {' -> '.join([*ring, ring[0]])} without a choice, expected a way out"
        for ring in silent_cycles(knots)
    ]
    there = reachable(knots)
    for name, facts in knots.items():
        if name not in there:
            faults.append(f"{where.knot(name)}: got no way that leads here, expected one; divert to it or remove it")
        faults += _unknown_people(facts, cast, where.knot(name))
        faults += _unknown_emotions(facts, emotions, where, name)
    met = explore(story, most_states) if not any("without a choice" in fault for fault in faults) else Exploration()
    faults += [fault for fault in met.faults if fault not in faults]
    faults += _doubled_ids(met, where)
    return StoryReport(tuple(faults), tuple(_remarks(met, cast, where)), len(knots) - 1, met)


def _unknown_people(facts: KnotFacts, cast: Cast, where: str) -> list[str]:
    known = ", ".join(sorted(cast.characters))
    people = set(facts.speakers)
    people |= {tag.split(":", 1)[1].split()[0] for tag in facts.tags if re.match(r"feels:\s*\S", tag)}
    return [
        str(got(f"{where}: character", name, f"one of {known} (cast.yaml)"))
        for name in sorted(people - set(cast.characters))
    ]


def _unknown_emotions(facts: KnotFacts, emotions: Collection[str] | None, where: _Places, knot: str) -> list[str]:
    if emotions is None:
        return []
    asked: dict[str, str] = {}
    for tag in facts.tags:
        name, _, value = (part.strip() for part in tag.partition(":"))
        if name == "emotion":
            asked[value] = tag
        elif name == "feels" and len(value.split()) == 3:
            asked[value.split()[1]] = tag
    known = {*emotions, NEUTRAL}
    return [
        str(got(f"{where.text(tag, knot)}: emotion", label, f"one of {', '.join(sorted(known))} of the voice"))
        for label, tag in sorted(asked.items())
        if label not in known
    ]


def _doubled_ids(met: Exploration, where: _Places) -> list[str]:
    """Ids that stand on two lines of the source: the second would be spoken as the first."""
    doubled = [line for line in met.lines.values() if line.direction.id and where.count(f"id: {line.direction.id}") > 1]
    return [
        f"{where.text(f'id: {line.id}', line.knot)}: got the id {line.id!r} on two lines, expected each once"
        for line in doubled
    ]


def _remarks(met: Exploration, cast: Cast, where: _Places) -> list[str]:
    remarks = []
    if not met.whole:
        remarks.append(f"the story has more than {met.states} states: not every way was played")
    if not met.endings and not met.faults:
        remarks.append("no ending was met")
    for line in met.lines.values():
        inside = re.search(rf"\b({'|'.join(map(re.escape, cast.characters))}):\s", line.text)
        if inside:
            remarks.append(
                f"{where.text(line.text[:30], line.knot)}: {inside[1]} begins inside another line; put the choice's "
                "words into brackets so that they are not repeated, or begin a new line"
            )
    return remarks


class _Places:
    """Where something stands: the file and line of the source where it can be found, else story and knot."""

    def __init__(self, story: Story, source: Path | None) -> None:
        self.name = story.name if source is None else source.name
        self.lines: Sequence[str] = () if source is None else lines_of(read_text(source, "story", 16 * MIB))

    def knot(self, name: str) -> str:
        if name == START:
            return f"story {self.name}, before the first knot"
        pattern = re.compile(rf"\s*={{2,}}\s*(function\s+)?{re.escape(name)}\b")
        return f"story {self.name}{self._line(pattern.match)}, knot {name}"

    def text(self, words: str, knot: str) -> str:
        inside = f", knot {knot}" if knot and knot != START else ""
        return f"story {self.name}{self._line(lambda line: words in line)}{inside}"

    def count(self, words: str) -> int:
        pattern = re.compile(rf"{re.escape(words)}(?![\w-])")
        return sum(bool(pattern.search(line)) for line in self.lines)

    def _line(self, holds: object) -> str:
        assert callable(holds)
        return next((f", line {i}" for i, line in enumerate(self.lines, 1) if holds(line)), "")
