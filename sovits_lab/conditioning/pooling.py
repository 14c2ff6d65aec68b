"""Several references of one utterance -> one style vector, whatever their order."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.types import got


class ReferencePool(nn.Module):
    """Style vectors `B R G` and which of them are there, at least one a row -> `B G`. One alone stays as it is."""

    def forward(self, styles: Float[Tensor, "B R G"], there: Bool[Tensor, "B R"]) -> Float[Tensor, "B G"]:
        """Return the weighted sum."""
        weights = self.weights(styles, there)
        return (weights[..., None] * styles).sum(1)

    def weights(self, styles: Float[Tensor, "B R G"], there: Bool[Tensor, "B R"]) -> Float[Tensor, "B R"]:
        """Return the weight of each reference, 0 where none is; they sum to 1."""
        raise NotImplementedError("a pool defines its weights")


class MeanPool(ReferencePool):
    """Pool references by their mean: each one that is there has the same weight."""

    def weights(self, styles: Float[Tensor, "B R G"], there: Bool[Tensor, "B R"]) -> Float[Tensor, "B R"]:
        return there / there.sum(1, keepdim=True).clamp(min=1)


class AttentionPool(ReferencePool):
    """Attention whose query is the mean: a reference counts by how well it agrees with the others.

    softmax(cos(style, mean) / temperature) has no weights to learn, so it serves encoders that were trained with one
    reference at a time.

    Args:
        temperature: near 0 the most typical reference stands alone, far above 1 it is the mean.
    """

    def __init__(self, temperature: float = 0.2) -> None:
        super().__init__()
        if not temperature > 0:
            raise got("reference.pool.temperature", temperature, "a number above 0")
        self.temperature = temperature

    def weights(self, styles: Float[Tensor, "B R G"], there: Bool[Tensor, "B R"]) -> Float[Tensor, "B R"]:
        mean = (MeanPool().weights(styles, there)[..., None] * styles).sum(1, keepdim=True)
        scores = F.cosine_similarity(styles, mean, dim=-1) / self.temperature
        return torch.softmax(scores.masked_fill(~there, -torch.inf), dim=1)
