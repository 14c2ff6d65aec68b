"""Sine positions (Vaswani et al. 2017, section 3.5) with a learned scale."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


def sine_table(length: int, width: int, device: torch.device | None = None) -> Float[Tensor, "L D"]:
    """Return PE[t, 2i] = sin(t w_i), PE[t, 2i+1] = cos(t w_i), w_i = 10000^(-2i/D), in float32."""
    assert width % 2 == 0, "sine positions come in pairs"
    frequency = torch.exp(torch.arange(0, width, 2, device=device).float() * (-math.log(10000.0) / width))
    angle = torch.arange(length, device=device).float()[:, None] * frequency
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


class ScaledSinePosition(nn.Module):
    """`x + alpha PE[t]` with one learned alpha (Li et al. 2019, eq. 1), then dropout.

    Args:
        width: D.
        dropout: while training.
        length: rows of the table to begin with; it grows when needed and is not part of the state.
    """

    table: Tensor

    def __init__(self, width: int, dropout: float = 0.1, length: int = 4000) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1))
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("table", sine_table(length, width), persistent=False)

    def rows(self, positions: Int[Tensor, "*shape"], longest: int) -> Tensor:
        """Return `alpha PE[positions]`; `longest` bounds the positions, so that none has to be read back from the
        device.
        """
        if longest >= len(self.table):
            self.table = sine_table(2 * longest, self.table.shape[1], self.table.device).to(self.table.dtype)
        return self.alpha * self.table[positions]

    def forward(self, x: Float[Tensor, "B L D"]) -> Float[Tensor, "B L D"]:
        """Add positions from 0."""
        size = x.shape[1]
        return self.dropout(x + self.rows(torch.arange(size, device=x.device), size))
