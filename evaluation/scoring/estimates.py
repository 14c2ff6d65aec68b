"""Figures: an estimate with its 95 % interval, its judge, its counts, and the bar that it is held against."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evaluation.statistics import Interval, missing
from evaluation.statistics.intervals import codes, resampling_weights

SCORES = "scores.json"  # the file of all estimates of a run


@dataclass(frozen=True)
class Estimate:
    """One number of the report.

    `better` is lower, higher, near (to `truth`) or none. `missing` counts outputs that failed and were scored as worst,
    `observed` is the value without them. `truth` is the same metric on true recordings, or the chance level of a probe.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    speakers: int
    sentences: int
    judge: str
    unit: str = ""
    better: str = "none"
    group: str = "all"
    emotion: str = "all"
    strength: float | None = None
    missing: int = 0
    observed: float | None = None
    truth: float | None = None
    judge_hash: str = ""
    self_graded: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Requirement:
    """A declared floor or ceiling of one figure: declared in the config before the run, checked after it."""

    figure: str
    group: str = "all"
    emotion: str = "all"
    at_least: float | None = None
    at_most: float | None = None

    def reached(self, figure: Estimate | None) -> bool:
        """Tell whether the estimate satisfies the bar; an absent or unmeasured figure never does."""
        if figure is None or figure.value is None:
            return False
        above = self.at_least is None or figure.value >= self.at_least
        return above and (self.at_most is None or figure.value <= self.at_most)

    def checked(self, figures: Sequence[Estimate]) -> dict[str, Any]:
        """Return the bar as plain JSON types, with what was measured and whether it is reached."""
        found = find_estimate(figures, self.figure, self.group, self.emotion)
        value = None if found is None else found.value
        return {**asdict(self), "value": value, "reached": self.reached(found)}


def find_estimate(figures: Sequence[Estimate], name: str, group: str = "all", emotion: str = "all") -> Estimate | None:
    """Find the figure under a name, or None. Points of the strength curve are not tables and are never found here."""
    for one in figures:
        if (one.name, one.group, one.emotion, one.strength) == (name, group, emotion, None):
            return one
    return None


def share_interval(
    parts: Sequence[float],
    wholes: Sequence[float],
    speakers: Sequence[str],
    sentences: Sequence[str],
) -> Interval:
    """Estimate sum(parts) / sum(wholes) where both may be negative: the share of a true shift that was reached.

    Two-way speaker x sentence bootstrap of the pairs. A resample whose true shift lies within a tenth of the whole's
    of zero is dropped: a share of nothing is no number.
    """
    if not parts:
        return missing("no pairs with a true recording")
    above, below = np.asarray(parts, dtype=np.float64), np.asarray(wholes, dtype=np.float64)
    if abs(below.mean()) < 1e-3:
        return missing("the true shift is zero", len(above))
    factors = [
        one
        for one in (codes("speakers", speakers, len(above)), codes("sentences", sentences, len(above)))
        if one is not None and one.max() > 0
    ]
    counts = (len(set(speakers)), len(set(sentences)))
    estimate = float(above.sum() / below.sum())
    if not factors:
        return Interval(estimate, math.nan, math.nan, len(above), *counts, note="one speaker and one sentence")
    draws = []
    for weights in resampling_weights(factors, len(above), n=2000, seed=0):
        top, bottom = weights @ above / weights.sum(axis=1), weights @ below / weights.sum(axis=1)
        usable = bottom / below.mean() > 0.1
        draws.append(top[usable] / bottom[usable])
    shares = np.concatenate(draws)
    if not shares.size:
        return Interval(estimate, math.nan, math.nan, len(above), *counts, note="the true shifts cancel: no interval")
    low, high = np.quantile(shares, [0.025, 0.975])
    note = "" if len(factors) == 2 else "one level of a factor: it is not resampled"
    return Interval(estimate, float(low), float(high), len(above), *counts, note=note)
