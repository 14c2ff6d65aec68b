"""Choosing the next token from logits. Pure functions: nothing given is written to.

Two orders of the same four operations:

| order | operations |
|---|---|
| `upstream` | penalty, top-p on unscaled logits (the token that crosses p is removed), temperature, top-k |
| `standard` | penalty, temperature, top-k, top-p (the token that crosses p is kept; Holtzman et al. 2020, eq. 2) |
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sovits_lab.types import got

LEAST_TEMPERATURE = 1e-5


def seen_table(previous: Int[Tensor, "B N"], codes: int) -> Bool[Tensor, "B K"]:
    """Return True where a code occurs in the row; ids outside [0, codes) (padding, a removed end token) are no code."""
    row, column = torch.nonzero((previous >= 0) & (previous < codes), as_tuple=True)
    table = torch.zeros(previous.shape[0], codes, dtype=torch.bool, device=previous.device)
    table[row, previous[row, column]] = True
    return table


def penalise(logits: Float[Tensor, "B K"], seen: Bool[Tensor, "B K"], penalty: float) -> Float[Tensor, "B K"]:
    """Divide positive and multiply negative logits of seen codes by `penalty` (Keskar et al. 2019, section 4.1)."""
    if penalty == 1.0:
        return logits
    return torch.where(seen, torch.where(logits < 0, logits * penalty, logits / penalty), logits)


def keep_top_k(logits: Float[Tensor, "B K"], k: int | None) -> Float[Tensor, "B K"]:
    """Set what is below the k-th largest to minus infinity; ties with it stay. `None` keeps all."""
    if k is None or k >= logits.shape[-1]:
        return logits
    return logits.masked_fill(logits < torch.topk(logits, k).values[:, -1:], -torch.inf)


def keep_top_p(logits: Float[Tensor, "B K"], p: float | None, *, keep_crossing: bool) -> Float[Tensor, "B K"]:
    """Set all but the most probable codes of total probability `p` to minus infinity; the first always stays.

    Args:
        p: `None` or at least 1 keeps all.
        keep_crossing: whether the code with which the sum first exceeds p belongs to the kept ones.
    """
    if p is None or p >= 1:
        return logits
    ordered, index = torch.sort(logits, descending=True)
    probability = ordered.softmax(-1)
    total = probability.cumsum(-1)
    drop = (total - probability if keep_crossing else total) > p
    drop[:, 0] = False
    return logits.masked_fill(torch.zeros_like(drop).scatter(1, index, drop), -torch.inf)


class Sampler:
    """Logits and history to the next token.

    Args:
        temperature: divides the logits; values below 1e-5 count as 1e-5.
        top_k: how many codes stay, `None` for all.
        top_p: how much probability stays, `None` for all.
        repetition_penalty: 1 is none.
        order: `upstream` or `standard`, see the module's table.

    Raises:
        InputError: a setting out of range.
    """

    def __init__(
        self,
        temperature: float = 1.0,
        top_k: int | None = 15,
        top_p: float | None = None,
        repetition_penalty: float = 1.35,
        order: Literal["upstream", "standard"] = "standard",
    ) -> None:
        limits = {
            "temperature": (temperature, temperature >= 0, "0 or more"),
            "top_k": (top_k, top_k is None or top_k >= 1, "1 or more, or null for all"),
            "top_p": (top_p, top_p is None or top_p >= 0, "0 or more, or null for all"),
            "repetition_penalty": (repetition_penalty, repetition_penalty > 0, "above 0"),
        }
        for name, (value, good, expected) in limits.items():
            if not good:
                raise got(f"sampling.{name}", value, expected)
        if order not in ("upstream", "standard"):
            raise got("sampling.order", order, "upstream or standard")
        self.temperature = max(temperature, LEAST_TEMPERATURE)
        self.top_k = top_k
        self.top_p = top_p
        self.repetition_penalty = repetition_penalty
        self.order = order

    def restrict(self, penalised: Float[Tensor, "B K"]) -> Float[Tensor, "B K"]:
        """Apply everything after the penalty: temperature and the two cuts, in this sampler's order."""
        if self.order == "upstream":
            return keep_top_k(keep_top_p(penalised, self.top_p, keep_crossing=False) / self.temperature, self.top_k)
        return keep_top_p(keep_top_k(penalised / self.temperature, self.top_k), self.top_p, keep_crossing=True)

    def probabilities(
        self, logits: Float[Tensor, "B K"], previous: Int[Tensor, "B N"] | None = None
    ) -> Float[Tensor, "B K"]:
        """Return the distribution that `__call__` draws from."""
        return self.restrict(self.penalised(logits, previous)).softmax(-1)

    def penalised(
        self, logits: Float[Tensor, "B K"], previous: Int[Tensor, "B N"] | None = None
    ) -> Float[Tensor, "B K"]:
        """Return the logits after the repetition penalty only; upstream's stop rule looks at their maximum."""
        if previous is None or self.repetition_penalty == 1.0:
            return logits
        return penalise(logits, seen_table(previous, logits.shape[-1]), self.repetition_penalty)

    def draw(self, penalised: Float[Tensor, "B K"], generator: torch.Generator | None = None) -> Int[Tensor, " B"]:
        """Sample after the penalty: argmax(p / E) with E ~ Exp(1) is one draw from p."""
        if self.top_k == 1:  # the cuts and the noise cannot change the winner
            return penalised.argmax(-1)
        probability = self.restrict(penalised).softmax(-1)
        noise = torch.empty_like(probability).exponential_(1.0, generator=generator)
        return (probability / noise).argmax(-1)

    def __call__(
        self,
        logits: Float[Tensor, "B K"],
        previous: Int[Tensor, "B N"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Int[Tensor, " B"]:
        """Next token of every row.

        Args:
            logits: of the next position.
            previous: all tokens so far, prompt and generated; negative ids are padding.
            generator: source of the noise; the global one where `None`.
        """
        return self.draw(self.penalised(logits, previous), generator)
