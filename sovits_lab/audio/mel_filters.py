"""Mel filters as librosa makes them by default, without the second that its import takes."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray

LINEAR_STEP = 200.0 / 3  # Hz of a mel below the break
BREAK = 1000.0  # Hz, from where the scale is logarithmic
LOG_STEP = np.log(6.4) / 27.0


def hz_to_mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert to Slaney's scale (Auditory Toolbox, 1998): linear below 1 kHz, logarithmic above."""
    above = BREAK / LINEAR_STEP + np.log(np.maximum(hertz, BREAK) / BREAK) / LOG_STEP
    return np.where(hertz >= BREAK, above, hertz / LINEAR_STEP)


def mel_to_hz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inverse of `hz_to_mel`."""
    limit = BREAK / LINEAR_STEP
    return np.where(mels >= limit, BREAK * np.exp(LOG_STEP * (mels - limit)), LINEAR_STEP * mels)


def slaney_filters(rate: int, n_fft: int, mels: int, low: float, high: float) -> Float32[np.ndarray, "M F"]:
    """Make triangles of unit area, evenly spaced in mels.

    Args:
        rate: samples a second.
        n_fft: points of the transform; F = n_fft // 2 + 1.
        mels: M.
        low, high: lowest and highest edge, Hz.
    """
    bins = np.fft.rfftfreq(n_fft, 1.0 / rate)
    ends = hz_to_mel(np.array([low, high], dtype=np.float64))
    edges = mel_to_hz(np.linspace(ends[0], ends[1], mels + 2))
    width = np.diff(edges)
    ramps = edges[:, None] - bins
    triangles = np.zeros((mels, 1 + n_fft // 2), dtype=np.float32)
    for i in range(mels):
        rising, falling = -ramps[i] / width[i], ramps[i + 2] / width[i + 1]
        triangles[i] = np.maximum(0, np.minimum(rising, falling))
    triangles *= (2.0 / (edges[2:] - edges[:-2]))[:, None]
    return triangles
