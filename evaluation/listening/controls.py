"""Trials whose answers are known: training, gold, and traps in which a voice says what to answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evaluation.listening.trials import (
    CMOS_STEPS,
    GOLD,
    TRAINING,
    TRAP,
    ListeningTrial,
    Stimulus,
)

DAMAGED, INSTRUCTION = "damaged", "instruction"


def make_controls(
    trials: Sequence[ListeningTrial], stimuli: dict[str, Stimulus], gold: int, traps: int
) -> list[ListeningTrial]:
    """Make gold, trap and training trials of one kind out of its main trials; stimuli that they need are added.

    Kinds whose right answer cannot be known (choice, bws) have no gold.
    """
    made: list[ListeningTrial] = []
    kind = trials[0].kind
    spread = [trials[(i * max(1, len(trials) // (gold + traps + 1))) % len(trials)] for i in range(gold + traps + 1)]
    if kind in _GOLD:
        made += [_gold(one, stimuli, f"{kind}-g{n}", GOLD) for n, one in enumerate(spread[:gold])]
        made.append(_gold(spread[-1], stimuli, f"{kind}-t0", TRAINING))
    else:
        made.append(replace(spread[-1], id=f"{kind}-t0", role=TRAINING))
    for n, one in enumerate(spread[gold : gold + traps]):
        spoken = _changed(stimuli, one.sounds[-1], INSTRUCTION, kind)
        made.append(replace(one, id=f"{kind}-p{n}", role=TRAP, sounds=(*one.sounds[:-1], spoken)))
    return made


def _gold(one: ListeningTrial, stimuli: dict[str, Stimulus], name: str, role: str) -> ListeningTrial:
    sounds, expected = _GOLD[one.kind](one, stimuli)
    return replace(one, id=name, role=role, sounds=sounds, expected=expected)


def _gold_abx(one: ListeningTrial, stimuli: dict[str, Stimulus]) -> tuple[tuple[str, ...], float]:
    """X is the right one itself."""
    return (one.sounds[1], one.sounds[1], one.sounds[2]), 1.0


def _gold_cmos(one: ListeningTrial, stimuli: dict[str, Stimulus]) -> tuple[tuple[str, ...], float]:
    """The second is the first in loud noise, so it is much worse."""
    return (one.sounds[0], _changed(stimuli, one.sounds[0], DAMAGED)), float(-CMOS_STEPS)


def _gold_mushra(one: ListeningTrial, stimuli: dict[str, Stimulus]) -> tuple[tuple[str, ...], float]:
    """The last is the first in loud noise."""
    return (*one.sounds[:-1], _changed(stimuli, one.sounds[0], DAMAGED)), -1.0


def _gold_same(one: ListeningTrial, stimuli: dict[str, Stimulus]) -> tuple[tuple[str, ...], float]:
    """Make a control whose answer is known: the same sound twice is one speaker."""
    return (one.sounds[0], one.sounds[0]), 0.0


_GOLD = {"abx": _gold_abx, "cmos": _gold_cmos, "mushra": _gold_mushra, "same": _gold_same}


def _changed(stimuli: dict[str, Stimulus], name: str, treatment: str, kind: str = "") -> str:
    made = replace(stimuli[name], treatment=f"{treatment} {kind}".strip())
    stimuli[made.name] = made
    return made.name
