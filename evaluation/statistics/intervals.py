"""Intervals for a mean or a ratio of sums when items share speakers and sentences.

Items of one speaker resemble each other, and so do items of one sentence. Resampling items one by one forgets that and
gives intervals that are far too short. The two-way bootstrap draws speakers and sentences independently, with
replacement; an item counts as often as its speaker times its sentence was drawn (the pigeonhole bootstrap: Owen, "The
pigeonhole bootstrap", Annals of Applied Statistics 2007).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from sovits_lab.types import got

CHUNK = 4_000_000  # weights held at once: 32 MB of float64


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval, how many items, speakers and sentences carry it, and what to know about it.

    `n_speakers` or `n_sentences` is 0 when that factor was not given. `note` says why a bound is missing (NaN) or what
    the interval does not cover; it is empty when there is nothing to say.
    """

    estimate: float
    low: float
    high: float
    n: int
    n_speakers: int = 0
    n_sentences: int = 0
    note: str = ""
    level: float = 0.95

    def row(self) -> dict[str, Any]:
        """Return the interval as a plain dict; a NaN becomes None, so that it is valid JSON."""
        return plain(asdict(self))

    def above(self, bound: float) -> bool:
        """Tell whether the whole interval lies above `bound`; False when there is no interval."""
        return self.low > bound

    def below(self, bound: float) -> bool:
        """Tell whether the whole interval lies below `bound`."""
        return self.high < bound

    def __str__(self) -> str:
        if math.isnan(self.estimate):
            return f"- ({self.note})"
        if math.isnan(self.low):
            return f"{self.estimate:.4g} [- , -] ({self.note})"
        return f"{self.estimate:.4g} [{self.low:.4g}, {self.high:.4g}]"


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as JSON can hold it: None for a number that is none, or infinite."""
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()}


def missing(note: str, n: int = 0) -> Interval:
    """Make an interval without numbers, with the reason why."""
    return Interval(math.nan, math.nan, math.nan, n, 0, 0, note)


def numbers(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Check that `values` are numbers and return them as a float vector [N]; InputError names the first
    that is none.
    """
    vector = np.asarray(values, dtype=np.float64)
    if vector.ndim != 1:
        raise got(name, f"shape {vector.shape}", "one number per item")
    wrong = np.flatnonzero(~np.isfinite(vector))
    if wrong.size:
        raise got(
            f"{name}[{wrong[0]}]",
            float(vector[wrong[0]]),
            f"a finite number ({wrong.size} of {vector.size} are not; score a missing item as the worst value)",
        )
    return vector


def codes(name: str, labels: Sequence[Any] | NDArray[Any] | None, n: int) -> NDArray[np.int64] | None:
    """Encode labels as integers 0..levels-1 [N]; None when the factor is not given."""
    if labels is None:
        return None
    if len(labels) != n:
        raise got(name, f"{len(labels)} labels", f"{n}, one per item")
    return np.unique(np.asarray([str(label) for label in labels]), return_inverse=True)[1].astype(np.int64)


def resampling_weights(
    factors: Sequence[NDArray[np.int64]], n_items: int, n: int, seed: int
) -> Iterator[NDArray[np.float64]]:
    """Draw how often each item counts in each of `n` resamples, in chunks [chunk, N]; without a factor items are drawn
    one by one.

    A resample in which no item is left (possible when few cells are filled) is left out, so a chunk may be shorter.
    """
    rng = np.random.default_rng(seed)
    factors = list(factors) or [np.arange(n_items)]
    step = max(1, min(n, CHUNK // max(n_items, 1)))
    for start in range(0, n, step):
        size = min(step, n - start)
        weights = np.ones((size, n_items))
        for factor in factors:
            levels = int(factor.max()) + 1
            counts = rng.multinomial(levels, np.full(levels, 1 / levels), size=size)
            weights *= counts[:, factor]
        yield weights[weights.sum(axis=1) > 0]


def _usable(
    speakers: NDArray[np.int64] | None, sentences: NDArray[np.int64] | None
) -> tuple[list[NDArray[np.int64]], str]:
    """The factors that can be resampled, and what the interval therefore does not cover."""
    factors, notes = [], []
    for name, factor in (("speaker", speakers), ("sentence", sentences)):
        if factor is None:
            continue
        if factor.max() == 0:
            notes.append(f"one {name} only: says nothing about other {name}s")
        else:
            factors.append(factor)
    return factors, "; ".join(notes)


def _levels(factor: NDArray[np.int64] | None) -> int:
    return 0 if factor is None else int(factor.max()) + 1


def bootstrap_interval(
    values: ArrayLike,
    speakers: Sequence[Any] | NDArray[Any] | None = None,
    sentences: Sequence[Any] | NDArray[Any] | None = None,
    n: int = 2000,
) -> Interval:
    """Estimate the mean of `values` [N] with its 95 % percentile interval from `n` resamples: two-way when both factors
    are given, else one-way or i.i.d.

    Raises InputError for values that are not finite or labels of another length. An empty input or one item gives an
    interval without bounds and the reason in `note`.
    """
    vector = numbers("values", values)
    return bootstrap_ratio(vector, np.ones(vector.size), speakers, sentences, n)


def bootstrap_ratio(
    numerators: ArrayLike,
    denominators: ArrayLike,
    speakers: Sequence[Any] | NDArray[Any] | None = None,
    sentences: Sequence[Any] | NDArray[Any] | None = None,
    n: int = 2000,
) -> Interval:
    """Estimate sum(numerators) / sum(denominators): the micro error rate, errors and words resampled together."""
    above, below = numbers("numerators", numerators), numbers("denominators", denominators)
    if above.size != below.size:
        raise got("denominators", f"{below.size} values", f"{above.size}, as many as numerators")
    if above.size == 0:
        return missing("no items")
    if below.min() < 0 or below.sum() == 0:
        raise got("denominators", "a negative value or a sum of zero", "counts with a positive sum")
    who, what = codes("speakers", speakers, above.size), codes("sentences", sentences, above.size)
    factors, note = _usable(who, what)
    estimate, sizes = float(above.sum() / below.sum()), (above.size, _levels(who), _levels(what))
    if above.size == 1:
        return Interval(estimate, math.nan, math.nan, *sizes, "one item: no interval")
    draws = []
    for weights in resampling_weights(factors, above.size, n, seed=0):
        total = weights @ below
        draws.append((weights @ above)[total > 0] / total[total > 0])
    found = np.concatenate(draws)
    if found.size == 0:
        return Interval(estimate, math.nan, math.nan, *sizes, "no resample had a value")
    low, high = np.quantile(found, [0.025, 0.975])
    return Interval(estimate, float(low), float(high), *sizes, note)


def wilson_interval(successes: int, n: int) -> Interval:
    """Estimate a proportion with Wilson's 95 % interval (a rate of independent events such as catastrophic items).

    Raises InputError when successes exceed n. With n = 0 there is no estimate and the note says so.
    """
    if not 0 <= successes <= n:
        raise got("successes", successes, f"between 0 and n = {n}")
    if n == 0:
        return missing("no items")
    bounds = stats.binomtest(successes, n).proportion_ci(confidence_level=0.95, method="wilson")
    return Interval(successes / n, float(bounds.low), float(bounds.high), n)
