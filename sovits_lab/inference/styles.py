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


class StyleEnds(NamedTuple):
    """The two styles that another lies between, or beyond: `neutral` at strength 0, `full` at strength 1."""

    neutral: VoiceStyle
    full: VoiceStyle
    strength: float


@dataclass(frozen=True)
class VoiceStyle:
    """How it is spoken: vectors [G] for the tokens (rhythm) and for the sound (pitch, level, timbre).

    Attributes:
        gpt, sovits: by the name of the condition. Every condition that a model knows has one; where nothing was said,
            its learned null.
        ends: what it lies between; None for a style as it was heard or named.
    """

    gpt: Mapping[str, Tensor]
    sovits: Mapping[str, Tensor]
    ends: StyleEnds | None = None

    def towards(self, other: VoiceStyle, strength: float) -> VoiceStyle:
        """Return `self + strength (other - self)`: 0 is self, 1 is other, more than 1 exaggerates."""
        if strength in (0, 1):
            return other if strength else self
        gpt, sovits = _lerp(self.gpt, other.gpt, strength), _lerp(self.sovits, other.sovits, strength)
        return VoiceStyle(gpt, sovits, StyleEnds(self, other, strength))


def _lerp(a: Mapping[str, Tensor], b: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    return {name: torch.lerp(a[name], b[name], share) for name in a}
