"""Classifier-free guidance (Ho & Salimans 2022, eq. 6): what a model says with a style, extrapolated from without.

`answer = without + scale (with - without)`: 1 is the style as it is, 0 the voice without any, above 1 exaggerates.
Where: log durations and logits of the GPT; latents, pitch, voicing, energy, swing and level of SoVITS.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sovits_lab.conditioning.conditions import SPEAKER, Condition, Conditions, without
from sovits_lab.models.contracts import Decoding, SemanticModel
from sovits_lab.models.sovits.acoustic import Planned, SoVits


def with_and_without(conditions: Conditions, rates: Mapping[str, float]) -> dict[str, Condition]:
    """Return rows as they are, then the same rows with everything absent that says how and may be absent."""
    bare = without(conditions, *(name for name in rates if name != SPEAKER))
    return {name: Condition(*(torch.cat(pair) for pair in zip(conditions[name], bare[name], strict=True)))
            for name in conditions}  # fmt: skip


def extrapolate_guidance(answers: Float[Tensor, N * rest], scale: Float[Tensor, " B"]) -> Float[Tensor, B * rest]:
    """Return the answers of `with_and_without`, N = 2B; infinite logits, which allow a token or forbid it, are kept."""
    conditioned, bare = answers.chunk(2)
    decided = conditioned.isinf() | bare.isinf()
    return torch.where(decided, conditioned, torch.lerp(bare, conditioned, scale.view(-1, *[1] * (answers.dim() - 1))))


class GuidedGpt:
    """Stands in front of a GPT of ours in generation; every row is computed twice.

    Args:
        model: trained with dropout of its conditions; its prefix tells `log_durations`.
        scale: guidance of each row.
    """

    def __init__(self, model: SemanticModel, scale: Float[Tensor, " B"]) -> None:
        self.model, self.scale = model, scale
        self.end, self.max_tokens, self.bounds = model.end, model.max_tokens, model.bounds

    def prefix(
        self,
        phones: Int[Tensor, "B P"],
        phone_mask: Bool[Tensor, "B P"],
        conditions: Conditions,
    ) -> Any:
        """Encode both prefixes with one timing: the extrapolated durations."""
        both = with_and_without(conditions, self.model.conditions.rates)
        phones, phone_mask = torch.cat([phones, phones]), torch.cat([phone_mask, phone_mask])
        timed: Any = self.model.prefix(phones, phone_mask, both)
        durations = extrapolate_guidance(timed.log_durations, self.scale).exp()
        return self.model.prefix(phones, phone_mask, both, torch.cat([durations, durations]))

    def open(self, prefix: Any, steps: int) -> GuidedDecoding:
        """Open both generations at once."""
        return GuidedDecoding(self.model.open(prefix, steps), self.scale)


class GuidedDecoding:
    """A generation whose rows are each computed with a style and without."""

    def __init__(self, both: Decoding, scale: Float[Tensor, " B"]) -> None:
        self.both, self.scale = both, scale
        self.logits = extrapolate_guidance(both.logits, scale)

    def step(self, tokens: Int[Tensor, " B"]) -> Float[Tensor, "B K"]:
        """Return the extrapolated logits after one more token in each row."""
        self.logits = extrapolate_guidance(self.both.step(torch.cat([tokens, tokens])), self.scale)
        return self.logits

    def keep(self, rows: Int[Tensor, " R"]) -> None:
        """Go on with these rows alone."""
        self.both.keep(torch.cat([rows, rows + len(self.scale)]))
        self.scale = self.scale[rows]
        self.logits = self.logits[rows]


def guided_plan(
    model: SoVits,
    tokens: Int[Tensor, "1 S"],
    mask: Bool[Tensor, "1 L"],
    phones: Int[Tensor, "1 P"],
    phone_mask: Bool[Tensor, "1 P"],
    conditions: Conditions,
    scale: float,
    generator: torch.Generator | None = None,
) -> Planned:
    """Plan one utterance, extrapolated. The head hears the style as it is: waveforms do not extrapolate."""
    both = with_and_without(conditions, model.conditions.rates)
    twice = [torch.cat([value, value]) for value in (tokens, mask, phones, phone_mask)]
    plan = model.plan(twice[0], twice[1], twice[2], twice[3], both, generator=generator)
    scales = plan.pitch.new_tensor([scale])
    tensors = plan.z, plan.pitch, plan.voiced, plan.energy, plan.extent
    z, pitch, voiced, energy, extent = (extrapolate_guidance(x, scales) for x in tensors)
    return Planned(z, pitch, voiced, energy, extent, plan.head[:1])
