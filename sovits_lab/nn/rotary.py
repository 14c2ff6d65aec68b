"""Rotary positions (Su et al. 2021) as the released v3 and v4 apply them: to the first head alone."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class RotaryAngles(nn.Module):
    """Position times frequency, each angle twice in a row.

    The frequencies are saved with the weights and loaded from them: released files hold them in half precision, and the
    model was tuned with the rounded ones.

    Args:
        channels: even number of channels that are turned.
    """

    frequencies: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("frequencies", 10000.0 ** (-torch.arange(0, channels, 2).float() / channels))

    def forward(self, frames: int) -> Float[Tensor, "1 L H"]:
        """Return the angles of positions 0 to `frames` - 1, in float32."""
        positions = torch.arange(frames, device=self.frequencies.device, dtype=torch.float32)
        return (positions[:, None] * self.frequencies.float()).repeat_interleave(2, dim=1)[None]


def rotated(x: Float[Tensor, "B L D"], angles: Float[Tensor, "1 L H"]) -> Float[Tensor, "B L D"]:
    """Turn neighbouring pairs (2i, 2i + 1) of the first H channels; the rest passes.

    The released models rotate before the heads are split, so only head 0 knows where it is.
    """
    turned, rest = x[..., : angles.shape[-1]], x[..., angles.shape[-1] :]
    even, odd = turned[..., ::2].float(), turned[..., 1::2].float()
    cos, sin = angles[..., ::2].cos(), angles[..., ::2].sin()
    pairs = torch.stack([even * cos - odd * sin, odd * cos + even * sin], dim=-1)
    return torch.cat([pairs.flatten(-2).to(x.dtype), rest], dim=-1)
