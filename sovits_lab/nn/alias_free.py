"""Periodic activations without aliasing (Karras et al. 2021; Lee et al. 2023): at twice the rate, low-passed."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

TAPS = 12
RATIO = 2
REACH = TAPS // RATIO  # samples before and after that an activation hears, through both low-passes
TINY = 1e-9


def kaiser_sinc() -> Float[Tensor, " K"]:
    """Return the low-pass at half the band, of unit sum: a sinc under Kaiser's window (1974)."""
    cutoff, half_width = 0.5 / RATIO, 0.6 / RATIO  # cycles a sample: of the pass band, of half the transition
    attenuation = 2.285 * (TAPS // 2 - 1) * math.pi * 4 * half_width + 7.95
    window = torch.kaiser_window(TAPS, beta=0.1102 * (attenuation - 8.7), periodic=False)
    time = torch.arange(-(TAPS // 2), TAPS // 2) + 0.5
    kernel = 2 * cutoff * window * torch.sinc(2 * cutoff * time)
    return kernel / kernel.sum()


def upsampled(x: Float[Tensor, "B C T"], kernel: Float[Tensor, "1 1 K"]) -> Float[Tensor, "B C U"]:
    """Interpolate to twice the rate; the ends are repeated beyond the signal."""
    taps, channels = kernel.shape[-1], x.shape[1]
    pad = taps // RATIO - 1
    x = F.pad(x, (pad, pad), mode="replicate")
    x = RATIO * F.conv_transpose1d(x, kernel.expand(channels, -1, -1), stride=RATIO, groups=channels)
    cut = pad * RATIO + (taps - RATIO) // 2
    return x[..., cut : x.shape[-1] - cut]


def downsampled(x: Float[Tensor, "B C U"], kernel: Float[Tensor, "1 1 K"]) -> Float[Tensor, "B C T"]:
    """Halve the rate behind the low-pass."""
    taps, channels = kernel.shape[-1], x.shape[1]
    x = F.pad(x, (taps // 2 - 1, taps // 2), mode="replicate")
    return F.conv1d(x, kernel.expand(channels, -1, -1), stride=RATIO, groups=channels)


class SnakeBeta(nn.Module):
    """`x + sin²(a x) / b`, a and b the exponentials of what is learned for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha, self.beta = nn.Parameter(torch.zeros(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Float[Tensor, "B C T"]) -> Float[Tensor, "B C T"]:
        a, b = (p[:, None].exp() for p in (self.alpha, self.beta))
        return x + (1.0 / (b + TINY)) * torch.sin(x * a).square()


class AliasFreeSnake(nn.Module):
    """SnakeBeta at twice the rate. The two low-passes are saved with the weights, as published."""

    up: Tensor
    down: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.snake = SnakeBeta(channels)
        self.register_buffer("up", kaiser_sinc()[None, None].clone())
        self.register_buffer("down", kaiser_sinc()[None, None].clone())

    def forward(self, x: Float[Tensor, "B C T"]) -> Float[Tensor, "B C T"]:
        return downsampled(self.snake(upsampled(x, self.up)), self.down)
