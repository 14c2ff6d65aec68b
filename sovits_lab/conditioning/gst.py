"""Global style tokens: what a reference encoder hears, said again as a mixture of a few learned styles.

After Wang et al. 2018, section 3.2.2.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.conditioning.checks import refuse_part, refuse_small
from sovits_lab.conditioning.pooling import ReferencePool
from sovits_lab.conditioning.reference import ReferenceEncoder


class GstReference(ReferenceEncoder):
    """Multi-head attention of a reference embedding over a bank of tokens.

    Args:
        body: reference encoder whose vector asks.
        tokens: size of the bank.
        heads: of the attention; each weighs the tokens for its own share of the style vector.
        out_channels: width of the style vector, a multiple of `heads`.
        pool: of several references, see `ReferenceEncoder`.
    """

    def __init__(
        self,
        body: ReferenceEncoder,
        tokens: int = 10,
        heads: int = 4,
        out_channels: int = 256,
        pool: ReferencePool | None = None,
    ) -> None:
        super().__init__(pool)
        refuse_small("reference", tokens=tokens, heads=heads, out_channels=out_channels)
        refuse_part("reference.heads", heads, out_channels, "reference.out_channels")
        self.heads, self.out_channels = heads, out_channels
        self.body = body
        self.bank = nn.Parameter(torch.randn(tokens, out_channels // heads) * 0.5)
        self.query = nn.Linear(body.out_channels, out_channels)
        self.key = nn.Linear(out_channels // heads, out_channels, bias=False)
        self.value = nn.Linear(out_channels // heads, out_channels, bias=False)

    def weights(self, mel: Float[Tensor, "B M L"], mask: Bool[Tensor, "B L"]) -> Float[Tensor, "B H N"]:
        """Return how much of each token each head takes; rows sum to 1."""
        query = self.query(self.body(mel, mask)).unflatten(-1, (self.heads, -1))
        key = self.key(torch.tanh(self.bank)).unflatten(-1, (self.heads, -1))
        scores = torch.einsum("bhc,nhc->bhn", query, key) / query.shape[-1] ** 0.5
        return F.softmax(scores.float(), dim=-1)

    def mixed(self, weights: Float[Tensor, "B H N"]) -> Float[Tensor, "B G"]:
        """Return the style vector of these weights, which may also be chosen by hand."""
        value = self.value(torch.tanh(self.bank)).unflatten(-1, (self.heads, -1))
        return torch.einsum("bhn,nhc->bhc", weights.to(value.dtype), value).flatten(1)

    def forward(self, mel: Float[Tensor, "B M L"], mask: Bool[Tensor, "B L"]) -> Float[Tensor, "B G"]:
        return self.mixed(self.weights(mel, mask))
