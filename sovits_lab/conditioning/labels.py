"""Labels as conditions: a learned vector for each name, and mixtures of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from sovits_lab.conditioning.checks import refuse_small
from sovits_lab.types import got


class LabelEmbedding(nn.Module):
    """Ids of labels -> vectors.

    Args:
        labels: the names, in the order of their ids.
        out_channels: width of the vectors.
    """

    def __init__(self, labels: Sequence[str], out_channels: int = 16) -> None:
        super().__init__()
        refuse_small("emotion.labels", out_channels=out_channels)
        self.labels, self.out_channels = tuple(labels), out_channels
        self.table = nn.Embedding(len(self.labels), out_channels)

    def forward(self, ids: Int[Tensor, " B"]) -> Float[Tensor, "B G"]:
        return self.table(ids)

    def mixture(self, weights: Mapping[str, float]) -> Float[Tensor, " G"]:
        """Return the weighted sum of labels' vectors.

        Raises:
            InputError: an unknown label.
        """
        total = self.table.weight.new_zeros(self.out_channels)
        for label, weight in weights.items():
            if label not in self.labels:
                raise got("emotion", label, f"one of {', '.join(self.labels)}")
            total = total + weight * self.table.weight[self.labels.index(label)]
        return total


class NoLabels(nn.Module):
    """Null object: vectors of no width, which are no condition."""

    labels: tuple[str, ...] = ()
    out_channels = 0

    def forward(self, ids: Int[Tensor, " B"]) -> Float[Tensor, "B 0"]:
        return torch.zeros(len(ids), 0, device=ids.device)

    def mixture(self, weights: Mapping[str, float]) -> Float[Tensor, " 0"]:
        """Raise an InputError, since there is no label."""
        raise got("emotion", ", ".join(weights), "none: this model has no labels")
