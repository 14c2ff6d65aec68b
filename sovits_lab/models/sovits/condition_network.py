"""From frames of the prior's encoder (50 Hz) to condition features at the mel's rate, as in v3 and v4."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.nn.wavenet import WaveNet


class ConditionNetwork(nn.Module):
    """Bridge to another width, nearest up-sampling, and a WaveNet that hears the voice.

    Args:
        in_channels: width of the frames.
        channels: width C of the features.
        condition_channels: width G of the voice vector.
        upsampling: mel frames for each frame: 1.875 (v3) or 2 (v4).
        kernel, layers: of the WaveNet.
    """

    def __init__(
        self,
        in_channels: int = 192,
        channels: int = 512,
        condition_channels: int = 512,
        upsampling: float = 1.875,
        kernel: int = 5,
        layers: int = 8,
    ) -> None:
        super().__init__()
        self.channels, self.upsampling = channels, upsampling
        self.bridge = nn.Conv1d(in_channels, channels, 1)
        self.pre = nn.Conv1d(channels, channels, 1)
        self.wavenet = WaveNet(channels, kernel, layers, condition_channels)
        self.out = nn.Conv1d(channels, channels, 1)

    def upsampled(self, x: Float[Tensor, "B C L"]) -> Float[Tensor, "B C N"]:
        """Repeat frames: frame i is frame floor(i / upsampling) of before."""
        return F.interpolate(x, scale_factor=self.upsampling, mode="nearest")

    def bridged(self, frames: Float[Tensor, "B D L"]) -> Float[Tensor, "B C L"]:
        """Bring frames to the features' width."""
        return F.leaky_relu(self.bridge(frames))  # the slope is torch's 0.01, as published

    def forward(
        self, frames: Float[Tensor, "B D L"], mask: Bool[Tensor, "B N"] | None, voice: Float[Tensor, "B G"]
    ) -> Float[Tensor, "B C N"]:
        """Return the features, zero where `mask` is False.

        Args:
            mask: real frames at the mel's rate; None where all are.
            voice: it gets a gradient here; the published training detaches it.
        """
        h = self.upsampled(self.bridged(frames))
        mask = h.new_ones(h.shape[0], h.shape[2]).bool() if mask is None else mask
        keep = mask[:, None].to(h.dtype)
        h = self.wavenet(self.pre(h) * keep, mask, voice)
        return self.out(h) * keep
