"""Which arm is best: by every metric, and the front of those that no other beats in all that matters at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from evaluation.catalogue import badness
from evaluation.compare.arms import ScoredRun
from evaluation.compare.paired import ComparedFigure
from evaluation.suite.run_estimates import find_figure

ERRORS = ("per.", "wer.lab", "cer.lab")
VOICES = ("similarity_calibrated", "similarity")


class ArmValue(NamedTuple):
    """A figure of one arm, and how bad it is (less is better; None: no way is better)."""

    value: float | None
    low: float | None
    high: float | None
    truth: float | None
    bad: float | None


def find_value(arm: ScoredRun, measure: ComparedFigure) -> ArmValue:
    """Find the value of a figure in an arm."""
    one = find_figure(arm.report["figures"], measure.name, measure.group, measure.emotion)
    if one is None or one["value"] is None:
        return ArmValue(None, None, None, None, None)
    truth = 1.0 if measure.name.endswith("_share") else one["truth"]
    return ArmValue(one["value"], one["low"], one["high"], one["truth"], badness(measure.name, one["value"], truth))


def find_winners(entries: Sequence[ArmValue]) -> set[int]:
    """Find the arms with the best value; none where all are equal or no way is better."""
    known = {i: one.bad for i, one in enumerate(entries) if one.bad is not None}
    if len(known) < 2 or len(set(known.values())) == 1:
        return set()
    return {i for i, bad in known.items() if bad == min(known.values())}


def choose_objectives(arms: Sequence[ScoredRun], measures: Sequence[ComparedFigure]) -> list[ComparedFigure]:
    """Choose what arms are held against each other by: share of the true emotional shift, likeness of the voice, errors
    of words or phones.

    Of errors, those by a judge that is not part of the system; each as a bar asks for it, where one does.
    """
    graded = {one["name"]: one["self_graded"] for one in arms[0].report["judges"]}
    shift = [m for m in measures if m.name == "f0_share"] or _shares(arms)
    errors = [m for m in measures if m.name.startswith(ERRORS)]
    errors.sort(key=lambda m: graded.get(m.judge, False))
    voices = sorted((m for m in measures if m.name in VOICES), key=lambda m: VOICES.index(m.name))
    return [found[0] for found in (shift, voices, errors) if found]


def find_front(arms: Sequence[ScoredRun], chosen: Sequence[ComparedFigure]) -> set[int]:
    """Find the arms that no other arm equals or beats in all of `chosen` and beats in one (Pareto's front)."""
    table = [[find_value(arm, m).bad for m in chosen] for arm in arms]
    known = {i: [x for x in row if x is not None] for i, row in enumerate(table) if None not in row}

    def beaten(i: int) -> bool:
        return any(
            all(a <= b for a, b in zip(other, known[i], strict=True)) and other != known[i]
            for j, other in known.items()
            if j != i
        )

    return {i for i in known if not beaten(i)}


def _shares(arms: Sequence[ScoredRun]) -> list[ComparedFigure]:
    figures: list[dict[str, Any]] = arms[0].report["figures"]
    found = [
        one for one in figures if one["name"] == "f0_share" and one["strength"] is None and one["value"] is not None
    ]
    found.sort(key=lambda one: (one["group"] != "target", one["emotion"] != "sad"))
    made = [ComparedFigure(one["name"], one["judge"], one["group"], one["emotion"]) for one in found]
    return [m for m in made if all(find_value(arm, m).bad is not None for arm in arms)]
