"""How a voice speaks: styles as vectors, and how much of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

NEUTRAL = "neutral"  # the label of a request that says nothing


class Means(NamedTuple):
    """Mean style vectors of an emotion's clips, of the reference encoder of each model."""

    gpt: Tensor
    sovits: Tensor


@dataclass(frozen=True)
class VoiceStyle:
    """How it is spoken, by the name of the condition: vectors [G] for the tokens (rhythm) and for the sound (pitch,
    level, timbre). Every condition that a model knows has one; where nothing was said, its learned null."""

    gpt: Mapping[str, Tensor]
    sovits: Mapping[str, Tensor]

    def towards(self, other: VoiceStyle, share: float) -> VoiceStyle:
        """Return `self + share (other - self)`: 0 is self, 1 is other, more than 1 exaggerates."""
        return VoiceStyle(_lerp(self.gpt, other.gpt, share), _lerp(self.sovits, other.sovits, share))


def _lerp(a: Mapping[str, Tensor], b: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    return {name: torch.lerp(a[name], b[name], share) for name in a}


@dataclass(frozen=True)
class Manner:
    """A style and how much of it: from neutral (strength 0) to the style itself (1) and beyond."""

    neutral: VoiceStyle
    full: VoiceStyle
    strength: float = 1.0

    @property
    def style(self) -> VoiceStyle:
        """The place between the two, or beyond."""
        return self.full if self.strength == 1 else self.neutral.towards(self.full, self.strength)
