"""Retrieval across speakers: of the nearest vectors of other speakers, how many have the query's emotion?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.statistics.intervals import Interval, bootstrap_interval, missing


@dataclass(frozen=True)
class Retrieval:
    """R-precision and mAP@R in percent (Musgrave et al., "A metric learning reality check", 2020), and the chance."""

    r_precision: Interval
    map_at_r: Interval
    chance: float


def retrieval(distances: NDArray[np.float64], emotion: NDArray[np.int64], speaker: NDArray[np.int64]) -> Retrieval:
    """Query with each item the items of all other speakers; R is the number of those that share its emotion."""
    n = len(emotion)
    precisions, maps, chances, owners = [], [], [], []
    rng = np.random.default_rng(0)
    for query in range(n):
        pool = np.flatnonzero(speaker != speaker[query])
        right = emotion[pool] == emotion[query]
        R = int(right.sum())
        if R == 0:
            continue
        shuffled = rng.permutation(pool.size)  # equal distances must not be broken by the order of the file
        order = shuffled[np.argsort(distances[query, pool][shuffled], kind="stable")][:R]
        hits = right[order]
        precisions.append(100 * hits.mean())
        maps.append(100 * float((np.cumsum(hits) / np.arange(1, R + 1) * hits).sum()) / R)
        chances.append(100 * R / pool.size)
        owners.append(speaker[query])
    if not precisions:
        nothing = missing("no emotion is spoken by two speakers")
        return Retrieval(nothing, nothing, float("nan"))
    return Retrieval(
        bootstrap_interval(precisions, owners, n=1000),
        bootstrap_interval(maps, owners, n=1000),
        float(np.mean(chances)),
    )
