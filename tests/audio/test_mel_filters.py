"""The mel filters are librosa's, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from librosa.filters import mel

from sovits_lab.audio.mel_filters import hz_to_mel, mel_to_hz, slaney_filters


@pytest.mark.parametrize(
    "sizes",
    [(16_000, 1024, 80, 0.0, 8000.0), (32_000, 2048, 128, 0.0, 16_000.0), (22_050, 1024, 80, 20.0, 7600.0),
     (24_000, 1024, 100, 0.0, 12_000.0), (16_000, 512, 20, 300.0, 900.0)],
)  # fmt: skip
def test_the_filters_are_librosas(sizes: tuple[int, int, int, float, float]) -> None:
    rate, n_fft, mels, low, high = sizes
    wanted = mel(sr=rate, n_fft=n_fft, n_mels=mels, fmin=low, fmax=high)
    np.testing.assert_array_equal(slaney_filters(*sizes), wanted)


def test_the_scale_goes_there_and_back() -> None:
    hertz = np.linspace(0, 16_000, 50)
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(hertz)), hertz, atol=1e-9)
    assert (np.diff(hz_to_mel(hertz)) > 0).all()
