"""Time alignment of an output with its parallel truth, and what is measured along it."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import librosa
import numpy as np

from evaluation.prosody.measurement import GATE, HOP, RATE, ProsodyMeasurement, measure_prosody
from evaluation.scoring.measures import AGREEMENT, Measure, declare

COEFFICIENTS = 13
WINDOW = 512
MELS = 40


class ParallelAgreement(NamedTuple):
    """Agreement of an output with the parallel truth along the time alignment.

    Attributes:
        voicing: share of aligned frames on which both say voiced or both say unvoiced, 0 to 1. Fewer than about 0.7
            means that F0 of one of the two is invented by the tracker: F0 figures are gated on it.
        voicing_f1: F1 of voiced frames against the truth.
        f0_rmse: root mean square difference of F0 where both are voiced, semitones; None without such frames.
        f0_correlation: Pearson correlation of F0 there; None with fewer than ten frames or a constant contour.
        distortion: mel-cepstral distance in dB, 13 coefficients without energy (Kubichek 1993).
    """

    voicing: float
    voicing_f1: float
    f0_rmse: float | None
    f0_correlation: float | None
    distortion: float


@lru_cache(maxsize=1)
def _filters() -> np.ndarray:
    return librosa.filters.mel(sr=RATE, n_fft=WINDOW, n_mels=MELS, fmax=RATE / 2)


def cepstra(wav: np.ndarray) -> np.ndarray:
    """Compute mel cepstra c1..c13 per 10 ms, [L, 13]: DCT-II of natural-log mel amplitude."""
    from scipy.fft import dct

    return dct(log_mel(wav), type=2, norm="ortho", axis=1)[:, 1 : COEFFICIENTS + 1]


def log_mel(wav: np.ndarray) -> np.ndarray:
    """Compute natural-log mel amplitude per 10 ms of a recording [T] at 16 kHz, [L, 40], floored at 1e-5."""
    padded = np.pad(wav.astype(np.float64), WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][: max(1, len(wav) // HOP)]
    amplitude = np.abs(np.fft.rfft(frames * np.hanning(WINDOW), axis=1))
    return np.log(np.maximum(amplitude @ _filters().T, 1e-5))


def mel_decibels(wav: np.ndarray) -> np.ndarray:
    """Compute log mel in dB below the recording's own maximum, [L, 40]: what pictures show."""
    decibels = 20 / np.log(10) * log_mel(wav)
    return decibels - decibels.max()


def align(output: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Find the dynamic time warping path [N, 2] between two cepstral sequences [L, C], from first to last frame."""
    _, path = librosa.sequence.dtw(output.T, truth.T, metric="euclidean")
    return path[::-1]


def compare_prosody(output: ProsodyMeasurement, truth: ProsodyMeasurement) -> ParallelAgreement:
    """Compare an output with the true recording of the same words."""
    mine, theirs = cepstra(output.wav), cepstra(truth.wav)
    path = align(mine, theirs)
    distance = np.sqrt(np.square(mine[path[:, 0]] - theirs[path[:, 1]]).sum(axis=1))
    distortion = 10 * np.sqrt(2) / np.log(10) * np.sqrt(2 / MELS) * distance.mean()
    a = _at(output.contour, path[:, 0])
    b = _at(truth.contour, path[:, 1])
    both, either = (a > 0) & (b > 0), (a > 0).sum() + (b > 0).sum()
    rmse, correlation = None, None
    if both.any():
        first, second = 12 * np.log2(a[both]), 12 * np.log2(b[both])
        rmse = float(np.sqrt(np.mean(np.square(first - second))))
        if both.sum() >= 10 and first.std() > 1e-6 and second.std() > 1e-6:
            correlation = float(np.corrcoef(first, second)[0, 1])
    f1 = float(2 * both.sum() / either) if either else 1.0
    return ParallelAgreement(float(np.mean((a > 0) == (b > 0))), f1, rmse, correlation, float(distortion))


def _at(contour: np.ndarray, index: np.ndarray) -> np.ndarray:
    return contour[np.minimum(index, len(contour) - 1)] if len(contour) else np.zeros(len(index))


def _parallel(output: np.ndarray, truth: np.ndarray | None) -> ParallelAgreement:
    assert truth is not None
    return compare_prosody(measure_prosody(output), measure_prosody(truth))


def compute_voicing_f1(output: np.ndarray, truth: np.ndarray | None) -> float | None:
    """Compute F1 of voiced frames along the time alignment with the true recording."""
    return _parallel(output, truth).voicing_f1


def compute_distortion(output: np.ndarray, truth: np.ndarray | None) -> float | None:
    """Compute the mel-cepstral distance in dB along the time alignment with the true recording."""
    return _parallel(output, truth).distortion


def compute_f0_rmse(output: np.ndarray, truth: np.ndarray | None) -> float | None:
    """Compute the root mean square difference of F0 in semitones where both recordings are voiced.

    Returns:
        None where fewer than `GATE` of the frames agree about voicing: a tracker invents pitch in noise.
    """
    found = _parallel(output, truth)
    return found.f0_rmse if found.voicing >= GATE else None


declare(
    Measure("voicing_f1", "voicing F1", AGREEMENT, "higher", compute=compute_voicing_f1, needs_truth=True),
    Measure("mel_cepstral_distance", "mel-cepstral distance, dB", AGREEMENT, "lower", "dB", uses=("overview",),
            compute=compute_distortion, needs_truth=True),
    Measure("f0_rmse", "F0 difference, semitones", AGREEMENT, "lower", "semitones", compute=compute_f0_rmse,
            needs_truth=True),
    Measure("f0_correlation", "F0 correlation", AGREEMENT, "higher"),
    Measure("voicing_agreement", "", AGREEMENT, "higher"),
)  # fmt: skip
