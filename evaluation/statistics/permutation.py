"""Sign-flip permutation of speaker means: the check that assumes symmetry only, not normal effects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from evaluation.statistics.intervals import codes, numbers
from sovits_lab.types import got

ENOUGH_SPEAKERS = 6  # 2 / 2**6 = 0.031: with fewer, no result can fall below 0.05


@dataclass(frozen=True)
class PermutationTest:
    """Mean over speakers, two-sided p, the smallest p so many speakers can reach, whether all flips were tried."""

    difference: float
    p: float
    floor: float
    n_speakers: int
    exact: bool
    note: str = ""


def speaker_means(values: NDArray[np.float64], speakers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Average the values of each speaker [K]."""
    return np.bincount(speakers, weights=values) / np.bincount(speakers)


def sign_flip_test(
    differences: ArrayLike, speakers: Sequence[Any] | NDArray[Any], resamples: int = 9999, seed: int = 0
) -> PermutationTest:
    """Test speaker means of `differences` [N] by flipping signs, two-sided; all flips when there are at most
    `resamples`.

    Raises InputError for values that are not finite. One speaker or no item gives no p and the reason.
    """
    values = numbers("differences", differences)
    if values.size == 0:
        return PermutationTest(math.nan, math.nan, math.nan, 0, False, "no items")
    coded = codes("speakers", speakers, values.size)
    if coded is None:
        raise got("speakers", None, "one label per item")
    means = speaker_means(values, coded)
    if means.size == 1:
        return PermutationTest(float(means[0]), math.nan, 1.0, 1, False, "one speaker: nothing to flip")
    floor = 2.0 ** (1 - means.size)
    note = f"{means.size} speakers cannot reach p < {floor:.3g}" if means.size < ENOUGH_SPEAKERS else ""
    found = stats.permutation_test(
        (means,), np.mean, permutation_type="samples", n_resamples=resamples, rng=np.random.default_rng(seed)
    )
    return PermutationTest(
        float(means.mean()), float(found.pvalue), floor, means.size, 2**means.size <= resamples, note
    )
