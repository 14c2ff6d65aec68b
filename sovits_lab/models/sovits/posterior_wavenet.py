"""Posterior of the upstream family: a WaveNet over the linear spectrogram. Training only; deployed files lack it."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor, nn

from sovits_lab.models.sovits.prior_mrte import Gaussian
from sovits_lab.nn.wavenet import WaveNet


class WaveNetPosterior(nn.Module):
    """Spectrogram -> Gaussian over latents.

    Args:
        bins: of the linear spectrogram.
        latent: channels of the latents.
        channels, kernel, layers: of the WaveNet.
        condition_channels: width of the reference vector, whose gradient stops here.
    """

    def __init__(
        self,
        bins: int = 1025,
        latent: int = 192,
        channels: int = 192,
        condition_channels: int = 512,
        kernel: int = 5,
        layers: int = 16,
    ) -> None:
        super().__init__()
        self.pre = nn.Conv1d(bins, channels, 1)
        self.wavenet = WaveNet(channels, kernel, layers, condition_channels)
        self.project = nn.Conv1d(channels, 2 * latent, 1)

    def forward(
        self, spec: Float[Tensor, "B F L"], mask: Bool[Tensor, "B L"], condition: Float[Tensor, "B G"]
    ) -> Gaussian:
        keep = mask[:, None].to(spec.dtype)
        h = self.wavenet(self.pre(spec) * keep, mask, condition.detach())
        mean, log_std = (self.project(h) * keep).chunk(2, dim=1)
        return Gaussian(mean, log_std, mask)


class NoPosterior(nn.Module):
    """Stands where a deployed checkpoint has no posterior: it speaks, it cannot be trained with the KL term."""

    def forward(
        self, spec: Float[Tensor, "B F L"], mask: Bool[Tensor, "B L"], condition: Float[Tensor, "B G"]
    ) -> Gaussian:
        raise ValueError("posterior: got a deployed checkpoint without one, expected a base or resume checkpoint")
