"""Measures of the sound itself, without a model."""

from __future__ import annotations

import numpy as np

from evaluation.scoring.measures import SHARE, SOUND, Measure, declare
from evaluation.scoring.scorer import RATE

FULL_SCALE = 0.999
QUIET_DB = 40.0  # below the loudest frame counts as silence


def measure_silence(wav: np.ndarray, rate: int) -> float:
    """Measure the share of 20 ms frames more than 40 dB below the loudest one, 0 to 1; 0 for less than a frame."""
    hop = rate // 50
    frames = len(wav) // hop
    if frames == 0:
        return 0.0
    power = np.square(wav[: frames * hop].reshape(frames, hop).astype(np.float64)).mean(axis=1)
    return float(np.mean(power <= power.max() * 10 ** (-QUIET_DB / 10)))


def measure_clipping(wav: np.ndarray, rate: int) -> float:
    """Measure the share of samples at full scale, 0 to 1."""
    return float(np.mean(np.abs(wav) >= FULL_SCALE))


def measure_spectral_distance(
    output: np.ndarray, truth: np.ndarray, sizes: tuple[int, ...] = (512, 1024, 2048)
) -> float:
    """Measure the multi-resolution STFT distance of two sample-aligned recordings [T], 0 for equal ones, no upper
    bound.

    Mean over window sizes of spectral convergence plus mean absolute difference of log magnitudes (Yamamoto et al.
    2020, equations 3 to 6). For copy synthesis; two readings of a sentence are not aligned and must not be compared so.
    """
    length = min(len(output), len(truth))
    total = 0.0
    for size in sizes:
        a, b = (_magnitude(wav[:length], size) for wav in (output, truth))
        convergence = np.linalg.norm(b - a) / max(float(np.linalg.norm(b)), 1e-9)
        total += float(convergence + np.mean(np.abs(np.log(np.maximum(a, 1e-5)) - np.log(np.maximum(b, 1e-5)))))
    return total / len(sizes)


def _magnitude(wav: np.ndarray, size: int) -> np.ndarray:
    padded = np.pad(wav.astype(np.float64), size // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[:: size // 4]
    return np.abs(np.fft.rfft(frames * np.hanning(size), axis=1))


def _silence(output: np.ndarray, truth: np.ndarray | None) -> float | None:
    return measure_silence(output, RATE)


def _clipping(output: np.ndarray, truth: np.ndarray | None) -> float | None:
    return measure_clipping(output, RATE)


def _distance(output: np.ndarray, truth: np.ndarray | None) -> float | None:
    assert truth is not None
    return measure_spectral_distance(output, truth)


declare(
    Measure("silence", "", SOUND, "lower", SHARE, scorer="sound", compute=_silence, worst=1.0),
    Measure("clipping", "", SOUND, "lower", SHARE, scorer="sound", compute=_clipping, worst=1.0),
    Measure("spectral_distance", "", SOUND, "lower", compute=_distance, needs_truth=True),
)
