"""Gated dilated convolutions with skip sums (van den Oord et al. 2016, eq. 2), conditioned on a global vector."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm


class WaveNet(nn.Module):
    """`channels` in, `channels` out, all convolutions weight-normalised.

    Args:
        channels: width C.
        kernel: odd kernel length.
        layers: number of gated layers; the last one only feeds the sum.
        condition_channels: width G of the condition.
    """

    def __init__(self, channels: int, kernel: int, layers: int, condition_channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.gates = nn.ModuleList()
        self.leaves = nn.ModuleList()
        for i in range(layers):
            self.gates.append(weight_norm(nn.Conv1d(channels, 2 * channels, kernel, padding=(kernel - 1) // 2)))
            self.leaves.append(weight_norm(nn.Conv1d(channels, channels if i == layers - 1 else 2 * channels, 1)))
        self.condition = weight_norm(nn.Conv1d(condition_channels, 2 * channels * layers, 1))

    def forward(
        self, x: Float[Tensor, "B C L"], mask: Bool[Tensor, "B L"], condition: Float[Tensor, "B G"]
    ) -> Float[Tensor, "B C L"]:
        """Sum the skips; zero where padded."""
        keep = mask[:, None].to(x.dtype)
        shifts = self.condition(condition[:, :, None]).chunk(len(self.gates), dim=1)
        total: Tensor | None = None
        for gate, leave, shift in zip(self.gates, self.leaves, shifts, strict=True):
            a, b = (gate(x) + shift).chunk(2, dim=1)
            out = leave(torch.tanh(a) * torch.sigmoid(b))
            residual, skip = out.chunk(2, dim=1) if out.shape[1] == 2 * self.channels else (None, out)
            total = skip if total is None else total + skip
            if residual is not None:
                x = (x + residual) * keep
        assert total is not None, "a WaveNet has at least one layer"
        return total * keep
