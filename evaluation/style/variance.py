"""How much of the vectors' variance is emotion, speaker and text: R2 of PERMANOVA with restricted permutations.

R2 = between-group / total sum of squared distances (Anderson, "A new method for non-parametric multivariate analysis of
variance", Austral Ecology 2001), on z-scored vectors. For p the labels are permuted inside speakers (for the speaker
factor: inside emotions), so a speaker code cannot pass for emotion.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.statistics.intervals import plain

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class VarianceShare:
    """R2 of one factor (0 to 1), its permutation p, and the 95 % point of the permuted R2."""

    factor: str
    r2: float
    p: float
    null_95: float
    permutations: int
    note: str = ""

    def row(self) -> dict[str, Any]:
        """Return the share as a plain dict; NaN becomes None."""
        return plain(asdict(self))


def variance_share(
    factor: str,
    points: NDArray[np.float64],
    labels: NDArray[np.str_],
    inside: NDArray[np.str_],
    permutations: int = 999,
    seed: int = 0,
) -> VarianceShare:
    """Measure R2 of `labels` [N] over `points` [N, D], permuted inside the groups of `inside` [N]."""
    classes, coded = np.unique(labels, return_inverse=True)
    if classes.size < 2:
        return VarianceShare(factor, np.nan, np.nan, np.nan, 0, "not given, or one level only")
    centred = points - points.mean(axis=0)
    total = float((centred**2).sum())
    if total <= 0:
        return VarianceShare(factor, np.nan, np.nan, np.nan, 0, "all vectors are the same")
    counts = np.bincount(coded).astype(np.float64)
    observed = float(_between(coded[None], centred, counts)[0]) / total
    rng = np.random.default_rng(seed)
    groups = [np.flatnonzero(inside == name) for name in np.unique(inside)]
    null = []
    for start in range(0, permutations, 100):
        shuffled = np.tile(coded, (min(100, permutations - start), 1))
        for rows in groups:
            shuffled[:, rows] = rng.permuted(shuffled[:, rows], axis=1)
        null.append(_between(shuffled, centred, counts) / total)
    draws = np.concatenate(null) if null else np.zeros(0)
    if draws.size == 0:
        return VarianceShare(factor, observed, np.nan, np.nan, 0, "no permutations were asked for")
    p = float((1 + (draws >= observed - 1e-12).sum()) / (1 + draws.size))
    return VarianceShare(factor, observed, p, float(np.quantile(draws, 0.95)), draws.size)


def _between(labels: Codes, centred: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Between-group sum of squares of each labelling [n, N]: sum over groups of |sum of members|^2 / size."""
    result = np.zeros(len(labels))
    for c, count in enumerate(counts):
        sums = (labels == c).astype(np.float64) @ centred
        result += (sums**2).sum(axis=1) / count
    return result
