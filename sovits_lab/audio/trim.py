"""Silence at both ends of a recording."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32


class Trimmed(NamedTuple):
    """A waveform without its silent ends; `start` and `end` are the cut times in seconds of the original."""

    wav: Float32[np.ndarray, " T"]
    start: float
    end: float


def trim_silence(
    wav: Float32[np.ndarray, " T"], rate: int, *, threshold: float = 0.01, margin: float = 0.06
) -> Trimmed:
    """Cut what lies before the first and after the last sample above `threshold` of the peak.

    Args:
        wav: waveform.
        rate: samples per second.
        threshold: part of the peak below which a sample counts as silence (0.01 is -40 dB).
        margin: seconds of silence left at both ends, where there are as many.

    Returns:
        The kept part and the times where it began and ended; a silent waveform comes back whole.
    """
    size = np.abs(wav)
    loud = np.flatnonzero(size > threshold * size.max()) if size.size else np.zeros(0, dtype=int)
    if loud.size == 0:
        return Trimmed(wav, 0.0, len(wav) / rate)
    keep = round(margin * rate)
    start, end = max(0, int(loud[0]) - keep), min(len(wav), int(loud[-1]) + 1 + keep)
    return Trimmed(wav[start:end], start / rate, end / rate)
