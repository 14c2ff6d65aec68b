"""Gradient reversal (Ganin & Lempitsky 2015): identity forwards, minus `weight` times the gradient backwards."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: float) -> Tensor:
        ctx.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -ctx.weight * gradient, None


def reverse_gradient(x: Float[Tensor, "*shape"], weight: float = 1.0) -> Float[Tensor, "*shape"]:
    """Return `x`; its gradient is multiplied by `-weight`."""
    return _Reverse.apply(x, weight)  # type: ignore[no-untyped-call]
