"""What an answer means: from what was shown to the canonical order of a trial, and whether a control was passed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from evaluation.listening.trials import CMOS_STEPS, MUSHRA_MOST, SAME_STEPS, ListeningTrial, Turn
from sovits_lab.types import InputError, got

ZERO = 2  # a slider at this or below counts as zero
GOLD_STEPS = 1  # P.808: a gold answer may be off by one


def check_answer(one: ListeningTrial, answer: Any, emotions: int, where: str) -> Any:
    """Check an answer as shown; return it with whole numbers.

    Raises:
        InputError: an answer that the page cannot give.
    """
    most = {"abx": 1, "cmos": 2 * CMOS_STEPS, "same": SAME_STEPS - 1, "choice": emotions}
    size = len(one.sounds)
    if one.kind in most:
        if not _whole(answer, most[one.kind]):
            raise got(where, answer, f"a whole number from 0 to {most[one.kind]}")
        return int(answer)
    count, top = (size, MUSHRA_MOST) if one.kind == "mushra" else (2, size - 1)
    if not isinstance(answer, list) or len(answer) != count or not all(_whole(x, top) for x in answer):
        raise got(where, answer, f"{count} whole numbers from 0 to {top}")
    if one.kind == "bws" and answer[0] == answer[1]:
        raise InputError(f"{where}: got {answer!r}, expected two different sounds")
    return [int(x) for x in answer]


def _whole(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def canonical(one: ListeningTrial, order: Sequence[int], answer: Any) -> list[float]:
    """Return the values of an answer in the canonical order: one, or one for each sound of mushra and bws.

    abx: 1 for the right one. cmos: -3 to 3, the second against the first. same: 0 (surely the same) to 3. choice: place
    of the emotion, the last for none. mushra: 0 to 100. bws: 1 most, -1 least, 0 otherwise.
    """
    if one.kind == "abx":
        return [float(order[1 + answer] == 1)]
    if one.kind == "cmos":
        score = float(answer - CMOS_STEPS)
        return [score if tuple(order) == (0, 1) else -score]
    if one.kind in ("same", "choice"):
        return [float(answer)]
    values = np.zeros(len(order))
    if one.kind == "mushra":
        values[list(order)] = answer
    else:
        values[order[answer[0]]], values[order[answer[1]]] = 1.0, -1.0
    return values.tolist()


def answer_trap(one: ListeningTrial, emotions: int) -> Any:
    """Return the answer that the voice of a trap asks for: the last, all sliders at 0, the first and the last sound."""
    if one.kind == "mushra":
        return [0] * len(one.sounds)
    if one.kind == "bws":
        return [0, len(one.sounds) - 1]
    return {"abx": 1, "cmos": 2 * CMOS_STEPS, "same": SAME_STEPS - 1, "choice": emotions}[one.kind]


def passes_trap(one: ListeningTrial, answer: Any, emotions: int) -> bool:
    """Tell whether a listener did what the voice of a trap said."""
    return max(answer) <= ZERO if one.kind == "mushra" else bool(answer == answer_trap(one, emotions))


def passes_gold(one: ListeningTrial, values: Sequence[float]) -> bool:
    """Tell whether canonical values agree with the known answer of a gold or training trial."""
    if one.kind == "mushra":
        return values[-1] < values[0]
    assert one.expected is not None
    slack = 0.0 if one.kind == "abx" else GOLD_STEPS
    return abs(values[0] - one.expected) <= slack


def right_answers(one: ListeningTrial, order: Sequence[int]) -> list[Any]:
    """Return every answer, as shown, that agrees with the known answer of a practice trial."""
    choices = {"abx": range(2), "cmos": range(2 * CMOS_STEPS + 1), "same": range(SAME_STEPS)}
    if one.kind not in choices:
        return []
    return [answer for answer in choices[one.kind] if passes_gold(one, canonical(one, order, answer))]


def give_canonical(one: ListeningTrial, turn: Turn, values: Sequence[float]) -> Any:
    """Return the answer, as shown, of somebody who means these canonical values: the inverse of `canonical`."""
    if one.kind == "abx":
        return int(turn.order[1] != (1 if values[0] > 0.5 else 2))
    if one.kind == "cmos":
        return int((values[0] if turn.order == (0, 1) else -values[0]) + CMOS_STEPS)
    if one.kind in ("same", "choice"):
        return int(values[0])
    shown = [values[i] for i in turn.order]
    if one.kind == "mushra":
        return [round(x) for x in shown]
    return [int(np.argmax(shown)), int(np.argmin(shown))]
