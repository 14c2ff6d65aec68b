"""A variational style: a Gaussian from the reference, sampled in training, its mean later.

After Zhang et al. 2019 (Learning latent representations for style control and transfer in end-to-end speech
synthesis), section 2; the KL term is held at a capacity as in Burgess et al. 2018, eq. 3.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sovits_lab.conditioning.checks import refuse_small
from sovits_lab.conditioning.pooling import ReferencePool
from sovits_lab.conditioning.reference import Encoded, ReferenceEncoder
from sovits_lab.types import got


class VaeReference(ReferenceEncoder):
    """A reference encoder, then mean and log variance of each dimension of the style.

    Its own loss is `style_kl` = |KL(q(z|x) || N(0, I)) - C|, in nats per clip: without a capacity C the cheapest style
    is one that says nothing. C rises linearly over the first training steps.

    Args:
        body: encoder of the reference.
        out_channels: width of the style vector.
        capacity: C after the rise, nats.
        warmup: training steps of the rise.
        pool: of several references, see `ReferenceEncoder`.
    """

    own_losses = ("style_kl",)
    steps: Tensor

    def __init__(
        self,
        body: ReferenceEncoder,
        out_channels: int = 16,
        capacity: float = 8.0,
        warmup: int = 500,
        pool: ReferencePool | None = None,
    ) -> None:
        super().__init__(pool)
        refuse_small("reference", out_channels=out_channels)
        refuse_small("reference", 0, warmup=warmup)
        if capacity < 0:
            raise got("reference.capacity", capacity, "a number from 0")
        self.body, self.out_channels = body, out_channels
        self.capacity, self.warmup = capacity, warmup
        self.mean = nn.Linear(body.out_channels, out_channels)
        self.log_variance = nn.Linear(body.out_channels, out_channels)
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def target(self) -> Float[Tensor, ""]:
        """Compute the capacity C in nats at this step: it rises linearly over the warm-up."""
        return self.capacity * (self.steps / max(1, self.warmup)).clamp(max=1.0)

    def forward(self, mel: Float[Tensor, "B M L"], mask: Bool[Tensor, "B L"]) -> Float[Tensor, "B G"]:
        """Return the posterior's mean, which is the style vector outside training."""
        return self.mean(self.body(mel, mask))

    def encode(self, mel: Float[Tensor, "B M L"], mask: Bool[Tensor, "B L"]) -> Encoded:
        """Return a sample in training mode, else the mean; and `style_kl`."""
        h = self.body(mel, mask)
        mean, log_variance = self.mean(h).float(), self.log_variance(h).float().clamp(-8, 4)
        kl = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1)
        losses = {"style_kl": (kl.mean() - self.target()).abs()}
        if not self.training:
            return Encoded(mean, losses)
        self.steps += 1
        return Encoded(mean + torch.randn_like(mean) * (0.5 * log_variance).exp(), losses)
