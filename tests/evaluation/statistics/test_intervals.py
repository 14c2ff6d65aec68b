"""Intervals cover what they say, and say what they do not cover."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evaluation.statistics import bootstrap_interval, bootstrap_ratio, wilson_interval
from evaluation.statistics.intervals import resampling_weights
from sovits_lab.types import InputError


def crossed(rng: np.random.Generator, n_speakers: int, n_sentences: int, speaker_sd: float, sentence_sd: float):
    """Values [S*T] with speaker and sentence effects, and their labels."""
    who, what = np.divmod(np.arange(n_speakers * n_sentences), n_sentences)
    values = rng.normal(0, speaker_sd, n_speakers)[who] + rng.normal(0, sentence_sd, n_sentences)[what]
    return values + rng.normal(0, 0.05, who.size), who, what


def test_two_way_covers_where_item_resampling_does_not() -> None:
    rng = np.random.default_rng(0)
    two_way = items = 0
    for _ in range(150):
        values, who, what = crossed(rng, 12, 20, 0.02, 0.01)
        interval = bootstrap_interval(values, who, what, n=300)
        two_way += interval.low <= 0 <= interval.high
        interval = bootstrap_interval(values, n=300)
        items += interval.low <= 0 <= interval.high
    assert two_way >= 0.88 * 150
    assert items <= 0.80 * 150


def test_the_interval_is_that_of_resampled_items() -> None:
    values, who, what = crossed(np.random.default_rng(1), 5, 6, 0.02, 0.01)
    fast = bootstrap_interval(values, who, what, n=200)
    drawn = np.concatenate(list(resampling_weights([who, what], len(values), 200, 0))).astype(int)
    low, high = np.quantile([np.repeat(values, row).mean() for row in drawn], [0.025, 0.975])
    assert fast.low == pytest.approx(low) and fast.high == pytest.approx(high)


def test_micro_rate_differs_from_macro_and_resamples_both_parts() -> None:
    errors, words = [1, 0, 0, 30], [10, 10, 10, 30]
    micro = bootstrap_ratio(errors, words, speakers=["a", "a", "b", "b"], sentences=["1", "2", "1", "2"])
    assert micro.estimate == pytest.approx(31 / 60)
    assert 0 <= micro.low <= micro.estimate <= micro.high <= 1
    assert (micro.n, micro.n_speakers, micro.n_sentences) == (4, 2, 2)


def test_one_speaker_is_said() -> None:
    interval = bootstrap_interval([1.0, 2.0, 3.0], speakers=["a"] * 3, sentences=["1", "2", "3"])
    assert interval.low < interval.high
    assert "one speaker" in interval.note


def test_too_few_items_have_a_reason_and_no_bounds() -> None:
    assert bootstrap_interval([]).note == "no items"
    one = bootstrap_interval([3.0])
    assert one.estimate == 3.0 and math.isnan(one.low) and one.note
    assert one.row()["low"] is None


@pytest.mark.parametrize("values", [[1.0, math.nan], [1.0, math.inf]])
def test_not_a_number_is_named(values: list[float]) -> None:
    with pytest.raises(InputError, match=r"values\[1\]"):
        bootstrap_interval(values)


def test_labels_of_another_length_are_refused() -> None:
    with pytest.raises(InputError, match="speakers"):
        bootstrap_interval([1.0, 2.0], speakers=["a"])


def test_wilson_against_the_table() -> None:
    interval = wilson_interval(24, 50)  # CV3-Eval's cells have n = 50
    assert (round(interval.low, 2), round(interval.high, 2)) == (0.35, 0.61)
    assert wilson_interval(0, 0).note
    with pytest.raises(InputError, match="successes"):
        wilson_interval(3, 2)
