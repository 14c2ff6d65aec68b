"""Divergence between the posterior, seen through the flow, and the prior."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def flow_kl(
    z_prior: Float[Tensor, "B C L"],
    log_std_posterior: Float[Tensor, "B C L"],
    mean_prior: Float[Tensor, "B C L"],
    log_std_prior: Float[Tensor, "B C L"],
    mask: Bool[Tensor, "B L"],
) -> Float[Tensor, ""]:
    """Estimate KL(q || p), the entropy in closed form and the rest by one sample (Kim et al. 2021, eq. 3-4).

    In nats per dimension and real frame. `z_prior` is the posterior's sample after the volume-preserving flow.
    """
    kl = log_std_prior - log_std_posterior - 0.5
    kl = kl + 0.5 * (z_prior - mean_prior).square() * torch.exp(-2 * log_std_prior)
    weight = mask[:, None].to(kl.dtype)
    return (kl * weight).sum() / (weight.sum() * kl.shape[1]).clamp(min=1)
