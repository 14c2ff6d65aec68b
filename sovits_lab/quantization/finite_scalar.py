"""Finite scalar quantization (Mentzer et al. 2023): each of a few dimensions is bounded and rounded to a fixed grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


class Quantized(NamedTuple):
    """What a quantizer returns: the vectors on the grid and the index of each."""

    vectors: Float[Tensor, "B L D"]
    tokens: Int[Tensor, "B L"]


class Quantizer(nn.Module):
    """The contract of a bottleneck: vectors `B S D` in, vectors and tokens out.

    `dimensions` is D, `codes` the number of tokens K.
    """

    dimensions: int
    codes: int

    def soft(self, x: Float[Tensor, "B L D"]) -> Float[Tensor, "B L D"]:
        """Return what `forward` would return without rounding."""
        raise NotImplementedError("a quantizer defines soft")

    def vectors(self, tokens: Int[Tensor, "B L"]) -> Float[Tensor, "B L D"]:
        """Return the vectors that tokens stand for."""
        raise NotImplementedError(f"{type(self).__name__} has no vectors for tokens")


class FiniteScalarQuantizer(Quantizer):
    """Codebook of `prod(levels)` points without parameters.

    Args:
        levels: number of grid values per dimension, each at least 3, e.g. (8, 5, 5, 5) = 1000 codes.

    Raises:
        ValueError: no level, or one below 3: the shift of an even grid (eq. 3) has no solution for 2.
    """

    steps: Tensor
    basis: Tensor

    def __init__(self, levels: Sequence[int]) -> None:
        super().__init__()
        if not levels or min(levels) < 3:
            raise ValueError(f"levels: got {list(levels)}, expected at least one number, each 3 or more")
        self.dimensions = len(levels)
        self.codes = math.prod(levels)
        self.register_buffer("steps", torch.tensor(levels), persistent=False)
        self.register_buffer(
            "basis", torch.tensor([math.prod(levels[:i]) for i in range(len(levels))]), persistent=False
        )

    def bound(self, x: Float[Tensor, "B L D"]) -> Float[Tensor, "B L D"]:
        """Bound to (-(n-1)/2, (n-1)/2) per dimension; an even n is shifted by a half to whole numbers (eq. 3)."""
        half = (self.steps - 1) * (1 - 1e-3) / 2
        offset = torch.where(self.steps % 2 == 0, 0.5, 0.0)
        return torch.tanh(x + torch.atanh(offset / half)) * half - offset

    def forward(self, x: Float[Tensor, "B L D"]) -> Quantized:
        """Round with a straight-through gradient; vectors are scaled to about [-1, 1]."""
        bounded = self.bound(x.float())
        rounded = bounded + (bounded.round() - bounded).detach()
        return Quantized(rounded / (self.steps // 2), self.index(rounded.detach()))

    def soft(self, x: Float[Tensor, "B L D"]) -> Float[Tensor, "B L D"]:
        """Return the bounded vectors without rounding, on the scale of `forward`."""
        return self.bound(x.float()) / (self.steps // 2)

    def index(self, rounded: Float[Tensor, "B L D"]) -> Int[Tensor, "B L"]:
        """Turn grid points into tokens, mixed radix."""
        return ((rounded.round().long() + self.steps // 2) * self.basis).sum(-1)

    def vectors(self, tokens: Int[Tensor, "B L"]) -> Float[Tensor, "B L D"]:
        """Turn tokens into grid vectors, the inverse of `forward`."""
        digits = (tokens[..., None] // self.basis) % self.steps
        return (digits - self.steps // 2).float() / (self.steps // 2)


class IdentityQuantizer(Quantizer):
    """No bottleneck: vectors pass, every token is 0. For recognisers that judge and never feed a model."""

    codes = 1

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.dimensions = dimensions

    def forward(self, x: Float[Tensor, "B L D"]) -> Quantized:
        return Quantized(x.float(), torch.zeros(x.shape[:2], dtype=torch.long, device=x.device))

    def soft(self, x: Float[Tensor, "B L D"]) -> Float[Tensor, "B L D"]:
        return x.float()
