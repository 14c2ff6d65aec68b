"""Low-rank adaptation (Hu et al. 2022, eq. 3): W + (alpha / r) B A, on linear layers and convolutions, mergeable."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm


class LowRank(nn.Module):
    """Adds B A to a weight, flattened to two axes; starts as the identity.

    Args:
        shape: of the weight.
        rank: r.
        alpha: scale; alpha = r leaves B A as it is.
    """

    def __init__(self, shape: Sequence[int], rank: int, alpha: float) -> None:
        super().__init__()
        inner = 1
        for size in shape[1:]:
            inner *= size
        self.a = nn.Parameter(torch.randn(rank, inner) / inner**0.5)
        self.b = nn.Parameter(torch.zeros(shape[0], rank))
        self.scale = alpha / rank

    def forward(self, weight: Tensor) -> Tensor:
        return weight + (self.b @ self.a).view_as(weight) * self.scale


def add_lora(model: nn.Module, patterns: Sequence[str], rank: int, alpha: float | None = None) -> list[str]:
    """Freeze the model and adapt the layers whose names match one of the regular expressions.

    Returns:
        names of the adapted layers.

    Raises:
        ValueError: no layer matches.
    """
    model.requires_grad_(False)
    adapted = []
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Linear | nn.Conv1d) and any(re.search(p, name) for p in patterns):
            low_rank = LowRank(module.weight.shape, rank, alpha or rank)
            parametrize.register_parametrization(module, "weight", low_rank)
            adapted.append(name)
    if not adapted:
        raise ValueError(f"lora: got {list(patterns)}, expected a pattern that matches a linear layer or a convolution")
    return adapted


def _merge(module: nn.Module) -> None:
    """Put the adapted value in the weight's place; weight-normalised layers are normalised again."""
    assert isinstance(module.parametrizations, nn.ModuleDict)
    chain = module.parametrizations["weight"]
    assert isinstance(chain, parametrize.ParametrizationList)
    normalised = any(type(step).__name__ == "_WeightNorm" for step in chain)
    parametrize.remove_parametrizations(module, "weight")
    if normalised:
        weight_norm(module)


def merge_lora(model: nn.Module) -> nn.Module:
    """Fold all adaptations into the weights: same function, the state dict of a model that never had any."""
    adapted = [m for m in model.modules() if parametrize.is_parametrized(m, "weight")]
    for module in adapted:
        assert isinstance(module.parametrizations, nn.ModuleDict)
        chain: nn.Module = module.parametrizations["weight"]
        if any(isinstance(step, LowRank) for step in chain.children()):
            _merge(module)
    return model
