"""What our GPT learns from: the next token, with helpers that an alignment of phones and frames gives for free."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from sovits_lab.models.contracts import Corruption, SpokenBatch
from sovits_lab.nn.masks import masked_average


class Predicted(NamedTuple):
    """Training pass. `logits[:, i]` predicts token i (the last one predicts the end); `attention` is the guided head's
    weight of each step on each phone; `current` are logits of the phone that each step speaks; `log_durations` are the
    predicted ones, of each phone in tokens."""

    logits: Float[Tensor, "B S K"]
    attention: Float[Tensor, "B S P"]
    current: Float[Tensor, "B S Q"]
    log_durations: Float[Tensor, "B P"]


def aligned_losses(
    out: Predicted, batch: SpokenBatch, durations: Float[Tensor, "B P"], end: int, label_smoothing: float = 0.0
) -> dict[str, Tensor]:
    """Compute the losses of teacher forcing by name.

    `guided_attention` (Tachibana et al. 2018, section 4.2, with the true phone in place of the diagonal) teaches one
    head to look at the phone being spoken; `aligned_phone` classifies that phone. Without them a small model needs many
    times the steps; both are 0 where no alignment is known.

    Args:
        durations: true ones, in tokens.
        end: the token that ends speech.
    """
    last = batch.token_mask.sum(1, keepdim=True)
    targets = F.pad(batch.tokens.masked_fill(~batch.token_mask, -1), (0, 1), value=-1)
    targets = targets.scatter(1, last, end)
    place = F.pad(batch.place[:, ::2], (0, 1), value=-1)[:, : targets.shape[1]]
    return {
        "token": F.cross_entropy(
            out.logits.flatten(0, 1), targets.flatten(), ignore_index=-1, label_smoothing=label_smoothing
        ),
        "guided_attention": guide_loss(out.attention, place),
        "duration": masked_average((out.log_durations - durations.log()).abs(), batch.phone_mask),
        "aligned_phone": current_loss(out.current, place, batch.phones),
    }


def with_tempo_errors(durations: Float[Tensor, "B P"], step: int, corruption: Corruption) -> Float[Tensor, "B P"]:
    """Give true durations errors like those of a predictor: a common tempo, and one of each phone."""
    draw = torch.Generator().manual_seed(corruption.seed * 1_000_033 + step)
    tempo = torch.randn(len(durations), 1, generator=draw) * corruption.tempo_noise
    each = torch.randn(durations.shape, generator=draw) * corruption.tempo_noise
    return durations * (tempo + each).exp().to(durations.device)


def with_noise(tokens: Int[Tensor, "B S"], codes: int, step: int, corruption: Corruption) -> Int[Tensor, "B S"]:
    """Replace a share of the tokens by random ones below `codes`."""
    draw = torch.Generator().manual_seed(corruption.seed * 1_000_003 + step)
    swap = torch.rand(tokens.shape, generator=draw) < corruption.noise
    other = torch.randint(codes, tokens.shape, generator=draw)
    return torch.where(swap.to(tokens.device), other.to(tokens.device), tokens)


def phone_durations(
    place: Int[Tensor, "B L"], phone_mask: Bool[Tensor, "B P"], token_mask: Bool[Tensor, "B S"]
) -> Float[Tensor, "B P"]:
    """Return tokens (half frames) of each phone, at least a quarter, from the phone that each frame speaks.

    An utterance without alignment is divided evenly among its phones: its tempo is known, if not where it goes.
    """
    known = (place >= 0).float()
    counts = known.new_zeros(phone_mask.shape).scatter_add(1, place.clamp(min=0), known)
    even = token_mask.sum(1, keepdim=True) / phone_mask.sum(1, keepdim=True).clamp(min=1)
    return torch.where(known.any(1, keepdim=True), counts / 2, even).clamp(min=0.25)


def guide_loss(attention: Float[Tensor, "B S P"], place: Int[Tensor, "B S"]) -> Float[Tensor, ""]:
    """Compute minus log of the attention mass on the phone that each step speaks; `place` is -1 where unknown."""
    known = place >= 0
    if not known.any():
        return attention.sum() * 0
    mass = attention.gather(2, place.clamp(min=0)[..., None])[..., 0]
    return -(mass[known] + 1e-6).log().mean()


def current_loss(
    logits: Float[Tensor, "B S Q"], place: Int[Tensor, "B S"], phones: Int[Tensor, "B P"]
) -> Float[Tensor, ""]:
    """Compute the cross-entropy of the identity of the phone that each step speaks."""
    target = phones.gather(1, place.clamp(min=0)).masked_fill(place < 0, -1)
    if not (target >= 0).any():
        return logits.sum() * 0
    return F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=-1)
