"""Dropout whose noise costs next to nothing on a CPU: four 16-bit draws from each 64-bit word, instead of one each.

Torch's own draws take longer on a CPU than the attention they are for. The distribution is that of independent
dropout with probability round(65536 p) / 65536; the scale of what is kept is exact for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

LEVELS = 1 << 16


def kept(shape: Sequence[int], p: float) -> Bool[Tensor, "*shape"]:
    """Draw a mask that is False with probability `p`, independently, by torch's global generator."""
    count = int(np.prod(shape))
    source = np.random.Generator(np.random.SFC64(int(torch.randint(1 << 62, ()))))
    words = source.integers(0, 1 << 64, size=-(-count // 4), dtype=np.uint64)
    return torch.from_numpy(words.view(np.uint16)[:count] >= round(p * LEVELS)).view(*shape)


def scale(p: float) -> float:
    """Return what the kept values are multiplied by, so that the mean stays."""
    return LEVELS / (LEVELS - round(p * LEVELS))


def _masked(x: Tensor, keep: Tensor) -> Tensor:
    """x keep. The mask takes the type of x first: torch multiplies numbers by truth values many times more slowly."""
    return keep.to(x.dtype).mul_(x)


class _Dropped(torch.autograd.Function):
    """Multiply by a mask and a factor; only the mask is kept for the backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, keep: Tensor, factor: float) -> Tensor:
        ctx.save_for_backward(keep)
        ctx.factor = factor
        return _masked(x, keep).mul_(factor)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (keep,) = ctx.saved_tensors
        return _masked(gradients[0], keep).mul_(ctx.factor), None, None


class _DroppedMean(torch.autograd.Function):
    """(weights keep) values scale; the product of weights and mask is made again for the backward pass, not stored."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, values: Tensor, keep: Tensor, factor: float) -> Tensor:
        ctx.save_for_backward(weights, values, keep)
        ctx.factor = factor
        return (_masked(weights, keep) @ values).mul_(factor)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        weights, values, keep = ctx.saved_tensors
        gradient = gradients[0] * ctx.factor
        to_weights = _masked(gradient @ values.transpose(-1, -2), keep)
        return to_weights, _masked(weights, keep).transpose(-1, -2) @ gradient, None, None


def dropout(x: Float[Tensor, "*shape"], p: float) -> Float[Tensor, "*shape"]:
    """Apply dropout with probability `p`; 0 is none."""
    if not 0 < p < 1 or x.device.type != "cpu":
        return F.dropout(x, p)
    return _Dropped.apply(x, kept(x.shape, p), scale(p))  # type: ignore[no-untyped-call]


def attention(
    q: Float[Tensor, "B H M D"],
    k: Float[Tensor, "B H N D"],
    v: Float[Tensor, "B H N D"],
    mask: Float[Tensor, "B 1 M N"],
    p: float,
) -> Float[Tensor, "B H M D"]:
    """Return softmax(q k' / sqrt(D) + mask) v with dropout on the attention weights.

    Args:
        mask: additive, 0 or minus infinity.
        p: of each weight; 0 takes torch's fused kernel, which cannot drop on a CPU.
    """
    if not 0 < p < 1 or q.device.type != "cpu":
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=p)
    weights = ((q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)).add_(mask).softmax(-1).to(v.dtype)
    return _DroppedMean.apply(weights, v, kept(weights.shape, p), scale(p))  # type: ignore[no-untyped-call]
