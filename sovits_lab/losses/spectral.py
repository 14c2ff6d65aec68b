"""Multi-resolution log-mel distance, the reconstruction loss of heads (Yamamoto et al. 2020; Kumar et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence

import librosa
import torch
from jaxtyping import Float
from torch import Tensor, nn


class MultiResolutionMelLoss(nn.Module):
    """Mean L1 distance of log-mels over several window lengths, in nats.

    Args:
        sample_rate: Hz.
        windows: STFT lengths; the hop is a quarter of each.
        mels: mel bins per window.
        floor: added to the magnitudes; distances below it do not count.
    """

    def __init__(
        self,
        sample_rate: int,
        windows: Sequence[int] = (256, 512, 1024, 2048),
        mels: Sequence[int] = (20, 40, 80, 120),
        floor: float = 1e-4,
    ) -> None:
        super().__init__()
        self.windows, self.floor = tuple(windows), floor
        for n_fft, bins in zip(windows, mels, strict=True):
            basis = torch.from_numpy(librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=bins))
            self.register_buffer(f"basis_{n_fft}", basis / basis.sum(1, keepdim=True).clamp(min=1e-8), persistent=False)
            self.register_buffer(f"window_{n_fft}", torch.hann_window(n_fft), persistent=False)

    def log_mel(self, wav: Float[Tensor, "B T"], n_fft: int) -> Float[Tensor, "B M L"]:
        """Return the log-mel at one resolution; magnitudes are per unit amplitude of a sinusoid."""
        window = getattr(self, f"window_{n_fft}")
        spectrum = torch.stft(
            wav, n_fft, n_fft // 4, window=window, center=True, pad_mode="reflect", return_complex=True
        )
        power = spectrum.real.square() + spectrum.imag.square()
        magnitude = torch.sqrt(power + 1e-10) * (2 / n_fft)
        return torch.log(getattr(self, f"basis_{n_fft}") @ magnitude + self.floor)

    def forward(self, real: Float[Tensor, "B T"], fake: Float[Tensor, "B T"]) -> Float[Tensor, ""]:
        """Return the distance of two waveforms of equal length."""
        total = torch.zeros((), device=fake.device)
        for n_fft in self.windows:
            with torch.no_grad():
                target = self.log_mel(real.float(), n_fft)
            total = total + (self.log_mel(fake.float(), n_fft) - target).abs().mean()
        return total / len(self.windows)
