"""Cutting a running generation into chunks for the vocoder: of fixed size, or where the voice is mute.

The chunks of either rule joined are the whole sequence; upstream's mute-aware rule repeats tokens, ours does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

MUTE_TOKEN = 486  # what the released tokenizers say for silence


def mute_similarity(embeddings: Float[Tensor, "K D"], mute: int = MUTE_TOKEN) -> Float[Tensor, " K"]:
    """Return the cosine similarity of every token's embedding to the mute token's."""
    return F.cosine_similarity(embeddings, embeddings[mute : mute + 1])


def mute_split(pending: list[int], similarity: Tensor, least: int, threshold: float) -> int | None:
    """Find after how many tokens to cut: behind the most mute neighbours, if mute enough and not too early."""
    score = similarity[torch.tensor(pending)] - threshold
    score = torch.where(score < 0, torch.full_like(score, -1.0), score)
    score[:-1] += score[1:].clone()
    best = int(score.argmax())
    return best + 1 if score[best] >= 0 and best + 1 >= least else None


def fixed_chunks(tokens: Iterable[int], size: int) -> Iterator[list[int]]:
    """Yield chunks of `size` tokens, the last one shorter."""
    pending: list[int] = []
    for token in tokens:
        pending.append(token)
        if len(pending) == size:
            yield pending
            pending = []
    if pending:
        yield pending


def mute_aware_chunks(
    tokens: Iterable[int], size: int, similarity: Float[Tensor, " K"], threshold: float = 0.0
) -> Iterator[list[int]]:
    """Yield chunks of at least `size` tokens that end where the voice is mute.

    Args:
        similarity: of every token to the mute token.
        threshold: similarity from which a token counts as mute.
    """
    pending: list[int] = []
    for token in tokens:
        pending.append(token)
        if len(pending) < size + 2:
            continue
        split = mute_split(pending, similarity, size, threshold)
        if split is not None:
            yield pending[:split]
            pending = pending[split:]
    if pending:
        yield pending
