"""The default test: is the mean of paired differences zero, when speakers, sentences and seeds are random?

    d = mu + a_speaker + b_sentence (+ c_seed) + e,   each effect normal with its own variance.

The variances come from Henderson's method I (Henderson, Biometrics 1953; Searle, Casella & McCulloch, "Variance
Components", 1992, ch. 5): the sums of squares between levels are set equal to their expectations, a linear system in
the variances that is exact for any pattern of missing cells and equals the analysis of variance when none is missing.
The variance of the mean is a sum of mean squares, so its degrees of freedom follow Satterthwaite (Biometrics 1946).
A factor whose variance is estimated negative is pooled into the residual.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from evaluation.statistics.intervals import codes, numbers

Factors = dict[str, NDArray[np.int64]]


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
    level: float = 0.95

    def row(self) -> dict[str, Any]:
        """Return the test as a plain dict; a NaN becomes None."""
        return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(self).items()}


class _Variance(NamedTuple):
    """Variance of the mean, its degrees of freedom, and the components behind it."""

    variance: float
    df: float
    components: dict[str, float]


def crossed_test(
    differences: ArrayLike,
    speakers: Sequence[Any] | NDArray[Any] | None = None,
    sentences: Sequence[Any] | NDArray[Any] | None = None,
    seeds: Sequence[Any] | NDArray[Any] | None = None,
    level: float = 0.95,
    **others: Sequence[Any] | NDArray[Any] | None,
) -> CrossedTest:
    """Test mean(`differences`) = 0 [N] with speakers, sentences, (training) seeds and `others` crossed and random.

    Sampling seeds are not a factor: leave them out and they are averaged within their cell, as they must be. Without
    any factor this is the one-sample t test. Raises InputError for values that are not finite, or labels of another
    length. Fewer than two cells, or no variation, gives a test without p and the reason in `note`.
    """
    values = numbers("differences", differences)
    given: Mapping[str, Any] = {"speaker": speakers, "sentence": sentences, "seed": seeds, **others}
    if values.size == 0:
        return _untested(math.nan, 0, {}, "no items", level)
    factors = {k: coded for k, v in given.items() if (coded := codes(k, v, values.size)) is not None}
    values, factors = average_cells(values, factors)
    levels = {name: int(factor.max()) + 1 for name, factor in factors.items()}
    usable, notes = _usable(factors, values.size)
    mean = float(values.mean())
    if values.size < 2:
        return _untested(mean, 1, levels, "one cell: no test is possible", level)
    found = variance_of_mean(values, usable)
    components = {name: found.components.get(name, 0.0) for name in [*levels, "residual"]}
    if found.variance <= 0:
        constant = "all differences are the same: no variation to test against"
        p = 1.0 if mean == 0 else math.nan
        return CrossedTest(
            mean, 0.0, math.nan, math.nan, p, mean, mean, values.size, levels, components, constant, level
        )
    se = math.sqrt(found.variance)
    t = mean / se
    half = float(stats.t.ppf((1 + level) / 2, found.df)) * se
    p = float(2 * stats.t.sf(abs(t), found.df))
    note = "; ".join(notes)
    return CrossedTest(mean, se, found.df, t, p, mean - half, mean + half, values.size, levels, components, note, level)


def _untested(mean: float, n: int, levels: dict[str, int], note: str, level: float) -> CrossedTest:
    nan = math.nan
    return CrossedTest(mean, nan, nan, nan, nan, nan, nan, n, levels, {}, note, level)


def average_cells(values: NDArray[np.float64], factors: Factors) -> tuple[NDArray[np.float64], Factors]:
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


def variance_of_mean(values: NDArray[np.float64], factors: Factors) -> _Variance:
    """Estimate the variance of the plain mean by Henderson's method I, pooling the factor with the most negative
    variance first.
    """
    factors = dict(factors)
    while True:
        found = _henderson(values, factors)
        if found is None:  # no degrees of freedom are left for the residual: the smallest factor explains all
            factors.pop(max(factors, key=lambda name: int(factors[name].max())))
            continue
        negative = {name: value for name, value in found.components.items() if value < 0 and name in factors}
        if not negative:
            return found
        factors.pop(min(negative, key=lambda name: negative[name]))


def _henderson(values: NDArray[np.float64], factors: Factors) -> _Variance | None:
    """One solution of the system; None when the residual has no degrees of freedom."""
    n = values.size
    names = list(factors)
    levels = np.array([int(factors[name].max()) + 1 for name in names], dtype=np.float64)
    residual_df = n - 1 - float((levels - 1).sum())
    if names and residual_df < 1:
        return None
    counts = [np.bincount(factors[name]).astype(np.float64) for name in names]
    correction = float(values.sum()) ** 2 / n  # T_mu
    between = [
        float((np.bincount(factors[name], weights=values) ** 2 / count).sum()) - correction
        for name, count in zip(names, counts, strict=True)
    ]
    within = float(values @ values) - correction - sum(between)
    squares = np.array([*between, within])
    expected = _expected_squares(factors, counts, levels, n)
    components = np.linalg.solve(expected, squares)
    # Var(mean) = k . components, with k the squared share of each level
    k = np.array([float((count**2).sum()) / n**2 for count in counts] + [1 / n])
    variance = float(k @ components)
    # The same variance as a sum of mean squares, whose degrees of freedom are known
    weights = np.linalg.solve(expected.T, k)
    dfs = np.append(levels - 1, residual_df)
    parts = weights * squares
    spread = float((parts**2 / dfs).sum())
    df = variance**2 / spread if spread > 0 else float(dfs.sum())
    # never more than all degrees of freedom there are
    df = min(max(df, 1.0), float(n - 1))
    return _Variance(variance, df, dict(zip([*names, "residual"], components.tolist(), strict=True)))


def _expected_squares(
    factors: Factors, counts: list[NDArray[np.float64]], levels: NDArray[np.float64], n: int
) -> NDArray[np.float64]:
    """E[sum of squares] = matrix @ (variances..., residual variance), one row per factor and one for the remainder."""
    names = list(factors)
    size = len(names)
    matrix = np.zeros((size + 1, size + 1))
    share = np.array([float((count**2).sum()) / n for count in counts])  # of each variance in E[T_mu]
    for i, row in enumerate(names):
        for j, column in enumerate(names):
            table = np.zeros((counts[i].size, counts[j].size))
            np.add.at(table, (factors[row], factors[column]), 1.0)
            matrix[i, j] = float(((table**2).sum(axis=1) / counts[i]).sum()) - share[j]
        matrix[i, size] = levels[i] - 1
    # remainder: E[T_0 - T_mu] minus the rows above
    total = np.append(n - share, float(n - 1))
    matrix[size] = total - matrix[:size].sum(axis=0)
    return matrix
