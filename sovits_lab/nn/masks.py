"""Masks: which positions of a padded batch are real."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def length_mask(lengths: Int[Tensor, " B"], size: int | None = None) -> Bool[Tensor, "B L"]:
    """Return True where position < length. `size` defaults to the longest length."""
    size = int(lengths.max()) if size is None else size
    return torch.arange(size, device=lengths.device)[None, :] < lengths[:, None]


def masked_mean(x: Float[Tensor, "B C L"], mask: Bool[Tensor, "B L"]) -> Float[Tensor, "B C"]:
    """Return the mean over real positions; a row without any gives zeros."""
    weight = mask[:, None].to(x.dtype)
    return (x * weight).sum(-1) / weight.sum(-1).clamp(min=1)


def masked_average(value: Float[Tensor, "B L"], mask: Bool[Tensor, "B L"]) -> Float[Tensor, ""]:
    """Average all real positions of the whole batch; 0 where there is none."""
    weight = mask.to(value.dtype)
    return (value * weight).sum() / weight.sum().clamp(min=1)
