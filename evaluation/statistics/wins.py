"""Who won, item by item: a win rate with ties as halves, resampled by the same speakers and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluation.statistics.intervals import Interval, bootstrap_interval, numbers
from sovits_lab.types import got


@dataclass(frozen=True)
class WinRate:
    """Share of items the first system wins (ties count half) with its interval, and the three counts."""

    rate: Interval
    wins: int
    ties: int
    losses: int


def win_rate(
    first: ArrayLike,
    second: ArrayLike,
    speakers: Sequence[Any] | NDArray[Any] | None = None,
    sentences: Sequence[Any] | NDArray[Any] | None = None,
    higher_is_better: bool = True,
) -> WinRate:
    """Estimate the win rate of `first` over `second` on the same items [N]."""
    ours, theirs = numbers("first", first), numbers("second", second)
    if ours.size != theirs.size:
        raise got("second", f"{theirs.size} values", f"{ours.size}: the same items in the same order")
    gap = (ours - theirs) if higher_is_better else (theirs - ours)
    score = np.where(gap == 0, 0.5, (gap > 0).astype(float))
    interval = bootstrap_interval(score, speakers, sentences)
    return WinRate(interval, int((score == 1).sum()), int((score == 0.5).sum()), int((score == 0).sum()))
