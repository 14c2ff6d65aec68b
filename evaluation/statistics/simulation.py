"""How often does a test cry wolf? Simulated comparisons of a system with itself, on the scale of a similarity score.

    d[s, t] = effect + a_s + b_t + e_st,   a: speaker x system, b: sentence x system, e: the rest

with standard deviations 0.02, 0.01 and 0.05 in each of the two systems. Resampling only items leaves a and b out, which
is what makes the familiar tests fail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from evaluation.statistics.crossed import crossed_test
from evaluation.statistics.intervals import Interval, resampling_weights, wilson_interval
from evaluation.statistics.permutation import sign_flip_test, speaker_means

ALPHA = 0.05
RESAMPLES = 500
Draw = NDArray[np.float64]
Codes = NDArray[np.int64]
# values, speakers, sentences, seed -> "significant at 5 %"
Decision = Callable[[Draw, Codes, Codes, int], bool]


class Design(NamedTuple):
    """Speakers by sentences."""

    speakers: int
    sentences: int


DESIGNS = (Design(4, 25), Design(8, 25), Design(10, 50), Design(24, 20))


@dataclass(frozen=True)
class Spread:
    """Standard deviations in each system; a difference of two systems has sqrt(2) times as much."""

    speaker: float = 0.02
    sentence: float = 0.01
    residual: float = 0.05


class SimulatedComparison(NamedTuple):
    """Differences of a simulated comparison [S*T] with their speaker and sentence codes [S*T]."""

    values: Draw
    speakers: Codes
    sentences: Codes


def simulate_differences(
    design: Design, spread: Spread, effect: float, rng: np.random.Generator
) -> SimulatedComparison:
    """Simulate one comparison of a system with another that differs by `effect`."""
    who, what = np.divmod(np.arange(design.speakers * design.sentences), design.sentences)
    noise = rng.normal(0, spread.speaker, design.speakers)[who]
    noise += rng.normal(0, spread.sentence, design.sentences)[what] + rng.normal(0, spread.residual, who.size)
    return SimulatedComparison(effect + np.sqrt(2) * noise, who, what)


def _bootstrap(values: Draw, factors: list[Codes], seed: int) -> bool:
    draws = np.concatenate([w @ values / w.sum(1) for w in resampling_weights(factors, values.size, RESAMPLES, seed)])
    low, high = np.quantile(draws, [ALPHA / 2, 1 - ALPHA / 2])
    return not low <= 0 <= high


TESTS: dict[str, Decision] = {
    "utterance t-test": lambda d, who, what, seed: stats.ttest_1samp(d, 0).pvalue < ALPHA,
    "Wilcoxon on utterances": lambda d, who, what, seed: stats.wilcoxon(d).pvalue < ALPHA,
    "i.i.d. bootstrap": lambda d, who, what, seed: _bootstrap(d, [], seed),
    "speaker bootstrap": lambda d, who, what, seed: _bootstrap(d, [who], seed),
    "two-way bootstrap": lambda d, who, what, seed: _bootstrap(d, [who, what], seed),
    "t-test on speaker means": lambda d, who, what, seed: stats.ttest_1samp(speaker_means(d, who), 0).pvalue < ALPHA,
    "sign flips of speaker means": lambda d, who, what, seed: sign_flip_test(d, who, 999, seed).p < ALPHA,
    "crossed random effects": lambda d, who, what, seed: crossed_test(d, who, what).p < ALPHA,
}
DEFAULT = "crossed random effects"


def positives(design: Design, runs: int, effect: float = 0.0, seed: int = 0,
              tests: tuple[str, ...] = tuple(TESTS)) -> dict[str, Interval]:  # fmt: skip
    """Estimate the share of `runs` comparisons that each test calls significant: type-I error at effect 0, power
    otherwise.
    """
    rng = np.random.default_rng([seed, design.speakers, design.sentences])
    found = dict.fromkeys(tests, 0)
    for run in range(runs):
        drawn = simulate_differences(design, Spread(), effect, rng)
        for name in tests:
            found[name] += bool(TESTS[name](*drawn, run))
    return {name: wilson_interval(count, runs) for name, count in found.items()}
