"""Variance of a mean over crossed random factors, by Henderson's method I, of many samples of one design at once.

The sums of squares between levels are set equal to their expectations (Henderson, Biometrics 1953; Searle, Casella &
McCulloch, "Variance Components", 1992, ch. 5): a linear system in the variances that is exact for any pattern of
missing cells and equals the analysis of variance when none is missing. The variance of the mean is a sum of mean
squares, so its degrees of freedom follow Satterthwaite (Biometrics 1946). A factor whose variance is estimated negative
is pooled into the residual, the most negative first.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Factors = dict[str, NDArray[np.int64]]
Numbers = NDArray[np.float64]


class Variances(NamedTuple):
    """Variance of each sample's mean [B], its degrees of freedom [B], and the components [B, factors + 1].

    Components stand in the order of the design's factors, the residual last; one that is pooled is 0.
    """

    variance: Numbers
    df: Numbers
    components: Numbers


class _System(NamedTuple):
    """What some of a design's factors make of sums of squares [factors + 1]."""

    solve: Numbers  # components = squares @ solve
    shares: Numbers  # variance of the mean = components . shares
    dfs: Numbers


class CrossedDesign:
    """Which items share a level of which factor; it estimates variances from values of these items.

    Args:
        factors: codes from 0 of each item's level, by factor [N].
        size: number of items N.
    """

    def __init__(self, factors: Factors, size: int) -> None:
        self.factors, self.size = factors, size
        self.levels = {name: int(codes.max()) + 1 for name, codes in factors.items()}
        self._systems: dict[tuple[str, ...], _System] = {}

    @cached_property
    def membership(self) -> dict[str, Numbers]:
        """1 where an item has a level, else 0, [N, levels] by factor."""
        return {name: np.eye(self.levels[name])[codes] for name, codes in self.factors.items()}

    def estimate(self, values: Numbers) -> Variances:
        """Estimate the variances of samples [B, N]."""
        total = np.square(values).sum(1) - values.sum(1) ** 2 / self.size
        between = {name: self._between(values, name) for name in self.factors}
        made = Variances(np.zeros(len(values)), np.zeros(len(values)), np.zeros((len(values), len(self.factors) + 1)))
        waiting = {self._estimable(): np.arange(len(values))}
        while waiting:
            names, rows = waiting.popitem()
            within = total[rows] - sum((between[name][rows] for name in names), np.zeros(len(rows)))
            squares = np.stack([*(between[name][rows] for name in names), within], axis=1)
            components = squares @ self._system(names).solve
            left = self._fill(made, names, rows, squares, components)
            for name in {names[i] for i in components[left, :-1].argmin(1)} if left.any() else ():
                chosen = rows[left][components[left, :-1].argmin(1) == names.index(name)]
                fewer = tuple(one for one in names if one != name)
                waiting[fewer] = np.concatenate([waiting[fewer], chosen]) if fewer in waiting else chosen
        return made

    def simulate(self, components: Numbers, count: int, rng: np.random.Generator) -> Numbers:
        """Draw samples [count, N] whose mean is 0 in truth, with normal effects of these variances [factors + 1]."""
        made = rng.normal(0, np.sqrt(max(float(components[-1]), 0.0)), (count, self.size))
        for (name, member), variance in zip(self.membership.items(), components, strict=False):
            if variance > 0:
                made += rng.normal(0, np.sqrt(variance), (count, self.levels[name])) @ member.T
        return made

    def _between(self, values: Numbers, name: str) -> Numbers:
        member = self.membership[name]
        return np.asarray((np.square(values @ member) / member.sum(0)).sum(1) - values.sum(1) ** 2 / self.size)

    def _estimable(self) -> tuple[str, ...]:
        """Return the factors that leave the residual a degree of freedom; the one of most levels goes first."""
        names = list(self.factors)
        while names and self.size - 1 - sum(self.levels[name] - 1 for name in names) < 1:
            names.remove(max(names, key=lambda name: self.levels[name]))
        return tuple(names)

    def _fill(
        self, made: Variances, names: tuple[str, ...], rows: NDArray[np.int64], squares: Numbers, components: Numbers
    ) -> NDArray[np.bool_]:
        """Write down the samples without a negative component; return which are left to be pooled."""
        system = self._system(names)
        left = (components[:, :-1] < 0).any(1) if names else np.zeros(len(rows), dtype=bool)
        done, found = rows[~left], components[~left]
        variance = found @ system.shares
        # The same variance as a sum of mean squares, whose degrees of freedom are known
        spread = (np.square(squares[~left] * (system.solve @ system.shares)) / system.dfs).sum(1)
        df = np.divide(variance**2, spread, out=np.full(len(done), system.dfs.sum()), where=spread > 0)
        made.variance[done] = variance
        made.df[done] = np.clip(df, 1.0, self.size - 1)  # never more than all degrees of freedom there are
        order = [*(list(self.factors).index(name) for name in names), len(self.factors)]
        made.components[np.ix_(done, np.asarray(order))] = found
        return np.asarray(left, dtype=bool)

    def _system(self, names: tuple[str, ...]) -> _System:
        if names not in self._systems:
            levels = np.array([self.levels[name] for name in names], dtype=np.float64)
            counts = [np.bincount(self.factors[name]).astype(np.float64) for name in names]
            shares = np.array([*(float((count**2).sum()) / self.size**2 for count in counts), 1 / self.size])
            expected = self._expected_squares(names, counts, levels)
            residual = self.size - 1 - float((levels - 1).sum())
            self._systems[names] = _System(
                np.asarray(np.linalg.inv(expected).T, dtype=np.float64), shares, np.append(levels - 1, residual)
            )
        return self._systems[names]

    def _expected_squares(self, names: tuple[str, ...], counts: list[Numbers], levels: Numbers) -> Numbers:
        """E[sum of squares] = matrix @ (variances..., residual variance), a row per factor and one for the rest."""
        size = len(names)
        matrix = np.zeros((size + 1, size + 1))
        share = np.array([float((count**2).sum()) / self.size for count in counts])  # of each variance in E[T_mu]
        for i, row in enumerate(names):
            for j, column in enumerate(names):
                table = self.membership[row].T @ self.membership[column]
                matrix[i, j] = float(((table**2).sum(axis=1) / counts[i]).sum()) - share[j]
            matrix[i, size] = levels[i] - 1
        # remainder: E[T_0 - T_mu] minus the rows above
        matrix[size] = np.append(self.size - share, float(self.size - 1)) - matrix[:size].sum(axis=0)
        return matrix
