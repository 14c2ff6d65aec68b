"""All ways through a story, played without a voice: which lines, endings and faults a player can meet."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from dataclasses import dataclass, field

from sovits_lab.dialogue.story import Story, StoryChoice, StoryLine
from sovits_lab.types import InputError

MOST_STATES = 3000
UNSEEN = ("turnIndices", "turnIdx", "previousRandom", "storySeed", "threadCounter")


@dataclass
class Exploration:
    """What was met.

    Attributes:
        lines: by id, in the order of meeting.
        choices: by id.
        endings: name of an ending (or of the knot of its last line) -> the choices that lead there first.
        faults: errors of the story, each once.
        states: places at which the player could choose.
        whole: False where the story has more states than were allowed.
    """

    lines: dict[str, StoryLine] = field(default_factory=dict)
    choices: dict[str, StoryChoice] = field(default_factory=dict)
    endings: dict[str, tuple[int, ...]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    states: int = 0
    whole: bool = True


def explore(story: Story, most_states: int = MOST_STATES) -> Exploration:
    """Play every choice from every state, breadth first, until no new state is met or there are too many.

    Two states are the same where the story's variables, visit counts and place are; how many turns it took does not
    count, else a story with a way back would never end.
    """
    found = Exploration()
    seen: set[str] = set()
    left: deque[tuple[str, tuple[int, ...]]] = deque([(story.save(), ())])
    while left:
        state, path = left.popleft()
        story.restore(state)
        try:
            choices = _play_on(story, found, path)
        except InputError as error:
            if str(error) not in found.faults:
                found.faults.append(str(error))
            continue
        here = story.save()
        if not choices or (key := _key(here)) in seen:
            continue
        if len(seen) >= most_states:
            found.whole = False
            break
        seen.add(key)
        for choice in choices:
            found.choices.setdefault(choice.id, choice)
            story.restore(here)
            story.choose(choice.index)
            left.append((story.save(), (*path, choice.index)))
    found.states = len(seen)
    return found


def _play_on(story: Story, found: Exploration, path: tuple[int, ...]) -> tuple[StoryChoice, ...]:
    last: StoryLine | None = None
    ending = ""
    while (line := story.advance()) is not None:
        last = line
        ending = line.direction.ending or ending
        found.lines.setdefault(line.id, line)
    choices = story.choices
    if not choices:
        name = ending or (last.knot if last is not None else story.knot) or "(start)"
        found.endings.setdefault(name, path)
    return choices


def _key(state: str) -> str:
    """A state without what only counts turns."""
    kept = _without(json.loads(json.loads(state)["ink"]))
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def _without(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without(one) for key, one in value.items() if key not in UNSEEN and key != "outputStream"}
    return [_without(one) for one in value] if isinstance(value, list) else value
