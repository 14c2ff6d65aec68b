"""Pre-norm transformer with rotary positions and a static key-value cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.nn.modulation import Film, Modulate, Modulation, Prepared


class Rotation(NamedTuple):
    """Rotary position embedding (Su et al. 2021, eq. 34), base 10000, of some positions; all layers share it."""

    cos: Float[Tensor, "B 1 L E"]
    sin: Float[Tensor, "B 1 L E"]


def make_rotation(positions: Float[Tensor, "B L"], width: int) -> Rotation:
    """Return the rotation of heads of this (even) width; positions need not be whole numbers."""
    half = width // 2
    rates = 10000.0 ** (-torch.arange(half, device=positions.device) / half)
    angle = positions[:, None, :, None] * rates
    return Rotation(angle.cos(), angle.sin())


def rotate(x: Float[Tensor, "B H L D"], rotation: Rotation) -> Float[Tensor, "B H L D"]:
    """Turn the pairs of components by the angles of their positions."""
    cos, sin = (each.to(x.dtype) for each in rotation)
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


class LayerConstants(NamedTuple):
    """What the condition of a generation is to the two branches of a layer, the same at each step."""

    attention: Prepared
    forward: Prepared

    def rows(self, chosen: Int[Tensor, " R"]) -> LayerConstants:
        """Return those of these rows alone."""
        attention, forward = (tuple(each[chosen] for each in branch) for branch in self)
        return LayerConstants(attention, forward)


@dataclass
class LayerCache:
    """Keys and values of one layer, allocated once for the longest sequence, and what does not change with a step."""

    keys: Float[Tensor, "B H L D"]
    values: Float[Tensor, "B H L D"]
    constants: LayerConstants | None = None

    @classmethod
    def empty(cls, batch: int, heads: int, size: int, width: int, like: Tensor) -> LayerCache:
        """Make zeros on the device and of the type of `like`."""
        shape = (batch, heads, size, width)
        return cls(like.new_zeros(shape), like.new_zeros(shape))

    def rows(self, chosen: Int[Tensor, " R"]) -> LayerCache:
        """Return the cache of these rows alone."""
        constants = None if self.constants is None else self.constants.rows(chosen)
        return LayerCache(self.keys[chosen], self.values[chosen], constants)

    def write(self, start: int, keys: Tensor, values: Tensor) -> None:
        """Store the keys and values of positions start, start + 1, ..."""
        self.keys[:, :, start : start + keys.shape[2]] = keys
        self.values[:, :, start : start + values.shape[2]] = values


class Attention(nn.Module):
    """Multi-head self-attention; with a cache it attends to everything written so far."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        assert heads > 0 and channels % (2 * heads) == 0, "each head needs an even width"
        self.heads = heads
        self.qkv = nn.Linear(channels, 3 * channels, bias=False)
        self.out = nn.Linear(channels, channels, bias=False)

    def project(self, x: Tensor, rotation: Rotation) -> tuple[Tensor, ...]:
        """Return rotated queries, rotated keys, values, each `B H L D`."""
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in self.qkv(x).chunk(3, dim=-1))
        return rotate(q, rotation), rotate(k, rotation), v

    def forward(
        self,
        x: Float[Tensor, "B L D"],
        mask: Bool[Tensor, "B 1 L N"],
        rotation: Rotation,
        cache: LayerCache | None = None,
        start: int = 0,
    ) -> Float[Tensor, "B L D"]:
        q, k, v = self.project(x, rotation)
        if cache is not None:
            cache.write(start, k, v)
            k, v = cache.keys[:, :, : mask.shape[-1]], cache.values[:, :, : mask.shape[-1]]
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.out(seen.transpose(1, 2).flatten(2))

    def weights(self, x: Tensor, mask: Tensor, rotation: Rotation, head: int) -> Float[Tensor, "B L N"]:
        """Return the attention weights of one head, for guidance and pictures; the fused kernel does not give them."""
        q, k, _ = self.project(x, rotation)
        scores = q[:, head].float() @ k[:, head].float().transpose(-1, -2) / q.shape[-1] ** 0.5
        return scores.masked_fill(~mask[:, 0], -1e9).softmax(-1)


class TransformerLayer(nn.Module):
    """`x + attention(norm(x))`, then `x + feed_forward(norm(x))`, each branch modulated by the condition.

    Args:
        channels, heads: of the attention.
        expansion: of the feed-forward.
        dropout: on both branches.
        condition_channels: width G of the condition, 0 for none.
        modulate: makes what the condition does to each branch.
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        expansion: int = 4,
        dropout: float = 0.1,
        condition_channels: int = 0,
        modulate: Modulate = Film,
    ) -> None:
        super().__init__()
        self.attention_norm, self.forward_norm = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.attention = Attention(channels, heads)
        self.feed_forward = nn.Sequential(
            nn.Linear(channels, expansion * channels), nn.GELU(), nn.Linear(expansion * channels, channels)
        )
        self.dropout = nn.Dropout(dropout)
        self.attention_modulation, self.forward_modulation = (
            modulate(channels, condition_channels) if condition_channels else Modulation() for _ in range(2)
        )

    def forward(
        self,
        x: Float[Tensor, "B L D"],
        mask: Bool[Tensor, "B 1 L N"],
        rotation: Rotation,
        cache: LayerCache | None = None,
        start: int = 0,
        condition: Float[Tensor, "B G"] | None = None,
    ) -> Float[Tensor, "B L D"]:
        def attend(h: Tensor) -> Tensor:
            return self.attention(h, mask, rotation, cache, start)

        known = None if cache is None else cache.constants
        modulations = self.prepare(condition) if known is None else known
        x = x + self.dropout(self.attention_modulation.around(self.attention_norm(x), modulations.attention, attend))
        fed = self.forward_modulation.around(self.forward_norm(x), modulations.forward, self.feed_forward)
        return x + self.dropout(fed)

    def prepare(self, condition: Float[Tensor, "B G"] | None) -> LayerConstants:
        """Return what the condition is to this layer, for the cache of a generation."""
        return LayerConstants(self.attention_modulation.prepare(condition), self.forward_modulation.prepare(condition))

    def weights(
        self,
        x: Float[Tensor, "B L D"],
        mask: Bool[Tensor, "B 1 L N"],
        rotation: Rotation,
        condition: Float[Tensor, "B G"] | None = None,
        head: int = 0,
    ) -> Float[Tensor, "B L N"]:
        """Return the attention weights of one head on the layer's input."""
        found: list[Tensor] = []

        def look(h: Tensor) -> Tensor:
            found.append(self.attention.weights(h, mask, rotation, head))
            return h

        self.attention_modulation(self.attention_norm(x), condition, look)
        return found[0]
