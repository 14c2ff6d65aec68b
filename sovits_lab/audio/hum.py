"""Mains hum: a steady tone of 50 or 60 Hz in a recording, which a pitch tracker takes for a deep voice."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

MAINS = (50.0, 60.0)  # Hz
SEGMENT = 0.25  # seconds that are looked at together, a quarter of them apart
FEWEST, QUIET = 3, 0.2  # segments that are looked at, at least, and their share: the softest
QUIETER_DB = 12.0  # than the loudest, else somebody speaks there: a voice may be as deep as the mains
STANDS_OUT = 10.0  # power of the tone over that around it
LINE, BESIDE = 2, (12, 30)  # Hz from the tone
WIDTH = 20.0  # Hz that are taken out: noise beside a narrower gap is taken for a voice in it


def without_hum(wav: Float[np.ndarray, " T"], rate: int) -> Float[np.ndarray, " T"]:
    """Return a recording without the mains hum that its quiet parts have; without any, the recording itself."""
    tones = hums(wav, rate)
    if tones:
        from scipy.signal import filtfilt, iirnotch
    for tone in tones:
        wav = filtfilt(*iirnotch(tone, tone / WIDTH, fs=rate), wav).astype(wav.dtype)
    return wav


def hums(wav: Float[np.ndarray, " T"], rate: int) -> list[float]:
    """Find the mains' tones that stand out of most of a recording's quiet parts, where nobody speaks over them."""
    length = round(SEGMENT * rate)
    if len(wav) < length:
        return []
    segments = np.lib.stride_tricks.sliding_window_view(wav, length)[:: length // 4]
    loudness = np.square(segments, dtype=np.float64).mean(1)
    order = np.argsort(loudness)[: max(FEWEST, round(QUIET * len(segments)))]
    quiet = segments[order[loudness[order] < loudness.max() * 10 ** (-QUIETER_DB / 10)]]
    if len(quiet) < FEWEST:
        return []
    power = np.square(np.abs(np.fft.rfft(quiet * np.hanning(length), n=rate, axis=1)))  # a bin for each Hz
    found = []
    for tone in MAINS:
        away = np.abs(np.arange(power.shape[1]) - tone)
        line = power[:, away <= LINE].max(1)
        beside = np.median(power[:, (away > BESIDE[0]) & (away < BESIDE[1])], axis=1)
        highest = line >= power[:, away <= BESIDE[0]].max(1)  # else it is the edge of a tone nearby
        if np.mean(highest & (line > STANDS_OUT * beside)) > 0.5:
            found.append(tone)
    return found
