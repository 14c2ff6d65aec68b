"""How the GPT-SoVITS family hears: its 32 kHz spectrogram, and the level to which it scales training speech."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int16
from torch import Tensor

from sovits_lab.audio.spec import AudioSpec
from sovits_lab.audio.spectrogram import LogMel, linear_spectrogram
from sovits_lab.types import got

SPEC_32K = AudioSpec(sample_rate=32_000, n_fft=2048, hop=640, win=2048, n_mels=128)
POWER_FLOOR = 1e-8
LOWEST, HIGHEST = -12.0, 2.0  # log-mels that normalise to -1 and 1; nothing is clipped
_LARGEST_PEAK = 2.2  # upstream leaves louder files out
_NORMALISED, _SHARE = 0.95, 0.5
_CONTENT_SCALE = 1145.14


def spectrogram_32k(wav: Float[Tensor, "B T"], spec: AudioSpec = SPEC_32K) -> Float[Tensor, "B F L"]:
    """Return the magnitudes √(re² + im² + 1e-8)."""
    return linear_spectrogram(wav, spec, power_floor=POWER_FLOOR)


def log_mel_32k(spec: AudioSpec = SPEC_32K) -> LogMel:
    """Return the log-mel of the same magnitudes, for training."""
    return LogMel(spec, POWER_FLOOR)


def log_mel_matched(spec: AudioSpec) -> LogMel:
    """Return the mel that v3 and v4 predict, before `normalised`; give it `MEL_V3` or `MEL_V4`."""
    return LogMel(spec, POWER_FLOOR)


def normalised(mel: Float[Tensor, "*B M L"]) -> Float[Tensor, "*B M L"]:
    """Bring log-mels from [-12, 2] to [-1, 1]."""
    return (mel - LOWEST) / (HIGHEST - LOWEST) * 2 - 1


def denormalised(mel: Float[Tensor, "*B M L"]) -> Float[Tensor, "*B M L"]:
    """Return the inverse of `normalised`."""
    return (mel + 1) / 2 * (HIGHEST - LOWEST) + LOWEST


def training_level(wav: Float[np.ndarray, " T"]) -> tuple[Int16[np.ndarray, " T"], Float[np.ndarray, " T"]]:
    """Mix half peak-normalised, half as recorded: 16-bit samples for training, and what the content encoder hears.

    16-bit samples are truncated towards zero as upstream does, and clipped where upstream overflows (peaks above 1.05).

    Raises:
        InputError: silence, or a peak above 2.2.
    """
    peak = float(np.abs(wav).max(initial=0.0))
    if not 0 < peak <= _LARGEST_PEAK:
        raise got("waveform peak", peak, f"above 0 and at most {_LARGEST_PEAK}")
    mixed = [
        wav / peak * (_NORMALISED * _SHARE * scale) + (1 - _SHARE) * scale * wav for scale in (32768, _CONTENT_SCALE)
    ]
    return mixed[0].clip(-32768, 32767).astype(np.int16), mixed[1]
