"""Normalisation that knows of masks."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor, nn

from sovits_lab.nn.masks import masked_mean


class NoNorm(nn.Module):
    """Null object: everything passes."""

    def forward(self, x: Float[Tensor, "B C L"], mask: Bool[Tensor, "B L"]) -> Float[Tensor, "B C L"]:
        return x


class InstanceNorm(nn.Module):
    """Each channel of each utterance to mean 0 and variance 1 over its real frames (Chou et al. 2019, eq. 3-5).

    What is constant in an utterance, such as much of a voice, is lost. It needs whole utterances: no streaming.

    Args:
        epsilon: added to the variance.
    """

    def __init__(self, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.epsilon = epsilon

    def forward(self, x: Float[Tensor, "B C L"], mask: Bool[Tensor, "B L"]) -> Float[Tensor, "B C L"]:
        centred = (x - masked_mean(x, mask)[..., None]) * mask[:, None]
        variance = masked_mean(centred.square(), mask)[..., None]
        return centred / (variance + self.epsilon).sqrt()
