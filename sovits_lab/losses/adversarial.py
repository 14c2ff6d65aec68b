"""Least-squares GAN losses (Mao et al. 2017, eq. 2) and feature matching (Kumar et al. 2019, eq. 4)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def discriminator_loss(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Float[Tensor, ""]:
    """Sum mean (1 - D(x))² + mean D(G(z))² over the discriminators.

    Args:
        real, fake: logits of each discriminator, any shape.
    """
    terms = [(1 - r.float()).square().mean() + f.float().square().mean() for r, f in zip(real, fake, strict=True)]
    return torch.stack(terms).sum()


def generator_loss(fake: Sequence[Tensor]) -> Float[Tensor, ""]:
    """Sum mean (1 - D(G(z)))² over the discriminators."""
    return torch.stack([(1 - f.float()).square().mean() for f in fake]).sum()


def feature_matching_loss(
    real: Sequence[Sequence[Tensor]], fake: Sequence[Sequence[Tensor]], weight: float = 2.0
) -> Float[Tensor, ""]:
    """Compute `weight` times the sum over discriminators and layers of the mean absolute difference of their maps.

    Args:
        real: maps of the recording; no gradient flows into them.
        fake: maps of the generated waveform.
        weight: 2 in HiFi-GAN and upstream.
    """
    pairs = [pair for r, f in zip(real, fake, strict=True) for pair in zip(r, f, strict=True)]
    return weight * torch.stack([(r.detach().float() - f.float()).abs().mean() for r, f in pairs]).sum()
