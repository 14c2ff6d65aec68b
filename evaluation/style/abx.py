"""ABX: is X nearer to A, which shares its label, than to B, which does not? Chance is exactly one half.

Schatz et al., "Evaluating speech features with the minimal-pair ABX task", Interspeech 2013. Two factors play: the one
under test (`contrast`) and the one that must not help (`across`):

    A (c1, g1)   B (c2, g1)   X (c1, g2)      c: contrast, g: across, g1 != g2

A and B share g1, so a code of g alone is at equal distance and gives exactly 50 %. With contrast = emotion and across =
speaker this is the emotion ABX across speakers; with the two exchanged it is the speaker leak across emotions. A third
factor (`apart`, the text) differs between X and both A and B wherever the data allow it. Ties count half.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evaluation.statistics.intervals import Interval, missing

TIE = 1e-7  # distances closer than this are equal: matrix products differ in the last digits
Codes = NDArray[np.int64]
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class AbxCells:
    """Scores of all (c1, c2, g1, g2, text of X) cells, each the mean over its triples.

    All arrays are [cells]; `score` in [0, 1]. `same_text` is the share of X for which no other text was available.
    """

    score: Matrix
    c1: Codes
    c2: Codes
    g1: Codes
    g2: Codes
    text: Codes
    triples: int
    same_text: float

    def pick(self, keep: NDArray[np.bool_]) -> AbxCells:
        """Choose some of the cells."""
        chosen = {name: getattr(self, name)[keep] for name in ("score", "c1", "c2", "g1", "g2", "text")}
        return replace(self, **chosen)


def abx_cells(distances: Matrix, contrast: Codes, across: Codes, apart: Codes | None = None) -> AbxCells:
    """Compute all ABX cells of a distance matrix [N, N] and integer labels [N].

    One block per (c1, c2, g1) compares the distances of all its A and B to all X at once.
    """
    apart = np.arange(len(contrast)) if apart is None else apart
    members = {
        (c, g): np.flatnonzero((contrast == c) & (across == g)) for c in np.unique(contrast) for g in np.unique(across)
    }
    columns: list[Matrix] = []
    scores: list[Matrix] = []
    triples, forced, total = 0, 0, 0
    for c1 in np.unique(contrast):
        for g1 in np.unique(across):
            A = members[c1, g1]
            X = np.flatnonzero((contrast == c1) & (across != g1))
            if A.size == 0 or X.size == 0:
                continue
            for c2 in np.unique(contrast):
                B = members[c2, g1]
                if c2 == c1 or B.size == 0:
                    continue
                score, free = _block(distances[np.ix_(A, X)], distances[np.ix_(B, X)], apart, A, B, X)
                triples += A.size * B.size * X.size
                forced, total = forced + int((~free).sum()), total + X.size
                keys = np.stack([across[X], apart[X]])
                cells, where = np.unique(keys, axis=1, return_inverse=True)
                mean = np.bincount(where.reshape(-1), weights=score) / np.bincount(where.reshape(-1))
                fixed = np.tile([[c1], [c2], [g1]], (1, cells.shape[1]))
                columns.append(np.concatenate([fixed, cells]))
                scores.append(mean)
    if not scores:
        empty = np.zeros(0, dtype=np.int64)
        return AbxCells(np.zeros(0), empty, empty, empty, empty, empty, 0, 0.0)
    c1s, c2s, g1s, g2s, texts = np.concatenate(columns, axis=1).astype(np.int64)
    return AbxCells(np.concatenate(scores), c1s, c2s, g1s, g2s, texts, triples, forced / total)


def _block(near: Matrix, far: Matrix, apart: Codes, A: Codes, B: Codes, X: Codes) -> tuple[Matrix, NDArray[np.bool_]]:
    """Score per X [X] from d(A, X) and d(B, X), and whether A and B of another text were available for it."""
    gap = far[None, :, :] - near[:, None, :]
    wins = (gap > TIE) + 0.5 * (np.abs(gap) <= TIE)  # [A, B, X]
    use_a = (apart[A][:, None] != apart[X]).astype(np.float64)
    use_b = (apart[B][:, None] != apart[X]).astype(np.float64)
    free = (use_a.sum(0) > 0) & (use_b.sum(0) > 0)
    use_a[:, ~free] = 1.0
    use_b[:, ~free] = 1.0
    weight = use_a.sum(0) * use_b.sum(0)
    return np.einsum("abx,ax,bx->x", wins, use_a, use_b) / weight, free


@dataclass(frozen=True)
class AbxResult:
    """Mean over cells in percent with its interval, and the resampled values that paired differences need [n]."""

    interval: Interval
    draws: Matrix


def summarise(
    cells: AbxCells, first: Codes, second: Codes, n_levels: int, n: int = 1000, seed: int = 0, texts: int = 0
) -> AbxResult:
    """Average scores in percent, with a bootstrap over clusters of speakers.

    Speakers are drawn with replacement and a cell counts as often as its two speakers (`first`, `second`) were drawn;
    no speaker is ever paired with himself. With `texts` >= 8 levels of text, these are drawn too (two-way).
    The same seed and labels give the same resamples, so two encoders on the same items can be compared draw by draw.
    """
    if cells.score.size == 0:
        note = "no cell has A, B and X: too few speakers per emotion"
        return AbxResult(missing(note), np.zeros(0))
    two_way = texts >= 8
    keys = np.stack([first, second, cells.text if two_way else np.zeros_like(first)])
    groups, where = np.unique(keys, axis=1, return_inverse=True)
    sums = np.bincount(where.reshape(-1), weights=cells.score)
    counts = np.bincount(where.reshape(-1)).astype(np.float64)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(n_levels, np.full(n_levels, 1 / n_levels), size=n).astype(np.float64)
    weights = drawn[:, groups[0]] * drawn[:, groups[1]]
    if two_way:
        weights *= rng.multinomial(texts, np.full(texts, 1 / texts), size=n)[:, groups[2]]
    total = weights @ counts
    draws = np.full(n, np.nan)
    draws[total > 0] = 100 * (weights @ sums)[total > 0] / total[total > 0]
    estimate = 100 * float(cells.score.mean())
    low, high = np.nanquantile(draws, [0.025, 0.975])
    present = np.unique(np.concatenate([first, second])).size
    interval = Interval(estimate, float(low), float(high), cells.triples, present, texts if two_way else 0)
    return AbxResult(interval, draws)


def paired_difference(ours: AbxResult, theirs: AbxResult) -> Interval:
    """Estimate the difference of two encoders on the same items and the same resamples, percentage points."""
    if ours.draws.size == 0 or ours.draws.size != theirs.draws.size:
        return missing("the two were not measured on the same items")
    gap = ours.draws - theirs.draws
    low, high = np.nanquantile(gap, [0.025, 0.975])
    estimate = ours.interval.estimate - theirs.interval.estimate
    return Interval(estimate, float(low), float(high), ours.interval.n, ours.interval.n_speakers)
