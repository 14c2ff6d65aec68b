"""Vector quantization with a codebook kept as exponential moving averages (van den Oord et al. 2017, appendix A.1)."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.quantization.finite_scalar import Quantized


class VectorQuantizer(nn.Module):
    """Nearest row of a codebook.

    Args:
        codes: number of rows K.
        dimensions: width D of a row.
        frozen: never learn, also while training; the released models are fine-tuned this way.
        decay: of the moving averages.
        eps: Laplace smoothing of the usage counts.
        revive_below: a code whose moving count falls below this takes a vector of the batch.
    """

    initialised: Tensor
    usage: Tensor
    codebook: Tensor
    sums: Tensor

    def __init__(
        self,
        codes: int = 1024,
        dimensions: int = 768,
        frozen: bool = True,
        decay: float = 0.99,
        eps: float = 1e-5,
        revive_below: float = 2.0,
    ) -> None:
        super().__init__()
        self.codes, self.dimensions, self.frozen = codes, dimensions, frozen
        self.decay, self.eps, self.revive_below = decay, eps, revive_below
        self.register_buffer("initialised", torch.zeros(1))
        self.register_buffer("usage", torch.zeros(codes))
        self.register_buffer("codebook", torch.zeros(codes, dimensions))
        self.register_buffer("sums", torch.zeros(codes, dimensions))

    def index(self, x: Float[Tensor, "B L D"]) -> Int[Tensor, "B L"]:
        """Return the argmax over k of -(|x|² - 2 x·e_k + |e_k|²), the first of equals."""
        rows = x.reshape(-1, self.dimensions).to(self.codebook.dtype)
        distance = rows.square().sum(1, keepdim=True) - 2 * rows @ self.codebook.T + self.codebook.T.square().sum(0)
        return (-distance).argmax(-1).view(x.shape[:-1])

    def vectors(self, tokens: Int[Tensor, "B L"]) -> Float[Tensor, "B L D"]:
        """Return the rows of the codebook."""
        return F.embedding(tokens, self.codebook)

    def forward(self, x: Float[Tensor, "B L D"]) -> Quantized:
        """Quantize; gradients pass straight through unless frozen, where the result is a constant.

        Raises:
            ValueError: frozen, and no codebook was ever loaded or learned.
        """
        learning = self.training and not self.frozen
        if not self.initialised.item():
            if not learning:
                raise ValueError("codebook: got none, expected one loaded from a checkpoint or learned first")
            self._start(x.detach().reshape(-1, self.dimensions))
        tokens = self.index(x)
        vectors = self.vectors(tokens)
        if learning:
            self._learn(x.detach().reshape(-1, self.dimensions), tokens.reshape(-1))
            vectors = x + (vectors - x).detach()
        return Quantized(vectors, tokens)

    @torch.no_grad()
    def _start(self, rows: Tensor, rounds: int = 50) -> None:
        """k-means from random rows (Lloyd 1982)."""
        pick = torch.randint(len(rows), (self.codes,), device=rows.device)
        self.codebook.copy_(rows[pick] if len(rows) < self.codes else rows[torch.randperm(len(rows))[: self.codes]])
        for _ in range(rounds):
            count, total = self._assign(rows, self.index(rows[None])[0])
            used = count[:, None] > 0
            self.codebook.copy_(torch.where(used, total / count.clamp(min=1)[:, None], self.codebook))
        self.sums.copy_(self.codebook)
        self.usage.copy_(count)
        self.initialised.fill_(1)

    def _assign(self, rows: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        count = torch.zeros_like(self.usage).index_add_(0, tokens, torch.ones_like(tokens, dtype=self.usage.dtype))
        return count, torch.zeros_like(self.sums).index_add_(0, tokens, rows)

    @torch.no_grad()
    def _learn(self, rows: Tensor, tokens: Tensor) -> None:
        """N <- d N + (1-d) n, M <- d M + (1-d) sum x, e = M / smoothed N; then dead codes are revived."""
        count, total = self._assign(rows, tokens)
        self.usage.lerp_(count, 1 - self.decay)
        self.sums.lerp_(total, 1 - self.decay)
        n = self.usage.sum()
        smoothed = (self.usage + self.eps) / (n + self.codes * self.eps) * n
        self.codebook.copy_(self.sums / smoothed[:, None])
        dead = self.usage < self.revive_below
        if dead.any():
            pick = torch.randint(len(rows), (int(dead.sum()),), device=rows.device)
            self.codebook[dead] = rows[pick]
