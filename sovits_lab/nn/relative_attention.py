"""Post-norm transformer over `B C L` with learned relative positions in a window (Shaw et al. 2018), as in VITS."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

BLOCKED = -1e4  # the published models were trained with this value, not with minus infinity


class ChannelLayerNorm(nn.Module):
    """Layer normalisation over the channels of `B C L`, parameters gamma and beta."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Float[Tensor, "B C L"]) -> Float[Tensor, "B C L"]:
        return F.layer_norm(x.transpose(1, 2), self.gamma.shape, self.gamma, self.beta, self.eps).transpose(1, 2)


def band_of(scores: Float[Tensor, "B H L W"], size: int) -> Float[Tensor, "B H L L"]:
    """Spread column r of `scores` (offset r - w, W = 2w + 1) onto the diagonals of an L x L matrix, zero elsewhere."""
    window = scores.shape[-1] // 2
    offset = torch.arange(size, device=scores.device)
    offset = offset[None, :] - offset[:, None] + window
    inside = (offset >= 0) & (offset < scores.shape[-1])
    index = offset.clamp(0, scores.shape[-1] - 1).expand(*scores.shape[:2], size, size)
    return scores.gather(-1, index) * inside


def diagonals_of(weights: Float[Tensor, "B H L L"], window: int) -> Float[Tensor, "B H L W"]:
    """Return the 2w + 1 diagonals around the main one as columns, the adjoint of `band_of`."""
    size = weights.shape[-1]
    column = torch.arange(size, device=weights.device)[:, None] + torch.arange(
        -window, window + 1, device=weights.device
    )
    inside = (column >= 0) & (column < size)
    index = column.clamp(0, size - 1).expand(*weights.shape[:2], size, 2 * window + 1)
    return weights.gather(-1, index) * inside


class ConvAttention(nn.Module):
    """Multi-head attention with 1x1 convolutions; relative positions for self-attention only.

    Args:
        channels: width C, a multiple of `heads`.
        heads: number of heads; the relative tables are shared by them.
        window: largest relative distance with its own embedding, 0 for no relative positions.
        dropout: on the attention weights.
    """

    def __init__(self, channels: int, heads: int, window: int = 0, dropout: float = 0.0) -> None:
        super().__init__()
        assert heads > 0 and channels % heads == 0, "channels must be a multiple of heads"
        self.heads, self.window = heads, window
        width = channels // heads
        self.query, self.key, self.value, self.out = (nn.Conv1d(channels, channels, 1) for _ in range(4))
        self.dropout = nn.Dropout(dropout)
        if window:
            self.relative_keys = nn.Parameter(torch.randn(1, 2 * window + 1, width) * width**-0.5)
            self.relative_values = nn.Parameter(torch.randn(1, 2 * window + 1, width) * width**-0.5)
        for conv in (self.query, self.key, self.value):
            nn.init.xavier_uniform_(conv.weight)

    def forward(
        self, x: Float[Tensor, "B C L"], memory: Float[Tensor, "B C P"], allowed: Bool[Tensor, "B L P"]
    ) -> Float[Tensor, "B C L"]:
        """Let every position of `x` ask every allowed position of `memory`."""
        q, k, v = (
            f(t).unflatten(1, (self.heads, -1)).transpose(2, 3)
            for f, t in ((self.query, x), (self.key, memory), (self.value, memory))
        )
        q = q / math.sqrt(q.shape[-1])
        scores = q @ k.transpose(-2, -1)
        if self.window:
            scores = scores + band_of(q @ self.relative_keys.transpose(1, 2), x.shape[2])
        weights = self.dropout(scores.masked_fill(~allowed[:, None], BLOCKED).softmax(-1))
        h = weights @ v
        if self.window:
            h = h + diagonals_of(weights, self.window) @ self.relative_values
        return self.out(h.transpose(2, 3).flatten(1, 2))


class ConvFeedForward(nn.Module):
    """Two convolutions with ReLU between; the input of each and the output are masked."""

    def __init__(self, channels: int, hidden: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.expand = nn.Conv1d(channels, hidden, kernel, padding="same")
        self.contract = nn.Conv1d(hidden, channels, kernel, padding="same")
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "B C L"], mask: Bool[Tensor, "B L"]) -> Float[Tensor, "B C L"]:
        keep = mask[:, None].to(x.dtype)
        h = self.dropout(F.relu(self.expand(x * keep)))
        return self.contract(h * keep) * keep


class RelativeEncoder(nn.Module):
    """Layers of `x = norm(x + attention(x))`, `x = norm(x + feedforward(x))`.

    Args:
        channels, hidden: width and inner width of the feed-forward.
        heads, layers, kernel, dropout: of every layer.
        window: relative positions reach this far.
    """

    def __init__(
        self,
        channels: int,
        hidden: int,
        heads: int,
        layers: int,
        kernel: int = 3,
        dropout: float = 0.0,
        window: int = 4,
    ) -> None:
        super().__init__()
        n = range(layers)
        self.dropout = nn.Dropout(dropout)
        self.attentions = nn.ModuleList(ConvAttention(channels, heads, window, dropout) for _ in n)
        self.attention_norms = nn.ModuleList(ChannelLayerNorm(channels) for _ in n)
        self.feedforwards = nn.ModuleList(ConvFeedForward(channels, hidden, kernel, dropout) for _ in n)
        self.feedforward_norms = nn.ModuleList(ChannelLayerNorm(channels) for _ in n)

    def forward(self, x: Float[Tensor, "B C L"], mask: Bool[Tensor, "B L"]) -> Float[Tensor, "B C L"]:
        keep = mask[:, None].to(x.dtype)
        allowed = mask[:, :, None] & mask[:, None, :]
        x = x * keep
        layers = zip(self.attentions, self.attention_norms, self.feedforwards, self.feedforward_norms, strict=True)
        for attention, norm1, feedforward, norm2 in layers:
            x = norm1(x + self.dropout(attention(x, x, allowed)))
            x = norm2(x + self.dropout(feedforward(x, mask)))
        return x * keep
