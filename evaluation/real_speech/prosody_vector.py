"""Sixteen numbers that describe the prosody of one recording."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluation.real_speech.clips import RATE
from sovits_lab.audio.energy import frame_rms_db
from sovits_lab.audio.pitch import f0

HOP = 160  # 10 ms


def measure_prosody_vector(wav: np.ndarray) -> NDArray[np.float64]:
    """Measure sixteen numbers of pitch, energy and time [16]; energies are relative, so the clip's level is not among
    them.

    Pitch in semitones above 55 Hz over voiced frames: median, mean, sd, 5 % and 95 % points, slope per second, mean
    step. Energy in dB: sd, 5-95 % range, slope, mean step. Time: seconds, voiced share, voiced stretches per second,
    share of frames 25 dB below the loudest, energy peaks per second (a syllable rate).
    """
    contour = f0(wav, RATE, HOP)
    energy = frame_rms_db(wav, HOP).astype(np.float64)
    voiced = contour > 0
    seconds = len(wav) / RATE
    tones = 12 * np.log2(contour[voiced].astype(np.float64) / 55.0) if voiced.any() else np.zeros(1)
    times = np.flatnonzero(voiced) * HOP / RATE if voiced.any() else np.zeros(1)
    steps = np.abs(np.diff(tones))[np.diff(times) < 1.5 * HOP / RATE] if tones.size > 1 else np.zeros(0)
    pitch = [np.median(tones), tones.mean(), tones.std(), *np.percentile(tones, [5, 95]), _slope(times, tones),
             steps.mean() if steps.size else 0.0]  # fmt: skip
    low, high = np.percentile(energy, [5, 95])
    loudness = [energy.std(), high - low, _slope(np.arange(energy.size) * HOP / RATE, energy),
                np.abs(np.diff(energy)).mean() if energy.size > 1 else 0.0]  # fmt: skip
    starts = np.count_nonzero(np.diff(np.concatenate([[0], voiced.astype(int)])) == 1)
    quiet = float(np.mean(energy < energy.max() - 25))
    time = [seconds, voiced.mean() if voiced.size else 0.0, starts / seconds, quiet, _peaks(energy) / seconds]
    return np.array([*pitch, *loudness, *time], dtype=np.float64)


def _slope(times: np.ndarray, values: np.ndarray) -> float:
    spread = times - times.mean()
    denominator = float(spread @ spread)
    return float(spread @ (values - values.mean())) / denominator if denominator > 0 else 0.0


def _peaks(energy: np.ndarray) -> int:
    """Energy peaks that stand out by 3 dB in a curve smoothed over 70 ms."""
    from scipy.signal import find_peaks

    smooth = np.convolve(energy, np.ones(7) / 7, mode="same")
    return len(find_peaks(smooth, prominence=3.0)[0])
