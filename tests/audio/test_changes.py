"""Changes of training clips: within their limits, random by their generator alone, and never in place."""

from __future__ import annotations

import numpy as np
import pytest

from sovits_lab.audio.changes import Blanks, Change, Tempo
from sovits_lab.types import InputError

MEL = np.random.default_rng(0).normal(size=(40, 10)).astype(np.float32)


@pytest.mark.parametrize("change", [Tempo(1.3), Blanks(2, 4, 6)], ids=lambda c: type(c).__name__)
def test_a_change_is_a_function_of_its_generator_and_leaves_the_clip_alone(change: Change) -> None:
    before = MEL.copy()
    first, again, other = (change(MEL, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and first.dtype == np.float32
    assert first.shape != other.shape or not np.array_equal(first, other)
    assert np.array_equal(MEL, before)


def test_tempo_stretches_time_and_nothing_else() -> None:
    ramp = np.linspace(0, 1, 40, dtype=np.float32)[:, None] * np.arange(1, 5, dtype=np.float32)
    lengths = set()
    for seed in range(100):
        slow = Tempo(1.25)(ramp, np.random.default_rng(seed))
        lengths.add(len(slow))
        assert np.allclose(slow, np.linspace(0, 1, len(slow))[:, None] * np.arange(1, 5), atol=1e-5)
    assert 32 <= min(lengths) <= 33 and 49 <= max(lengths) <= 50
    assert np.array_equal(Tempo(1.0)(MEL, np.random.default_rng(0)), MEL)
    assert len(Tempo(2.0)(MEL[:1], np.random.default_rng(0))) >= 1
    with pytest.raises(InputError, match="at least 1"):
        Tempo(0.9)


def test_blanks_are_whole_bands_and_short_stretches_at_the_mean() -> None:
    for seed in range(50):
        blank = Blanks(1, 4, 60)(MEL, np.random.default_rng(seed)) != MEL
        bins, frames = blank.all(axis=0), blank.all(axis=1)
        assert bins.sum() <= 4 and frames.sum() <= 10, "no more than a quarter of the clip"
        assert np.array_equal(blank, bins[None] | frames[:, None])
        assert np.ptp(np.flatnonzero(bins)) == bins.sum() - 1 if bins.any() else True
    changed = Blanks(3, 4, 6)(MEL, np.random.default_rng(0))
    assert np.allclose(changed[changed != MEL], MEL.mean())
    assert np.array_equal(Blanks(2, 0, 0)(MEL, np.random.default_rng(0)), MEL)
    assert Blanks(2, 99, 99)(MEL[:1], np.random.default_rng(0)).shape == (1, 10)
