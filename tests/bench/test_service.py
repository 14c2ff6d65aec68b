"""Figures of `bench serve`: what is computed from what was measured."""

from __future__ import annotations

import numpy as np
import pytest

from sovits_lab.bench.service import slope_of
from sovits_lab.bench.service_crossed import in_own_voice, requests_of


def test_a_slope_is_that_of_the_line_and_noise_is_within_its_doubt() -> None:
    x = np.linspace(0.5, 2.0, 31)
    assert slope_of(x, 600 + 7 * x) == pytest.approx((7, 0), abs=1e-9)
    noise = np.random.default_rng(0).standard_normal(31)
    slope, doubt = slope_of(x, 600 + noise)
    assert 0 < doubt < 3 and abs(slope) < doubt
    slope, doubt = slope_of(x, 600 + 40 * x + noise)
    assert slope - doubt > 0


def test_fifty_requests_are_of_eight_voices_and_a_crossed_one_is_seen() -> None:
    asked = requests_of([{"id": f"v{i}", "emotions": ["neutral", "sad"]} for i in range(9)])
    assert len(asked) == 50 and len({one["voice"] for one in asked}) == 8
    assert len({str(one["emotion"]) for one in asked}) == 3 and sum(bool(one["stream_format"]) for one in asked) == 10
    voices = [one["voice"] for one in asked]
    vectors = np.eye(8)[[int(name[1:]) for name in voices]]
    assert in_own_voice(vectors, voices) == 50
    vectors[[0, 1]] = vectors[[1, 0]]
    assert in_own_voice(vectors, voices) == 48
