"""Resampling of batches on any device, by a windowed sinc; `sovits_lab.audio.files.resample` is for recordings."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from sovits_lab.audio.torchaudio_compat import ensure


def resampled(wav: Float[Tensor, "B T"], rate: int, wanted: int) -> Float[Tensor, "B U"]:
    """Return the waveforms at another rate, U = ceil(T wanted / rate)."""
    if rate == wanted:
        return wav
    ensure()
    from torchaudio.functional import resample

    made: Tensor = resample(wav, rate, wanted)
    return made
