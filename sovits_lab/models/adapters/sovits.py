"""Conditions of the released SoVITS' parts; style adapters beside the voice vector and behind the frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from sovits_lab.audio.upstream import SPEC_32K
from sovits_lab.conditioning.conditions import SOVITS_PARTS, Filled
from sovits_lab.conditioning.reference import ReferenceEncoder
from sovits_lab.models.adapters.slot import RelativeLabels, StyleAdapters
from sovits_lab.nn.adapters import ErasingAdapter, GatedBottleneck, LayerAdapter, ShiftAdapter, zero_projection
from sovits_lab.types import got

FRAMES = {"bottleneck": GatedBottleneck, "shift": ShiftAdapter, "erase": ErasingAdapter, "none": None}


class ReleasedConditions(NamedTuple):
    """The global vector of each part: of the voice, and of the style where the style sites say so. `how` is the
    condition of an adapter behind the prior's frames; None where there is none."""

    prior: Float[Tensor, "B E"]
    flow: Float[Tensor, "B G"]
    head: Float[Tensor, "B G"]
    how: Float[Tensor, "B R"] | None = None


class NoSovitsAdapters(nn.Module):
    """Null object: a synthesizer without style adapters."""

    parts: Sequence[str] = ()

    def styled(self, vectors: ReleasedConditions, filled: Filled) -> ReleasedConditions:
        """Return the vectors of the parts as they are."""
        return vectors

    def behind(self, frames: Tensor, how: Tensor | None) -> Tensor:
        """Return the frames of the prior as they are."""
        return frames


class SovitsAdapters(StyleAdapters):
    """Zero-initialised projections beside the voice vector of each part, and an adapter behind the prior's frames.

    Args:
        voice_channels, text_channels: widths of the voice vector and of the prior's view of it.
        frame_channels: width of the prior's frames.
        parts: of the style sites. `prosody` and `latents` both mean the prior, whose latents hold pitch and level.
        frames: behind the prior's frames: bottleneck, shift, erase or none.
        inner: width of the bottleneck.
        others: see `StyleAdapters`.

    Raises:
        InputError: an unknown part or kind of frames.
    """

    own_losses = ("mel", "kl")
    sample_rate = SPEC_32K.sample_rate

    def __init__(
        self,
        voice_channels: int = 512,
        text_channels: int = 512,
        frame_channels: int = 192,
        style_encoder: ReferenceEncoder | None = None,
        labels: RelativeLabels | None = None,
        parts: Sequence[str] = SOVITS_PARTS,
        frames: str = "bottleneck",
        inner: int = 32,
        rank: int = 16,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(style_encoder, labels, rank, dropout)
        for part in parts:
            if part not in SOVITS_PARTS:
                raise got("adapters.parts", part, f"one of {', '.join(SOVITS_PARTS)}")
        if frames not in FRAMES:
            raise got("adapters.frames", frames, f"one of {', '.join(FRAMES)}")
        self.parts = tuple(parts)
        prior, how = bool({"prosody", "latents"} & set(parts)), self.how_channels
        out = {"prior": text_channels, "flow": voice_channels, "head": voice_channels}
        adapted = [part for part in out if (prior if part == "prior" else part in parts)]
        self.beside = nn.ModuleDict({part: zero_projection(how, out[part]) for part in adapted})
        self.frames = _frames(frames, frame_channels, how, inner) if prior else LayerAdapter()

    def styled(self, vectors: ReleasedConditions, filled: Filled) -> ReleasedConditions:
        """Return the vectors of the parts with the style beside them."""
        how = self.style_vector(filled)
        added = {part: getattr(vectors, part) + project(how) for part, project in self.beside.items()}
        return vectors._replace(**added, how=how)

    def behind(self, frames: Float[Tensor, "B C L"], how: Float[Tensor, "B R"] | None) -> Float[Tensor, "B C L"]:
        """Return what follows the prior's frames."""
        adapted: Tensor = frames if how is None else self.frames(frames.mT, how).mT
        return adapted


def _frames(kind: str, channels: int, how: int, inner: int) -> LayerAdapter:
    if kind == "bottleneck":
        return GatedBottleneck(channels, how, inner)
    made = FRAMES[kind]
    return LayerAdapter() if made is None else made(channels, how)
