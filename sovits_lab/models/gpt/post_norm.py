"""The upstream family's transformer layer: post-norm, ReLU (Vaswani et al. 2017), laid out `B L D`."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.models.gpt.cache import LayerView
from sovits_lab.nn.dropout import attention, dropout


class PostNormLayer(nn.Module):
    """`x = norm(x + attention(x))`, `x = norm(x + feedforward(x))`.

    Args:
        width: D, a multiple of `heads`.
        heads: number of heads.
        hidden: inner width of the feed-forward.
        dropout: on both branches and inside the feed-forward.
        attention_dropout: on attention weights.
    """

    def __init__(
        self, width: int, heads: int, hidden: int, dropout: float = 0.1, attention_dropout: float = 0.1
    ) -> None:
        super().__init__()
        assert width % heads == 0, "width must be a multiple of heads"
        self.heads, self.dropout, self.attention_dropout = heads, dropout, attention_dropout
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.expand = nn.Linear(width, hidden)
        self.contract = nn.Linear(hidden, width)
        self.attention_norm = nn.LayerNorm(width)
        self.feedforward_norm = nn.LayerNorm(width)
        nn.init.xavier_uniform_(self.qkv.weight)
        nn.init.zeros_(self.qkv.bias)
        nn.init.zeros_(self.out.bias)

    def _split(self, x: Float[Tensor, "B L D"]) -> tuple[Tensor, ...]:
        """Queries, keys, values, `B H L D` each, copied once here rather than by each product with them."""
        b, n, _ = x.shape
        return self.qkv(x).view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4).contiguous().unbind(0)

    def _feedforward(self, x: Tensor) -> Tensor:
        drop = self.dropout if self.training else 0.0
        h = dropout(self.contract(dropout(F.relu(self.expand(x)), drop)), drop)
        return self.feedforward_norm(x + h)

    def forward(
        self,
        x: Float[Tensor, "B L D"],
        mask: Float[Tensor, "B 1 L L"],
        cache: LayerView | None = None,
        front: int = 0,
    ) -> Float[Tensor, "B L D"]:
        """Run all positions at once; keys and values are written to the front of `cache`.

        Args:
            mask: additive, minus infinity where blocked.
            front: so many first positions see only each other in every row; what they cannot see is not computed.
        """
        q, k, v = self._split(x)
        if cache is not None:
            cache.keys[:, :, : k.shape[2]] = k
            cache.values[:, :, : v.shape[2]] = v
        drop, blind = (self.dropout, self.attention_dropout) if self.training else (0.0, 0.0)
        h = attention(q[:, :, front:], k, v, mask[:, :, front:], blind)
        if front:
            q, k, v = q[:, :, :front], k[:, :, :front], v[:, :, :front]
            h = torch.cat([attention(q, k, v, mask[:, :, :front, :front], blind), h], dim=2)
        x = self.attention_norm(x + dropout(self.out(h.transpose(1, 2).flatten(2)), drop))
        return self._feedforward(x)

    def step(
        self, x: Float[Tensor, "B D"], cache: LayerView, position: int, mask: Tensor | None
    ) -> Float[Tensor, "B D"]:
        """Run one new position, which attends to everything before it in the cache and to itself."""
        q, k, v = self.qkv(x).view(len(x), 3, self.heads, -1).unbind(1)
        keys, values = cache
        keys[:, :, position] = k
        values[:, :, position] = v
        scores = (q * (1 / math.sqrt(q.shape[-1])))[:, :, None] @ keys[:, :, : position + 1].transpose(-2, -1)
        if mask is not None:
            scores = scores + mask
        h = scores.softmax(-1) @ values[:, :, : position + 1]
        x = self.attention_norm(x + self.out(h.reshape(x.shape)))
        return self.feedforward_norm(x + self.contract(F.relu(self.expand(x))))
