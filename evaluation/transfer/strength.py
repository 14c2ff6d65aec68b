"""Does more strength give more emotion? Kendall's tau per series, tested over speakers and texts, and Page's trend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from evaluation.statistics import CrossedTest, Interval, bootstrap_interval, crossed_test, wilson_interval

FEWEST = 3


@dataclass(frozen=True)
class Point:
    """One output of a strength series; `value` is what should grow, None for a failed output."""

    speaker: str
    text: str
    style: str
    strength: float
    value: float | None


@dataclass(frozen=True)
class Monotonicity:
    """Trend of one measure over strength.

    `tau` is the mean Kendall tau per series (1: always more) with its crossed test against 0; `page_p` Page's test for
    ordered alternatives on speaker means; `monotone` the share of series that never fall; `curve` the means.
    """

    measure: str
    tau: Interval
    test: CrossedTest
    page_p: float | None
    monotone: Interval
    curve: dict[float, Interval]
    failed: int
    note: str = ""

    def row(self) -> dict[str, Any]:
        """Return the trend as plain values."""
        curve = {f"{strength:g}": value.row() for strength, value in self.curve.items()}
        return asdict(self) | {"tau": self.tau.row(), "test": self.test.row(), "monotone": self.monotone.row(),
                               "curve": curve}  # fmt: skip


def monotonicity(measure: str, points: Sequence[Point]) -> Monotonicity | str:
    """Measure the trend of a measure, or say why there is none: it takes series of at least three strengths.

    A failed output has moved nothing: its value is taken as 0 and counted in `failed`.
    """
    grouped: dict[tuple[str, str, str], dict[float, list[float]]] = {}
    for one in points:
        values = grouped.setdefault((one.speaker, one.text, one.style), {}).setdefault(one.strength, [])
        values.append(0.0 if one.value is None else one.value)
    series = {key: _means(values) for key, values in grouped.items() if len(values) >= FEWEST}
    if not series:
        most = max((len(values) for values in grouped.values()), default=0)
        return f"at most {most} strengths of one speaker, text and style; at least {FEWEST} are needed"
    taus = [_tau(strengths, values) for strengths, values in series.values()]
    who, what = [key[0] for key in series], [key[1] for key in series]
    rising = sum(bool((np.diff(values) >= 0).all()) for _, values in series.values())
    failed = sum(one.value is None for one in points)
    page, note = _page(series)
    return Monotonicity(
        measure, bootstrap_interval(taus, who, what), crossed_test(taus, who, what), page,
        wilson_interval(rising, len(series)), _curve(series), failed, note,
    )  # fmt: skip


Series = tuple[NDArray[np.float64], NDArray[np.float64]]


def _means(values: dict[float, list[float]]) -> Series:
    strengths = sorted(values)
    return np.array(strengths), np.array([np.mean(values[s]) for s in strengths])


def _tau(strengths: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """Kendall's tau; a series that does not move at all has no trend, 0."""
    return 0.0 if np.ptp(values) == 0 else round(float(stats.kendalltau(strengths, values).statistic), 9)


def _page(series: dict[tuple[str, str, str], Series]) -> tuple[float | None, str]:
    """Page's test on speakers x strengths; None with the reason when the table is not complete."""
    common = set.intersection(*({float(s) for s in strengths} for strengths, _ in series.values()))
    speakers = sorted({key[0] for key in series})
    if len(common) < FEWEST or len(speakers) < 2:
        return None, "Page's test needs two speakers and three strengths that all series share"
    columns = sorted(common)
    table = np.zeros((len(speakers), len(columns)))
    for row, speaker in enumerate(speakers):
        own = [dict(zip(*one, strict=True)) for key, one in series.items() if key[0] == speaker]
        table[row] = [np.mean([values[c] for values in own]) for c in columns]
    return float(stats.page_trend_test(table).pvalue), ""


def _curve(series: dict[tuple[str, str, str], Series]) -> dict[float, Interval]:
    collected: dict[float, list[tuple[float, str, str]]] = {}
    for (speaker, text, _), (strengths, values) in series.items():
        for strength, value in zip(strengths, values, strict=True):
            collected.setdefault(float(strength), []).append((float(value), speaker, text))
    return {
        strength: bootstrap_interval([v for v, _, _ in found], [s for _, s, _ in found], [t for _, _, t in found])
        for strength, found in sorted(collected.items())
    }
