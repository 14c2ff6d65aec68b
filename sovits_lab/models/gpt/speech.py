"""Generation of token sequences: sampling with a cache, and a guard that reports what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sovits_lab.conditioning.conditions import Conditions
from sovits_lab.models.gpt.sampling import Sampler
from sovits_lab.models.gpt.semantic import Prefix
from sovits_lab.nn.transformer import LayerCache


class Generated(NamedTuple):
    """Tokens of each row without the end symbol, and the guard's word: "" | "runaway" | "empty" | "truncated"."""

    tokens: list[Int[Tensor, " S"]]
    flags: list[str]


class Stepwise(Protocol):
    """What generation asks of a model: `SemanticGpt`, or what stands in front of one."""

    @property
    def start(self) -> int:
        """The token before the first."""
        ...

    @property
    def end(self) -> int:
        """The token after the last."""
        ...

    @property
    def max_tokens(self) -> int:
        """Longest sequence that can be generated."""
        ...

    def prefix(
        self,
        phones: Int[Tensor, "B P"],
        phone_mask: Bool[Tensor, "B P"],
        conditions: Conditions,
    ) -> Prefix:
        """What opens the sequence."""
        ...

    def open(self, prefix: Prefix, steps: int) -> list[LayerCache]:
        """Caches with room for `steps` tokens."""
        ...

    def step(
        self, tokens: Int[Tensor, " B"], index: int, prefix: Prefix, caches: list[LayerCache]
    ) -> Float[Tensor, "B K"]:
        """Logits after the token at `index`."""
        ...


class Guard(NamedTuple):
    """Bounds on the number of tokens per phone; outside them speech is not speech.

    A row still speaking at `most` tokens per phone is cut and flagged "runaway"; one that ended under `least` is
    "truncated"; one with no token is "empty". `margin` tokens are allowed on top, for very short texts. No row ends
    before `early` of the way to where its last phone is expected: sampled often, the end comes up in some pause.
    """

    least: float = 0.5
    most: float = 8.0
    margin: int = 25
    early: float = 0.75


@torch.no_grad()
def generate(
    model: Stepwise,
    phones: Int[Tensor, "B P"],
    phone_mask: Bool[Tensor, "B P"],
    conditions: Conditions,
    sampler: Sampler,
    seeds: Sequence[int],
    guard: Guard = Guard(),  # noqa: B008 - an immutable tuple
) -> Generated:
    """Sample every row until its end symbol or the guard's bound.

    Every row draws from its own seed, so what it says does not depend on the rows
    beside it.
    """
    draws = [torch.Generator(phones.device).manual_seed(seed) for seed in seeds]
    counts = phone_mask.sum(1)
    bounds = (counts * guard.most).long() + guard.margin
    steps = min(int(bounds.max()), model.max_tokens)
    prefix = model.prefix(phones, phone_mask, conditions)
    earliest = guard.early * torch.where(prefix.mask, prefix.positions, 0).amax(1)[: len(phones)]
    caches = model.open(prefix, steps + 1)
    current = torch.full((len(phones),), model.start, device=phones.device)
    history = torch.full((len(phones), steps), model.end, device=phones.device)
    alive = torch.ones(len(phones), dtype=torch.bool, device=phones.device)
    for index in range(steps):
        logits = model.step(current, index, prefix, caches)
        logits[index < earliest, model.end] = -torch.inf
        current = torch.cat(
            [sampler(logits[i : i + 1], history[i : i + 1, :index], draw) for i, draw in enumerate(draws)]
        )
        alive &= (current != model.end) & (index < bounds)
        current = torch.where(alive, current, model.end)
        history[:, index] = current
        if not alive.any():
            break
    lengths = (history != model.end).sum(1)
    rows = [row[:n] for row, n in zip(history, lengths.tolist(), strict=True)]
    judged = zip(lengths.tolist(), counts.tolist(), bounds.tolist(), strict=True)
    return Generated(rows, [_flag(n, p, bound, guard, steps) for n, p, bound in judged])


def _flag(tokens: int, phones: int, bound: int, guard: Guard, steps: int) -> str:
    if tokens == 0:
        return "empty"
    if tokens >= min(bound, steps):
        return "runaway"
    return "truncated" if tokens < phones * guard.least else ""
