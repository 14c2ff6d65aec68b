"""Linear and mel spectrograms whose frame count is T // hop exactly."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.nn import functional

from sovits_lab.audio.mel_filters import slaney_filters
from sovits_lab.audio.spec import AudioSpec
from sovits_lab.types import got

FLOOR = 1e-5  # magnitudes below this are silence; ln(FLOOR) is the lowest value of a log-mel
_TINY = 1e-12  # keeps the square root's gradient finite at zero


@lru_cache(maxsize=8)
def mel_filters(spec: AudioSpec) -> Float[Tensor, "M F"]:
    """Return Slaney's mel filters with area normalisation (librosa's default), [M, F]."""
    return torch.from_numpy(slaney_filters(spec.sample_rate, spec.n_fft, spec.n_mels, spec.f_min, spec.top))


def linear_spectrogram(
    wav: Float[Tensor, "B T"],
    spec: AudioSpec,
    window: Float[Tensor, " W"] | None = None,
    power_floor: float = _TINY,
) -> Float[Tensor, "B F L"]:
    """Return the magnitudes of the short-time Fourier transform, L = T // hop.

    The signal is padded by (n_fft - hop) / 2 on both sides, so frame i is centred at (i + 0.5) * hop. Padding
    mirrors the signal, or is zero where the signal is too short to be mirrored.

    Args:
        wav: float waveform.
        spec: frames of the transform.
        window: Hann window of `spec.win` samples, made when not given.
        power_floor: added to the power; the GPT-SoVITS family was trained with 1e-8.

    Raises:
        InputError: when T < hop (no frame fits).
    """
    if wav.shape[-1] < spec.hop:
        raise got("waveform", f"{wav.shape[-1]} samples", f"at least one hop of {spec.hop}")
    window = torch.hann_window(spec.win, device=wav.device) if window is None else window
    margin = (spec.n_fft - spec.hop) // 2
    mode = "reflect" if wav.shape[-1] > margin else "constant"
    padded = functional.pad(wav[:, None], (margin, margin), mode=mode)[:, 0]
    bins = torch.stft(padded, spec.n_fft, spec.hop, spec.win, window, center=False, return_complex=True)
    return (bins.real.square() + bins.imag.square() + power_floor).sqrt()


class LogMel(nn.Module):
    """Natural logarithm of mel magnitudes, floored at 1e-5: [B, T] -> [B, M, L] with L = T // hop.

    Computed in float32 also under autocast; differentiable. Buffers follow `.to(device)` and are not saved.
    """

    filters: Tensor
    window: Tensor

    def __init__(self, spec: AudioSpec, power_floor: float = _TINY) -> None:
        super().__init__()
        self.spec = spec
        self.power_floor = power_floor
        self.register_buffer("filters", mel_filters(spec).clone(), persistent=False)
        self.register_buffer("window", torch.hann_window(spec.win), persistent=False)

    def forward(self, wav: Float[Tensor, "B T"]) -> Float[Tensor, "B M L"]:
        """Return the log-mel of a batch of waveforms."""
        with torch.autocast(wav.device.type, enabled=False):
            return self.from_linear(linear_spectrogram(wav.float(), self.spec, self.window, self.power_floor))

    def from_linear(self, magnitudes: Float[Tensor, "B F L"]) -> Float[Tensor, "B M L"]:
        """Return the log-mel of linear magnitudes."""
        return torch.log((self.filters @ magnitudes).clamp_min(FLOOR))


@lru_cache(maxsize=4)
def _log_mel(spec: AudioSpec) -> LogMel:
    return LogMel(spec)


@torch.no_grad()
def log_mel(wav: Float32[np.ndarray, " T"], spec: AudioSpec) -> Float32[np.ndarray, "M L"]:
    """Compute `LogMel` of one waveform, in numpy."""
    return _log_mel(spec)(torch.from_numpy(wav)[None])[0].numpy()


def mel_frames(wav: Float32[np.ndarray, " T"], spec: AudioSpec) -> Float32[np.ndarray, "L M"]:
    """Compute the same, frame by frame, as feature stores keep mels and `stack_mels` takes them."""
    return np.ascontiguousarray(log_mel(wav, spec).T)
