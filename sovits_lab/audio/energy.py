"""Level: per frame and of a whole recording."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

SILENCE_DB = -100.0
NATS_PER_DB = np.log(10) / 20  # of magnitudes


def frame_rms_db(wav: Float32[np.ndarray, " T"], hop: int) -> Float32[np.ndarray, " L"]:
    """Return the root-mean-square of each hop in dB relative to full scale, L = T // hop, floored at -100 dB."""
    frames = wav[: len(wav) // hop * hop].reshape(-1, hop)
    power = np.einsum("ij,ij->i", frames, frames, dtype=np.float64) / hop  # without a copy of all in double precision
    return np.asarray(_decibels(power)).astype(np.float32)


def level_dbfs(wav: Float32[np.ndarray, " T"]) -> float:
    """Return the root-mean-square of the whole recording in dB relative to full scale, floored at -100 dB."""
    return float(_decibels(np.mean(np.square(wav, dtype=np.float64))) if wav.size else SILENCE_DB)


def _decibels(power: np.ndarray | np.floating) -> np.ndarray | np.floating:
    return 10.0 * np.log10(np.maximum(power, 10.0 ** (SILENCE_DB / 10.0)))


def mel_energy(mel: Float32[np.ndarray, "M L"]) -> Float32[np.ndarray, " L"]:
    """Return the log of the mean mel magnitude of every frame of a natural-log mel: one nat is 8.7 dB."""
    return np.log(np.exp(mel).mean(0))
