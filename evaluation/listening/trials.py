"""What a listening test consists of: sounds, trials, and a session of trials for each listener."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from sovits_lab.files import read_json
from sovits_lab.types import InputError, got

KINDS = ("abx", "cmos", "mushra", "bws", "choice", "same")
MAIN, GOLD, TRAP, TRAINING = "main", "gold", "trap", "training"
RECORDING, ANCHOR = "recording", "anchor"  # systems that are none: the true recording, and its damaged copy
CMOS_STEPS, SAME_STEPS, MUSHRA_MOST = 3, 4, 100
FIXED = {"abx": 1}  # sounds that keep their place at the head of a trial: X
KEY, PLAN = "key.json", "plan.js"


@dataclass(frozen=True)
class Stimulus:
    """One sound of a test: who spoke what, and what was done to it.

    `system` is the label of an arm, or `recording`. `treatment` is empty, `anchor`, `damaged` or `instruction`. `path`
    is kept out of the key file, which travels with the results.
    """

    system: str
    sample: str
    speaker: str
    text: str
    emotion: str
    strength: float = 1.0
    treatment: str = ""
    path: Path | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """An opaque file name, the same for the same sound, that says nothing of its system."""
        identity = "\x1f".join(map(str, (self.system, self.sample, self.treatment, self.path)))
        return hashlib.sha256(identity.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class ListeningTrial:
    """One question about some sounds.

    Attributes:
        kind: abx (X, the right one, the wrong one), cmos (first, second), mushra (any number), bws (by rising
            strength), choice (one), same (two).
        sounds: names of the stimuli in this canonical order; listeners get them in another.
        role: main, gold (the answer is known), trap (a voice says what to answer) or training.
        expected: the canonical answer of a gold or training trial, see `results.canonical`.
        cell: speaker, sentence and emotion that the trial is about.
        variant: system or systems that it compares.
    """

    id: str
    kind: str
    sounds: tuple[str, ...]
    role: str = MAIN
    expected: float | None = None
    cell: tuple[str, str, str] = ("", "", "")
    variant: str = ""


@dataclass(frozen=True)
class Turn:
    """A trial of a session, and in which order its sounds are shown; `again` marks the second time."""

    trial: str
    order: tuple[int, ...]
    again: bool = False


@dataclass(frozen=True)
class ListeningPlan:
    """A whole test: its stimuli and trials by name, and who hears what in which order."""

    title: str
    systems: tuple[str, ...]
    emotions: tuple[str, ...]
    stimuli: Mapping[str, Stimulus]
    trials: Mapping[str, ListeningTrial]
    sessions: tuple[tuple[Turn, ...], ...]
    headphones: tuple[int, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """A hash of everything that listeners get; results name it."""
        return hashlib.sha256(json.dumps(self._plain(), sort_keys=True).encode()).hexdigest()[:16]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of question that are asked, in their fixed order."""
        return tuple(kind for kind in KINDS if any(one.kind == kind for one in self.trials.values()))

    def turns(self, session: int, role: str) -> list[Turn]:
        """Return the turns of one session whose trials have a role."""
        return [turn for turn in self.sessions[session] if self.trials[turn.trial].role == role]

    def _plain(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "systems": list(self.systems),
            "emotions": list(self.emotions),
            "stimuli": {name: asdict(replace(one, path=None)) for name, one in self.stimuli.items()},
            "trials": {name: asdict(one) for name, one in self.trials.items()},
            "sessions": [[asdict(turn) for turn in session] for session in self.sessions],
            "headphones": list(self.headphones),
        }

    def key(self) -> str:
        """Return the key file: who spoke what, and every answer that is known. Listeners never get it."""
        return json.dumps({"id": self.id, "sources": dict(self.sources), **self._plain()}, ensure_ascii=False, indent=1)


def read_plan(folder: Path) -> ListeningPlan:
    """Read the plan of a test from its key file.

    Raises:
        InputError: no key, or one that was changed after the test was written.
    """
    path = folder / KEY
    if not path.is_file():
        raise got("listening test", folder, f"a folder with {KEY}, as `listen run=...` writes it")
    record = read_json(path, "key of a listening test")
    try:
        made = _plan(record)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: not a key of a listening test of this version ({error})") from error
    if made.id != record["id"]:
        raise got(f"{path}, id", record["id"], f"{made.id}: the file was changed after the test was written")
    return made


def _plan(record: Mapping[str, Any]) -> ListeningPlan:
    trials = {
        name: ListeningTrial(**{**one, "sounds": tuple(one["sounds"]), "cell": tuple(one["cell"])})
        for name, one in record["trials"].items()
    }
    return ListeningPlan(
        record["title"],
        tuple(record["systems"]),
        tuple(record["emotions"]),
        {name: Stimulus(**one) for name, one in record["stimuli"].items()},
        trials,
        tuple(tuple(_turn(turn, trials) for turn in session) for session in record["sessions"]),
        tuple(record["headphones"]),
        record["sources"],
    )


def _turn(record: Mapping[str, Any], trials: Mapping[str, ListeningTrial]) -> Turn:
    order: Sequence[int] = tuple(record["order"])
    assert sorted(order) == list(range(len(trials[record["trial"]].sounds)))
    return Turn(record["trial"], tuple(order), bool(record["again"]))
