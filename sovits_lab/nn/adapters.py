"""Adapters behind the layers of a trained network: what a vector does to their output, and nothing where it is zero.

All take `h` as `B L D` and a vector `B R`, have no bias on the vector's path, and return h itself, bit for bit, for a
zero vector; those that are trained start by returning h for every vector.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


def zero_projection(in_channels: int, out_channels: int) -> nn.Linear:
    """Return a linear layer without bias that starts as zero."""
    linear = nn.Linear(in_channels, out_channels, bias=False)
    nn.init.zeros_(linear.weight)
    return linear


class LayerAdapter(nn.Module):
    """Null object: the output as it is."""

    def forward(self, h: Float[Tensor, "B L D"], how: Float[Tensor, "B R"]) -> Float[Tensor, "B L D"]:
        return h


class ShiftAdapter(LayerAdapter):
    """`h + b(how)`. Activation steering is this with directions that were measured (Xie et al. 2025, eq. 5).

    Args:
        channels: width D.
        how_channels: width R of the vector.
    """

    def __init__(self, channels: int, how_channels: int) -> None:
        super().__init__()
        self.shift = zero_projection(how_channels, channels)

    def forward(self, h: Float[Tensor, "B L D"], how: Float[Tensor, "B R"]) -> Float[Tensor, "B L D"]:
        return h + self.shift(how)[:, None]


class GainShiftAdapter(LayerAdapter):
    """`(1 + g(how)) h + b(how)`: adaptive normalisation behind a layer that ends with its norm.

    Args: as `ShiftAdapter`.
    """

    def __init__(self, channels: int, how_channels: int) -> None:
        super().__init__()
        self.modulate = zero_projection(how_channels, 2 * channels)

    def forward(self, h: Float[Tensor, "B L D"], how: Float[Tensor, "B R"]) -> Float[Tensor, "B L D"]:
        gain, shift = self.modulate(how)[:, None].chunk(2, dim=-1)
        return h * (1 + gain) + shift


class PrefixAdapter(LayerAdapter):
    """`h + attention(h, tokens(how))`: a prefix for every layer, let in from zero (Zhang et al. 2023, eq. 5).

    The prefix has attention of its own, so that a base model that never saw one keeps its weights on its own sequence.

    Args:
        channels, how_channels: as `ShiftAdapter`.
        tokens: length of the prefix.
        heads: they divide `inner`.
        inner: width of the attention.
    """

    def __init__(
        self, channels: int, how_channels: int, tokens: int = 4, heads: int = 4, inner: int | None = None
    ) -> None:
        super().__init__()
        inner = inner or max(heads, channels // 4 // heads * heads)
        self.tokens, self.heads = tokens, heads
        self.query = nn.Linear(channels, inner, bias=False)
        self.key_value = nn.Linear(how_channels, 2 * tokens * inner, bias=False)
        self.out = zero_projection(inner, channels)

    def forward(self, h: Float[Tensor, "B L D"], how: Float[Tensor, "B R"]) -> Float[Tensor, "B L D"]:
        k, v = self.key_value(how).unflatten(-1, (self.tokens, -1)).chunk(2, dim=-1)
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (self.query(h), k, v))
        seen: Tensor = F.scaled_dot_product_attention(q, k, v)
        return h + self.out(seen.transpose(1, 2).flatten(2))


class GatedBottleneck(LayerAdapter):
    """`(1 + g) h + b + up(gelu(down(h)) gate(how))`: what changes from frame to frame, as much as the vector asks.

    A bottleneck adapter (Houlsby et al. 2019, section 2) whose inner channels the vector opens.

    Args:
        channels, how_channels: as `ShiftAdapter`.
        inner: width of the bottleneck.
        kernel: odd length of the convolution into it.
    """

    def __init__(self, channels: int, how_channels: int, inner: int = 32, kernel: int = 3) -> None:
        super().__init__()
        self.whole = GainShiftAdapter(channels, how_channels)
        self.down = nn.Conv1d(channels, inner, kernel, padding=kernel // 2)
        self.gate = nn.Linear(how_channels, inner, bias=False)
        self.up = zero_projection(inner, channels)

    def forward(self, h: Float[Tensor, "B L D"], how: Float[Tensor, "B R"]) -> Float[Tensor, "B L D"]:
        inner = F.gelu(self.down(h.mT).mT) * self.gate(how)[:, None]
        return self.whole(h, how) + self.up(inner)


class ErasingAdapter(LayerAdapter):
    """`h - sum_k how_k (h . u_k) u_k`: takes directions out of the output (Xie et al. 2025, section 3.3).

    Args:
        channels, how_channels: as `ShiftAdapter`; one direction for each component of the vector.
    """

    directions: Tensor

    def __init__(self, channels: int, how_channels: int) -> None:
        super().__init__()
        self.register_buffer("directions", torch.zeros(how_channels, channels))

    def forward(self, h: Float[Tensor, "B L D"], how: Float[Tensor, "B R"]) -> Float[Tensor, "B L D"]:
        along = h @ self.directions.T * how[:, None]
        return h - along @ self.directions
