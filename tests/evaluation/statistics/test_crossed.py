"""The crossed test equals the textbook where the textbook has a formula, and keeps its level where it has none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from evaluation.statistics import (
    adjust,
    crossed_test,
    equivalence_test,
    minimal_detectable_difference,
    planned_difference,
    power,
    sign_flip_test,
    win_rate,
)
from sovits_lab.types import InputError


def design(rng: np.random.Generator, s: int, t: int, effect: float = 0.0, a: float = 0.02, b: float = 0.01):
    """Differences [S*T] of a full design, speaker and sentence labels."""
    who, what = np.divmod(np.arange(s * t), t)
    return effect + rng.normal(0, a, s)[who] + rng.normal(0, b, t)[what] + rng.normal(0, 0.05, s * t), who, what


def test_balanced_design_is_the_analysis_of_variance() -> None:
    s, t = 7, 9
    d, who, what = design(np.random.default_rng(3), s, t, a=0.1, b=0.08)
    table = d.reshape(s, t)
    ms_s = t * table.mean(1).var(ddof=1)
    ms_t = s * table.mean(0).var(ddof=1)
    rest = table - table.mean(1, keepdims=True) - table.mean(0) + table.mean()
    ms_e = (rest**2).sum() / ((s - 1) * (t - 1))
    variance = (ms_s + ms_t - ms_e) / (s * t)
    df = (ms_s + ms_t - ms_e) ** 2 / (ms_s**2 / (s - 1) + ms_t**2 / (t - 1) + ms_e**2 / ((s - 1) * (t - 1)))
    found = crossed_test(d, who, what)
    assert found.se == pytest.approx(math.sqrt(variance))
    assert found.df == pytest.approx(df)
    assert found.components["speaker"] == pytest.approx((ms_s - ms_e) / t)
    assert found.components["residual"] == pytest.approx(ms_e)


def test_speakers_alone_are_the_t_test_on_speaker_means() -> None:
    d, who, _ = design(np.random.default_rng(4), 8, 6, a=0.1)
    found = crossed_test(d, who, np.arange(48))  # each sentence once
    reference = stats.ttest_1samp(d.reshape(8, 6).mean(1), 0)
    assert found.p == pytest.approx(reference.pvalue)
    assert "sentence" in found.note
    assert crossed_test(d).p == pytest.approx(stats.ttest_1samp(d, 0).pvalue)


def test_order_and_takes_do_not_matter() -> None:
    rng = np.random.default_rng(5)
    d, who, what = design(rng, 5, 6)
    once = crossed_test(d, who, what)
    order = rng.permutation(30)
    assert crossed_test(d[order], who[order], what[order]).p == pytest.approx(once.p)
    assert crossed_test(np.tile(d, 3), np.tile(who, 3), np.tile(what, 3)).p == pytest.approx(once.p)


@pytest.mark.parametrize(("s", "t", "keep"), [(6, 20, 1.0), (12, 12, 0.6), (4, 25, 0.8)])
def test_level_is_kept_with_missing_cells(s: int, t: int, keep: float) -> None:
    rng = np.random.default_rng(6)
    wrong = 0
    for _ in range(400):
        d, who, what = design(rng, s, t)
        kept = rng.random(d.size) < keep
        wrong += crossed_test(d[kept], who[kept], what[kept]).p < 0.05
    assert 0.02 * 400 <= wrong <= 0.08 * 400


def test_simulated_tests_keep_the_level_where_effects_are_small() -> None:
    """Right or wrong answers of 22 listeners to 8 voices and sentences: the t test is too careful there."""
    rng = np.random.default_rng(18)
    runs, plain, simulated = 400, 0, 0
    for _ in range(runs):
        who, what, ear = rng.integers(8, size=132), rng.integers(8, size=132), np.repeat(np.arange(22), 6)
        heard = rng.normal(0, 0.15, 8)[who] + rng.normal(0, 0.15, 8)[what] + rng.normal(0, 0.25, 22)[ear]
        values = (heard + rng.normal(0, 1, 132) > 0) - 0.5
        plain += crossed_test(values, who, what, listener=ear).p < 0.05
        found = crossed_test(values, who, what, listener=ear, resamples=199)
        simulated += found.p < 0.05
        assert (found.p < 0.05) == (not found.low <= 0 <= found.high)
    assert 0.03 * runs <= simulated <= 0.08 * runs
    assert plain < simulated


def test_a_simulated_test_is_the_t_test_where_that_is_exact() -> None:
    values = np.random.default_rng(9).normal(0.3, 1, 40)
    once, again = (crossed_test(values, resamples=9999) for _ in range(2))
    assert once == again
    assert once.p == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=0.01)
    assert once.high - once.low == pytest.approx(2 * stats.t.ppf(0.975, 39) * once.se, rel=0.03)


def test_training_seeds_are_a_third_factor() -> None:
    """A method whose seeds vary is not found better by chance when seeds are a factor, and is when they are not."""
    rng = np.random.default_rng(7)
    with_seeds = without = 0
    for _ in range(300):
        grid = rng.normal(0, 0.05, (3, 8, 10)) + rng.normal(0, 0.03, (3, 1, 1))
        k, s, t = (axis.ravel() for axis in np.indices(grid.shape))
        with_seeds += crossed_test(grid.ravel(), s, t, seed=k).p < 0.05
        without += crossed_test(grid.ravel(), s, t).p < 0.05
    assert with_seeds <= 0.08 * 300
    assert without >= 0.25 * 300


def test_reasons_stand_for_missing_numbers() -> None:
    assert crossed_test([]).note == "no items"
    assert crossed_test([1.0], ["a"], ["x"]).note
    same = crossed_test([0.0, 0.0], ["a", "b"])
    assert same.p == 1.0 and "no variation" in same.note
    one = crossed_test([1.0, 1.1, 0.9], ["a"] * 3, ["x", "y", "z"])
    assert "one speaker" in one.note and one.p < 0.05
    assert one.row()["p"] == one.p
    with pytest.raises(InputError, match="differences"):
        crossed_test([math.nan])


def test_sign_flip_knows_its_floor() -> None:
    few = sign_flip_test([1.0, 1.1, 1.2, 0.9], list("abcd"))
    assert few.p == pytest.approx(0.125) and few.exact and "cannot" in few.note
    many = sign_flip_test(np.random.default_rng(0).normal(1, 0.1, 20), range(20))
    assert not many.exact and many.p < 0.01 and not many.note
    assert math.isnan(sign_flip_test([1.0], ["a"]).p)


def test_holm_and_q_values_against_hand_calculation() -> None:
    found = adjust({"a": 0.01, "b": 0.04, "c": 0.03, "x": 0.02, "y": 0.5, "z": math.nan}, primaries=["a", "b", "c"])
    assert [found[k].adjusted for k in "abc"] == pytest.approx([0.03, 0.06, 0.06])
    assert [found[k].adjusted for k in "xy"] == pytest.approx([0.04, 0.5])
    assert math.isnan(found["z"].adjusted) and found["z"].note and found["x"].m == 2
    with pytest.raises(InputError, match="primary"):
        adjust({"a": 0.1}, primaries=["wer"])


def test_equivalence_needs_a_margin_and_finds_it() -> None:
    d, who, what = design(np.random.default_rng(8), 10, 20, a=0.002, b=0.002)
    test = crossed_test(d, who, what)
    assert equivalence_test(test, 0.05).equivalent
    assert not equivalence_test(test, 0.0005).equivalent
    with pytest.raises(InputError, match="margin"):
        equivalence_test(test, 0.0)


def test_minimal_detectable_difference_is_detected_as_often_as_it_says() -> None:
    rng = np.random.default_rng(9)
    test = crossed_test(*design(rng, 8, 12))
    difference = minimal_detectable_difference(test)
    assert power(difference, test.se, test.df) == pytest.approx(0.8, abs=1e-6)
    truth = {"speaker": 0.02**2, "sentence": 0.01**2, "residual": 0.05**2}
    planned = planned_difference(truth, {"speaker": 8, "sentence": 12})
    found = sum(crossed_test(*design(rng, 8, 12, planned)).p < 0.05 for _ in range(400)) / 400
    assert found == pytest.approx(0.8, abs=0.07)
    assert planned_difference(truth, {"speaker": 24, "sentence": 20}) < planned_difference(
        truth, {"speaker": 10, "sentence": 50}
    )


def test_win_rate_counts_ties_as_halves() -> None:
    result = win_rate([1.0, 2.0, 3.0, 4.0], [0.0, 2.0, 4.0, 3.0], speakers=list("aabb"))
    assert (result.wins, result.ties, result.losses) == (2, 1, 1)
    assert result.rate.estimate == pytest.approx(0.625)
    worse = win_rate([1.0, 2.0], [0.0, 3.0], higher_is_better=False)
    assert (worse.wins, worse.losses) == (1, 1)
