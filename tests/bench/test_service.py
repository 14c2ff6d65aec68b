"""Figures of `bench serve`: what is computed from what was measured."""

from __future__ import annotations

import numpy as np
import pytest

from sovits_lab.bench.service import slope_of


def test_a_slope_is_that_of_the_line_and_noise_is_within_its_doubt() -> None:
    x = np.linspace(0.5, 2.0, 31)
    assert slope_of(x, 600 + 7 * x) == pytest.approx((7, 0), abs=1e-9)
    noise = np.random.default_rng(0).standard_normal(31)
    slope, doubt = slope_of(x, 600 + noise)
    assert 0 < doubt < 3 and abs(slope) < doubt
    slope, doubt = slope_of(x, 600 + 40 * x + noise)
    assert slope - doubt > 0
