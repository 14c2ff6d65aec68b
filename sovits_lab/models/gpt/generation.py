"""Generation of semantic tokens: prefill once, then one cached step a token; rows that end leave the batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sovits_lab.models.gpt.decoder import Prefix, PrefixDecoder
from sovits_lab.models.gpt.sampling import Sampler, penalise, seen_table


@dataclass(frozen=True)
class Stopping:
    """When a sequence ends.

    Args:
        banned_steps: so many first tokens cannot be the end. Upstream's 11 is kept: released weights were only ever run
            with it.
        on_argmax: end also where the end token has the largest penalised logit, whatever was drawn (upstream's rule).
        max_tokens: hard bound on generated tokens; upstream's is 1500, one minute.
    """

    banned_steps: int = 11
    on_argmax: bool = True
    max_tokens: int = 1500


class Step(NamedTuple):
    """One step of a generation. `rows` are the indices of the sequences still running before it."""

    rows: Int[Tensor, " R"]
    tokens: Int[Tensor, " R"]
    ended: Bool[Tensor, " R"]
    logits: Float[Tensor, "R K"]


class Generated(NamedTuple):
    """New tokens of each row, without prompt and end token; `ended` is False where the bound cut the row."""

    tokens: list[Int[Tensor, " S"]]
    ended: list[bool]


class _Running:
    """The state of a batch between steps: cache, seen codes, positions."""

    def __init__(self, decoder: PrefixDecoder, prefix: Prefix, max_tokens: int) -> None:
        batch, size, _ = prefix.x.shape
        self.decoder = decoder
        self.cache = decoder.empty_cache(batch, size + max_tokens)
        self.seen = seen_table(prefix.prompts, decoder.codes)
        self.rows = torch.arange(batch, device=prefix.x.device)
        self.next_position = prefix.lengths.clone()
        self.bound = int(prefix.lengths.max())

    def advance(self, tokens: Tensor) -> Tensor:
        """Feed one token a row, return the next logits."""
        self.seen[torch.arange(len(tokens), device=tokens.device), tokens] = True
        logits = self.decoder.step(tokens, self.next_position, self.bound, self.cache)
        self.next_position += 1
        self.bound += 1
        return logits

    def keep(self, alive: Tensor) -> None:
        """Drop the rows that ended."""
        index = torch.nonzero(alive)[:, 0]
        self.cache.keep_rows(index)
        self.seen, self.rows, self.next_position = self.seen[index], self.rows[index], self.next_position[index]


@torch.inference_mode()
def steps(
    decoder: PrefixDecoder,
    prefix: Prefix,
    sampler: Sampler,
    stopping: Stopping | None = None,
    generator: torch.Generator | None = None,
) -> Iterator[Step]:
    """Yield every step; the token with which a row ends is reported as ended and not to be kept."""
    stopping = stopping or Stopping()
    state = _Running(decoder, prefix, stopping.max_tokens)
    logits = decoder.prefill(prefix, state.cache)
    for index in range(stopping.max_tokens):
        width = decoder.end if index < stopping.banned_steps else decoder.codes
        penalised = penalise(logits[:, :width], state.seen[:, :width], sampler.repetition_penalty)
        tokens = sampler.draw(penalised, generator)
        ended = tokens == decoder.end
        if stopping.on_argmax and width == decoder.codes:
            ended = ended | (penalised.argmax(-1) == decoder.end)
        yield Step(state.rows, tokens, ended, logits)
        if ended.any():
            if ended.all():
                return
            state.keep(~ended)
            tokens = tokens[~ended]
        if index + 1 < stopping.max_tokens:
            logits = state.advance(tokens)


def generate(
    decoder: PrefixDecoder,
    prefix: Prefix,
    sampler: Sampler,
    stopping: Stopping | None = None,
    generator: torch.Generator | None = None,
) -> Generated:
    """Run a batch to its end."""
    rows: list[list[int]] = [[] for _ in range(len(prefix.x))]
    ended = [False] * len(rows)
    for step in steps(decoder, prefix, sampler, stopping, generator):
        for row, token, end in zip(step.rows.tolist(), step.tokens.tolist(), step.ended.tolist(), strict=True):
            ended[row] = end
            if not end:
                rows[row].append(token)
    device = prefix.x.device
    return Generated([torch.tensor(r, dtype=torch.long, device=device) for r in rows], ended)
