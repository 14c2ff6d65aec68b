"""Multi-resolution spectral distance, the reconstruction loss of heads (Yamamoto et al. 2020; Kumar et al. 2023)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import librosa
import torch
from jaxtyping import Float
from torch import Tensor, nn


class MultiResolutionMelLoss(nn.Module):
    """Mean L1 distance of log-mels over several window lengths, in nats; on request also of log magnitudes.

    From some 2 kHz on a mel bin is wider than two harmonics are apart: there only magnitudes on a linear axis tell
    harmonics from noise.

    Args:
        sample_rate: Hz.
        windows: STFT lengths; the hop is a quarter of each.
        mels: mel bins per window.
        floor: added to the magnitudes; distances below it do not count.
        linear_windows: STFT lengths whose log magnitudes are compared bin by bin; their mean is added.
    """

    def __init__(
        self,
        sample_rate: int,
        windows: Sequence[int] = (256, 512, 1024, 2048),
        mels: Sequence[int] = (20, 40, 80, 120),
        floor: float = 1e-4,
        linear_windows: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.windows, self.linear_windows, self.floor = tuple(windows), tuple(linear_windows), floor
        for n_fft, bins in zip(windows, mels, strict=True):
            basis = torch.from_numpy(librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=bins))
            self.register_buffer(f"basis_{n_fft}", basis / basis.sum(1, keepdim=True).clamp(min=1e-8), persistent=False)
        for n_fft in sorted({*windows, *linear_windows}):
            self.register_buffer(f"window_{n_fft}", torch.hann_window(n_fft), persistent=False)

    def magnitude(self, wav: Float[Tensor, "B T"], n_fft: int) -> Float[Tensor, "B F L"]:
        """Return the magnitudes at one resolution, per unit amplitude of a sinusoid."""
        window = getattr(self, f"window_{n_fft}")
        spectrum = torch.stft(
            wav, n_fft, n_fft // 4, window=window, center=True, pad_mode="reflect", return_complex=True
        )
        power = spectrum.real.square() + spectrum.imag.square()
        return torch.sqrt(power + 1e-10) * (2 / n_fft)

    def log_mel(self, wav: Float[Tensor, "B T"], n_fft: int) -> Float[Tensor, "B M L"]:
        """Return the log-mel at one resolution."""
        return torch.log(getattr(self, f"basis_{n_fft}") @ self.magnitude(wav, n_fft) + self.floor)

    def log_magnitude(self, wav: Float[Tensor, "B T"], n_fft: int) -> Float[Tensor, "B F L"]:
        """Return the log magnitudes at one resolution."""
        return torch.log(self.magnitude(wav, n_fft) + self.floor)

    def forward(self, real: Float[Tensor, "B T"], fake: Float[Tensor, "B T"]) -> Float[Tensor, ""]:
        """Return the distance of two waveforms of equal length."""
        total = _distance(self.log_mel, real, fake, self.windows)
        return total + _distance(self.log_magnitude, real, fake, self.linear_windows) if self.linear_windows else total


def _distance(
    view: Callable[[Tensor, int], Tensor], real: Tensor, fake: Tensor, windows: Sequence[int]
) -> Float[Tensor, ""]:
    """Mean absolute difference of two waveforms in a view, over windows; the real one needs no gradient."""
    total = torch.zeros((), device=fake.device)
    for n_fft in windows:
        with torch.no_grad():
            target = view(real.float(), n_fft)
        total = total + (view(fake.float(), n_fft) - target).abs().mean()
    return total / len(windows)
