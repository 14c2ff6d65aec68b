"""Prior of the upstream family: content frames meet phones and the reference, then a Gaussian over latents."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.nn.relative_attention import ConvAttention, RelativeEncoder


class Gaussian(NamedTuple):
    """Diagonal Gaussian over latents and the frames on which it is defined."""

    mean: Float[Tensor, "B C L"]
    log_std: Float[Tensor, "B C L"]
    mask: Bool[Tensor, "B L"]

    def sample(
        self, noise_scale: float = 1.0, generator: torch.Generator | None = None, noise: Tensor | None = None
    ) -> Float[Tensor, "B C L"]:
        """Return mean + scale eps exp(log_std), zero where padded.

        Args:
            noise: eps itself, instead of one drawn from `generator`.
        """
        if noise is None:
            noise = torch.empty_like(self.mean).normal_(generator=generator)
        keep = self.mask[:, None].to(self.mean.dtype)
        return (self.mean + noise_scale * noise * self.log_std.exp()) * keep


class PhoneCrossAttention(nn.Module):
    """Content asks phones; the content itself and a global vector are added.

    Args:
        channels: width of both inputs and of the output.
        hidden: width inside, equal to the width of the global vector.
        heads: number of heads.
    """

    def __init__(self, channels: int = 192, hidden: int = 512, heads: int = 4) -> None:
        super().__init__()
        self.content = nn.Conv1d(channels, hidden, 1)
        self.phones = nn.Conv1d(channels, hidden, 1)
        self.attention = ConvAttention(hidden, heads)
        self.out = nn.Conv1d(hidden, channels, 1)

    def forward(
        self,
        content: Float[Tensor, "B C L"],
        mask: Bool[Tensor, "B L"],
        phones: Float[Tensor, "B C P"],
        phone_mask: Bool[Tensor, "B P"],
        condition: Float[Tensor, "B G"],
    ) -> Float[Tensor, "B C L"]:
        keep, phone_keep = mask[:, None].to(content.dtype), phone_mask[:, None].to(content.dtype)
        h = self.content(content * keep)
        memory = self.phones(phones * phone_keep) * phone_keep
        allowed = mask[:, :, None] & phone_mask[:, None, :]
        return self.out((self.attention(h * keep, memory, allowed) + h + condition[:, :, None]) * keep)


def stretch(frames: Float[Tensor, "B C L"], mask: Bool[Tensor, "B L"], speed: float) -> tuple[Tensor, Tensor]:
    """Interpolate linearly to int(L / speed) + 1 frames, the mask by the nearest; `speed` 1 changes nothing."""
    if speed == 1.0:
        return frames, mask
    size = int(frames.shape[2] / speed) + 1
    nearest = F.interpolate(mask[:, None].to(frames.dtype), size=size, mode="nearest")[:, 0]
    return F.interpolate(frames, size=size, mode="linear"), nearest > 0


def cross_fade(frames: Float[Tensor, "B C L"], previous: Float[Tensor, "B C O"]) -> Float[Tensor, "B C L"]:
    """Blend the first frames with the last ones of the chunk before, under the two halves of a sine window."""
    overlap = previous.shape[2]
    window = torch.sin(torch.arange(2 * overlap, device=frames.device, dtype=frames.dtype) * torch.pi / (2 * overlap))
    joined = frames[..., :overlap] * window[:overlap] + previous * window[overlap:]
    return torch.cat([joined, frames[..., overlap:]], dim=2)


class MrtePrior(nn.Module):
    """Quantized content (50 Hz), phones and a reference vector -> Gaussian over latents.

    Args:
        content_channels: width of the content vectors.
        phones: size of the symbol table.
        latent: channels of the latents.
        channels, hidden: width and inner width of the encoders.
        heads, layers, kernel, dropout: of the phone encoder; the two content encoders have half the layers.
        condition_channels: width of the reference vector and of the cross-attention.
        cross_heads: heads of the cross-attention.
    """

    def __init__(
        self,
        content_channels: int = 768,
        phones: int = 732,
        latent: int = 192,
        channels: int = 192,
        hidden: int = 768,
        heads: int = 2,
        layers: int = 6,
        kernel: int = 3,
        dropout: float = 0.1,
        condition_channels: int = 512,
        cross_heads: int = 4,
    ) -> None:
        super().__init__()
        self.enter = nn.Conv1d(content_channels, channels, 1)
        self.content_encoder = RelativeEncoder(channels, hidden, heads, layers // 2, kernel, dropout)
        self.phones = nn.Embedding(phones, channels)
        self.phone_encoder = RelativeEncoder(channels, hidden, heads, layers, kernel, dropout)
        self.cross = PhoneCrossAttention(channels, condition_channels, cross_heads)
        self.out_encoder = RelativeEncoder(channels, hidden, heads, layers // 2, kernel, dropout)
        self.project = nn.Conv1d(channels, 2 * latent, 1)

    def encode(
        self,
        content: Float[Tensor, "B C L"],
        mask: Bool[Tensor, "B L"],
        phones: Int[Tensor, "B P"],
        phone_mask: Bool[Tensor, "B P"],
        condition: Float[Tensor, "B G"],
        look_ahead: int = 0,
    ) -> Float[Tensor, "B D N"]:
        """Return the frames before the projection: what streaming cross-fades and speed stretches.

        Args:
            look_ahead: so many last frames are only heard by the content encoder and then dropped.
        """
        keep = mask[:, None].to(content.dtype)
        h = self.content_encoder(self.enter(content * keep), mask)
        real = mask.shape[1] - look_ahead
        h, mask = h[..., :real], mask[:, :real]
        text = self.phone_encoder(self.phones(phones).transpose(1, 2), phone_mask)
        return self.out_encoder(self.cross(h, mask, text, phone_mask, condition), mask)

    def gaussian(self, frames: Float[Tensor, "B D L"], mask: Bool[Tensor, "B L"]) -> Gaussian:
        """Project frames to mean and log-scale."""
        mean, log_std = (self.project(frames) * mask[:, None].to(frames.dtype)).chunk(2, dim=1)
        return Gaussian(mean, log_std, mask)

    def forward(
        self,
        content: Float[Tensor, "B C L"],
        mask: Bool[Tensor, "B L"],
        phones: Int[Tensor, "B P"],
        phone_mask: Bool[Tensor, "B P"],
        condition: Float[Tensor, "B G"],
        speed: float = 1.0,
    ) -> Gaussian:
        """Predict the prior of the latents.

        Args:
            speed: above 1 is faster: int(L / speed) + 1 frames.
        """
        frames = self.encode(content, mask, phones, phone_mask, condition)
        return self.gaussian(*stretch(frames, mask, speed))
