"""Tensors of a bundle in 8 bits: a quarter of the size on the disk, float32 again as soon as they are read."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from sovits_lab.types import got

SCALE = ".scale"  # beside the name of a tensor of int8: what its rows are multiplied by
FEWEST = 1024  # values; smaller tensors stay as they are


def compact(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors with every large matrix in int8, symmetric, with one scale for each row of its first axis."""
    made: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if not value.is_floating_point() or value.dim() < 2 or value.numel() < FEWEST:
            made[name] = value
            continue
        rows = value.detach().float().flatten(1)
        scale = (rows.abs().amax(1) / 127).clamp(min=torch.finfo(torch.float32).tiny)
        made[name] = (rows / scale[:, None]).round().to(torch.int8).view(value.shape)
        made[name + SCALE] = scale
    return made


def expanded(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of `compact` as float32; others as they are.

    Raises:
        InputError: a scale that does not fit its tensor.
    """
    made: dict[str, Tensor] = {}
    for name, value in tensors.items():
        scale = tensors.get(name + SCALE)
        if scale is None or value.dtype != torch.int8:
            made[name] = value
            continue
        if scale.shape != value.shape[:1] or not scale.is_floating_point():
            raise got(f"bundle: {name + SCALE}", tuple(scale.shape), f"{tuple(value.shape[:1])} numbers")
        made[name] = value.float() * scale.view(-1, *[1] * (value.dim() - 1))
    return {name: value for name, value in made.items() if not _is_scale(name, tensors)}


def _is_scale(name: str, tensors: Mapping[str, Tensor]) -> bool:
    whole = tensors.get(name.removesuffix(SCALE)) if name.endswith(SCALE) else None
    return whole is not None and whole.dtype == torch.int8
