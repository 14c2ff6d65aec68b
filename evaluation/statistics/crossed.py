"""The default test: is the mean of paired differences zero, when speakers, sentences and seeds are random?

    d = mu + a_speaker + b_sentence (+ c_seed) + e,   each effect normal with its own variance.

The variances and the degrees of freedom are those of `variance.py`. Where effects are small beside the residual, a
variance that would come out negative is pooled and one that comes out too large is not, so the t test is on the safe
side. With `resamples` the test statistic is held against its own distribution instead, simulated under the fitted
variances with a true mean of 0 (parametric bootstrap; Halekoh & Hojsgaard, Journal of Statistical Software 2014).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from evaluation.statistics.intervals import codes, numbers, plain
from evaluation.statistics.variance import CrossedDesign, Factors, Numbers

LEVEL = 0.95  # of intervals


@dataclass(frozen=True)
class CrossedTest:
    """Mean difference with its standard error, t test and what the conclusion may be carried over to.

    `components` are variances per factor and "residual" (0 where pooled); `levels` the number of levels; `n` counts
    cells (items that share every level are averaged first). `note` names a missing number's reason.
    """

    difference: float
    se: float
    df: float
    t: float
    p: float
    low: float
    high: float
    n: int
    levels: dict[str, int] = field(default_factory=dict)
    components: dict[str, float] = field(default_factory=dict)
    note: str = ""
    level: float = LEVEL

    def row(self) -> dict[str, Any]:
        """Return the test as a plain dict; a NaN becomes None."""
        return plain(asdict(self))


def crossed_test(
    differences: ArrayLike,
    speakers: Sequence[Any] | NDArray[Any] | None = None,
    sentences: Sequence[Any] | NDArray[Any] | None = None,
    resamples: int = 0,
    **others: Sequence[Any] | NDArray[Any] | None,
) -> CrossedTest:
    """Test mean(`differences`) = 0 [N] with speakers, sentences and `others` (such as `seed`) crossed and random.

    Sampling seeds are not a factor: leave them out and they are averaged within their cell, as they must be. Without
    any factor this is the one-sample t test. With `resamples` p and interval come from that many simulated tests (the
    same each time), else from the t distribution. Raises InputError for values that are not finite, or labels of
    another length. Fewer than two cells, or no variation, gives a test without p and the reason in `note`.
    """
    values = numbers("differences", differences)
    given: Mapping[str, Any] = {"speaker": speakers, "sentence": sentences, **others}
    if values.size == 0:
        return _untested(math.nan, 0, {}, "no items")
    factors = {k: coded for k, v in given.items() if (coded := codes(k, v, values.size)) is not None}
    values, factors = average_cells(values, factors)
    levels = {name: int(factor.max()) + 1 for name, factor in factors.items()}
    usable, notes = _usable(factors, values.size)
    mean = float(values.mean())
    if values.size < 2:
        return _untested(mean, 1, levels, "one cell: no test is possible")
    design = CrossedDesign(usable, values.size)
    found = design.estimate(values[None])
    shares = dict(zip(usable, found.components[0].tolist(), strict=False))
    components = {**{name: shares.get(name, 0.0) for name in levels}, "residual": float(found.components[0, -1])}
    variance, df = float(found.variance[0]), float(found.df[0])
    if variance <= 0:
        constant = "all differences are the same: no variation to test against"
        p = 1.0 if mean == 0 else math.nan
        return CrossedTest(mean, 0.0, math.nan, math.nan, p, mean, mean, values.size, levels, components, constant)
    se = math.sqrt(variance)
    t = mean / se
    if resamples:
        p, critical = _simulated(design, found.components[0], abs(t), resamples)
    else:
        p, critical = float(2 * stats.t.sf(abs(t), df)), float(stats.t.ppf((1 + LEVEL) / 2, df))
    low, high = mean - critical * se, mean + critical * se
    return CrossedTest(mean, se, df, t, p, low, high, values.size, levels, components, "; ".join(notes))


def _simulated(design: CrossedDesign, components: Numbers, t: float, resamples: int) -> tuple[float, float]:
    """Return p of |t| and the |t| that holds 95 % of those of simulated tests without a difference."""
    drawn = design.simulate(components, resamples, np.random.default_rng(0))
    variance = np.maximum(design.estimate(drawn).variance, np.finfo(np.float64).tiny)
    null = np.sort(np.abs(drawn.mean(1)) / np.sqrt(variance))
    place = min(math.floor(LEVEL * (resamples + 1) + 1e-9), resamples - 1)  # so that p and interval agree
    return float(1 + np.count_nonzero(null >= t)) / (resamples + 1), float(null[place])


def _untested(mean: float, n: int, levels: dict[str, int], note: str) -> CrossedTest:
    nan = math.nan
    return CrossedTest(mean, nan, nan, nan, nan, nan, nan, n, levels, {}, note)


def average_cells(values: Numbers, factors: Factors) -> tuple[Numbers, Factors]:
    """Average takes and sampling seeds of the same cell before any test: one value for each filled cell."""
    if not factors:
        return values, factors
    cells, where, counts = np.unique(np.stack(list(factors.values())), axis=1, return_inverse=True, return_counts=True)
    means = np.bincount(where.reshape(-1), weights=values) / counts
    return means, dict(zip(factors, cells, strict=True))


def _usable(factors: Factors, n: int) -> tuple[Factors, list[str]]:
    """Factors with at least two levels that are not the items themselves, and what is lost with the others."""
    usable, notes = {}, []
    for name, factor in factors.items():
        levels = int(factor.max()) + 1
        if levels == 1:
            notes.append(f"one {name} only: says nothing about other {name}s")
        elif levels == n:
            notes.append(f"every {name} occurs once: its variance is part of the residual")
        else:
            usable[name] = factor
    return usable, notes
