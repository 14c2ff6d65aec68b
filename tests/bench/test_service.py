"""Figures of `bench serve`: what is computed from what was measured."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from sovits_lab.bench.memory_watch import MemoryWatch, slope_of
from sovits_lab.bench.service_crossed import in_own_voice, requests_of
from sovits_lab.pipeline.memory import resident_megabytes


def test_a_slope_is_that_of_the_line_and_noise_is_within_its_doubt() -> None:
    x = np.linspace(0.5, 2.0, 31)
    assert slope_of(x, 600 + 7 * x) == pytest.approx((7, 0), abs=1e-9)
    noise = np.random.default_rng(0).standard_normal(31)
    slope, doubt = slope_of(x, 600 + noise)
    assert 0 < doubt < 3 and abs(slope) < doubt
    slope, doubt = slope_of(x, 600 + 40 * x + noise)
    assert slope - doubt > 0


def heap_of_a_soak(rng: np.random.Generator, growth: float) -> tuple[np.ndarray, np.ndarray]:
    """Two thousand requests over eighteen tidyings: after each the heap fills again, each time to another height."""
    x = np.linspace(0, 2, 360)
    filled = np.repeat(rng.normal(647, 1, 18), 20) - np.tile(8 * np.exp(-np.arange(20)), 18)
    return x, filled + rng.normal(0, 0.3, 360) + growth * x


def test_a_heap_that_fills_again_after_each_tidying_is_called_flat_and_one_that_grows_is_found() -> None:
    rng = np.random.default_rng(0)
    flat = [slope_of(*heap_of_a_soak(rng, 0.0)) for _ in range(400)]
    grown = [slope_of(*heap_of_a_soak(rng, 2.0)) for _ in range(400)]
    assert 0.92 < np.mean([abs(slope) < doubt for slope, doubt in flat]) < 0.98
    assert np.mean([slope - doubt > 0 for slope, doubt in grown]) > 0.9
    assert np.mean([abs(slope - 2) < doubt for slope, doubt in grown]) > 0.92


def test_memory_is_watched_from_the_first_request_that_counts() -> None:
    answered = [0]
    with MemoryWatch({"own": os.getpid(), "ended": 2**22 + 1}, lambda: answered[0]) as watch:
        time.sleep(0.7)
        answered[0] = 5
        watch.begin()
        time.sleep(1.3)
    rows = watch.samples()["own"]
    assert len(rows) and set(rows[:, 0]) == {5} and abs(rows[-1, 1] - resident_megabytes()) < 100
    assert not watch.samples()["ended"][:, 1].any()


def test_fifty_requests_are_of_eight_voices_and_a_crossed_one_is_seen() -> None:
    asked = requests_of([{"id": f"v{i}", "emotions": ["neutral", "sad"]} for i in range(9)])
    assert len(asked) == 50 and len({one["voice"] for one in asked}) == 8
    assert len({str(one["emotion"]) for one in asked}) == 3 and sum(bool(one["stream_format"]) for one in asked) == 10
    voices = [one["voice"] for one in asked]
    vectors = np.eye(8)[[int(name[1:]) for name in voices]]
    assert in_own_voice(vectors, voices) == 50
    vectors[[0, 1]] = vectors[[1, 0]]
    assert in_own_voice(vectors, voices) == 48
