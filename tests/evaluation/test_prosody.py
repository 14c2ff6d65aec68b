"""What is measured of one recording: by a glide whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.prosody.measurement import RATE, measure_prosody


def sung(tones: np.ndarray) -> np.ndarray:
    """Twenty harmonics along a contour: semitones above 110 Hz, one for each sample."""
    phase = 2 * np.pi * np.cumsum(110 * 2 ** (tones / 12)) / RATE
    wav = sum(np.sin(n * phase) / n for n in range(1, 21))
    return (0.1 * wav).astype(np.float32)


def test_range_and_span_of_a_glide() -> None:
    found = measure_prosody(sung(np.linspace(0, 10, 2 * RATE)))
    assert found.f0_median == pytest.approx(12 + 5, abs=0.2)  # above 55 Hz
    assert found.f0_range == pytest.approx(10 / 12**0.5, rel=0.05)
    assert found.f0_span == pytest.approx(6, rel=0.05)


def test_a_few_frames_an_octave_off_move_the_range_and_hardly_the_span() -> None:
    tones = 8 + 2 * np.sin(np.linspace(0, 6 * np.pi, 2 * RATE))
    broken = tones.copy()
    broken[-RATE // 6 :] -= 12
    clean, creaky = measure_prosody(sung(tones)), measure_prosody(sung(broken))
    assert clean.f0_range and creaky.f0_range and clean.f0_span and creaky.f0_span
    assert creaky.f0_range > 1.8 * clean.f0_range
    assert creaky.f0_span == pytest.approx(clean.f0_span, rel=0.2)


def test_without_a_voice_there_is_neither() -> None:
    found = measure_prosody(np.random.default_rng(0).normal(0, 1e-4, RATE).astype(np.float32))
    assert (found.f0_median, found.f0_range, found.f0_span) == (None, None, None)
