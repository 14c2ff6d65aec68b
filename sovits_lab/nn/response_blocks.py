"""ConvNeXt V2 blocks over time (Woo et al. 2023, section 3.2), with global response normalisation."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class GlobalResponseNorm(nn.Module):
    """`gamma (x N) + beta + x`, N each channel's norm over all frames relative to the channels' mean.

    The norm covers padding too, as the released models were trained; starts as the identity.
    """

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.gamma = nn.Parameter(torch.zeros(1, 1, channels))
        self.beta = nn.Parameter(torch.zeros(1, 1, channels))

    def forward(self, x: Float[Tensor, "B L C"]) -> Float[Tensor, "B L C"]:
        norm = x.norm(p=2, dim=1, keepdim=True)
        response = norm / (norm.mean(dim=-1, keepdim=True) + self.eps)
        return self.gamma * (x * response) + self.beta + x


class ResponseBlock(nn.Module):
    """Depthwise convolution, layer norm, expansion with GELU and response normalisation, contraction; a residual.

    Args:
        channels: width C.
        hidden: inner width.
        kernel: odd kernel length.
    """

    def __init__(self, channels: int, hidden: int, kernel: int = 7) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(channels, channels, kernel, padding=kernel // 2, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.expand = nn.Linear(channels, hidden)
        self.response = GlobalResponseNorm(hidden)
        self.contract = nn.Linear(hidden, channels)

    def forward(self, x: Float[Tensor, "B L C"]) -> Float[Tensor, "B L C"]:
        h = self.norm(self.depthwise(x.transpose(1, 2)).transpose(1, 2))
        return x + self.contract(self.response(F.gelu(self.expand(h))))
