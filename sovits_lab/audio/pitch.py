"""Fundamental frequency per frame."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float32

from sovits_lab.audio.hum import without_hum

FLOOR, CEILING = 50.0, 700.0  # Hz, what is looked for
PERIOD = 5.0  # ms, longest between DIO's frames


def f0(
    wav: Float32[np.ndarray, " T"], rate: int, hop: int, floor: float = FLOOR, ceiling: float = CEILING
) -> Float32[np.ndarray, " L"]:
    """Estimate F0 in Hz per frame, 0 where unvoiced; L = T // hop frames, frame i at its centre (i + 0.5) * hop.

    WORLD's DIO refined by StoneMask (Morise et al., 2009; 2016). DIO drops what moves by more than a tenth from one of
    its frames to the next, so these are at most 5 ms apart, WORLD's default: 20 ms apart the falls that end an angry
    sentence count as unvoiced. Mains hum is taken out before.

    Args:
        wav: waveform.
        rate: samples per second.
        hop: samples between frames.
        floor: lowest pitch looked for, Hz.
        ceiling: highest pitch looked for, Hz.
    """
    import pyworld

    frames = len(wav) // hop
    if frames == 0:
        return np.zeros(0, dtype=np.float32)
    # WORLD puts frame 0 at the signal's first sample; dropping half a hop moves it to the first frame's centre.
    shifted = np.ascontiguousarray(without_hum(wav.astype(np.float64), rate)[hop // 2 :])
    each = math.ceil(1000 * hop / rate / PERIOD)
    period = 1000 * hop / rate / each
    coarse, times = pyworld.dio(shifted, rate, f0_floor=floor, f0_ceil=ceiling, frame_period=period)
    kept = np.ascontiguousarray(coarse[::each]), np.ascontiguousarray(times[::each])
    return np.asarray(pyworld.stonemask(shifted, *kept, rate)[:frames], dtype=np.float32)


def semitones(hertz: Float32[np.ndarray, " L"], reference: float) -> Float32[np.ndarray, " L"]:
    """Return 12 log2(f / reference) of voiced frames; unvoiced frames (0 Hz) become NaN."""
    with np.errstate(divide="ignore"):
        ratio = np.log2(hertz / reference)
    return np.where(hertz > 0, 12.0 * ratio, np.nan).astype(np.float32)
