"""Changes of training clips: within their limits, random by their generator alone, and never in place."""

from __future__ import annotations

import numpy as np
import pytest

from sovits_lab.audio.changes import Blanks, Change, Clip, Tempo, Warp
from sovits_lab.types import InputError

MEL = np.random.default_rng(0).normal(size=(40, 10)).astype(np.float32)
F0 = np.where(np.arange(40) < 20, 0, 120).astype(np.float32)
CLIP = Clip(MEL, F0)


@pytest.mark.parametrize("change", [Tempo(1.3), Warp(1.2), Blanks(2, 4, 6)], ids=lambda c: type(c).__name__)
def test_a_change_is_a_function_of_its_generator_and_leaves_the_clip_alone(change: Change) -> None:
    before = [array.copy() for array in CLIP]
    first, again, other = (change(CLIP, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert first.mel.shape != other.mel.shape or not np.array_equal(first.mel, other.mel)
    assert first.mel.dtype == first.f0.dtype == np.float32 and len(first.mel) == len(first.f0)
    assert all(np.array_equal(a, b) for a, b in zip(CLIP, before, strict=True))


def test_tempo_stretches_time_and_nothing_else() -> None:
    ramp = np.linspace(0, 1, 40, dtype=np.float32)[:, None] * np.arange(1, 5, dtype=np.float32)
    lengths = set()
    for seed in range(100):
        slow = Tempo(1.25)(Clip(ramp, F0), np.random.default_rng(seed))
        lengths.add(len(slow.mel))
        assert np.allclose(slow.mel, np.linspace(0, 1, len(slow.mel))[:, None] * np.arange(1, 5), atol=1e-5)
        assert set(slow.f0) == {0, 120} and abs((slow.f0 > 0).mean() - 0.5) < 0.05
    assert 32 <= min(lengths) <= 33 and 49 <= max(lengths) <= 50
    assert np.array_equal(Tempo(1.0)(CLIP, np.random.default_rng(0)).mel, MEL)
    assert len(Tempo(2.0)(Clip(MEL[:1], F0[:1]), np.random.default_rng(0)).mel) >= 1
    with pytest.raises(InputError, match="at least 1"):
        Tempo(0.9)


def test_warp_moves_a_peak_and_the_pitch_by_the_same_factor() -> None:
    bins = np.arange(80, dtype=np.float32)
    mel = np.tile(-(((bins - 40) / 4) ** 2), (30, 1)).astype(np.float32)
    factors = []
    for seed in range(50):
        warped = Warp(1.2)(Clip(mel, np.full(30, 100, dtype=np.float32)), np.random.default_rng(seed))
        factors.append(warped.f0[0] / 100)
        assert warped.mel.shape == mel.shape and abs(int(warped.mel[0].argmax()) - 40 * factors[-1]) <= 1
    assert 1 / 1.2 <= min(factors) < 0.87 and 1.15 < max(factors) <= 1.2
    assert np.array_equal(Warp(1.0)(CLIP, np.random.default_rng(0)).mel, MEL)
    with pytest.raises(InputError, match="at least 1"):
        Warp(0.5)


def test_blanks_are_whole_bands_and_short_stretches_at_the_mean() -> None:
    for seed in range(50):
        blank = Blanks(1, 4, 60)(CLIP, np.random.default_rng(seed)).mel != MEL
        bins, frames = blank.all(axis=0), blank.all(axis=1)
        assert bins.sum() <= 4 and frames.sum() <= 10, "no more than a quarter of the clip"
        assert np.array_equal(blank, bins[None] | frames[:, None])
        assert np.ptp(np.flatnonzero(bins)) == bins.sum() - 1 if bins.any() else True
    changed = Blanks(3, 4, 6)(CLIP, np.random.default_rng(0)).mel
    assert np.allclose(changed[changed != MEL], MEL.mean())
    assert np.array_equal(Blanks(2, 0, 0)(CLIP, np.random.default_rng(0)).mel, MEL)
    assert Blanks(2, 99, 99)(Clip(MEL[:1], F0[:1]), np.random.default_rng(0)).mel.shape == (1, 10)
