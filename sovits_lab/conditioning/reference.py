"""The contract of reference encoders, so that one can stand for another by `reference=`."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sovits_lab.conditioning.pooling import MeanPool, ReferencePool


class Encoded(NamedTuple):
    """Style vectors, and what an encoder itself wants to be small in training, by the name of its weight."""

    style: Float[Tensor, "B G"]
    losses: dict[str, Float[Tensor, ""]]


class EncodedFrames(NamedTuple):
    """What an encoder makes of every `stride`-th frame, before it pools them."""

    values: Float[Tensor, "B L C"]
    mask: Bool[Tensor, "B L"]
    stride: int


class ReferenceEncoder(nn.Module):
    """Log-mel `B M L` and its mask `B L` -> style vector `B G`; G is `out_channels`. Padding changes nothing.

    Args:
        pool: of several references of one utterance; by default their mean.
    """

    out_channels: int
    takes_clips = True  # False: whatever the clip, the vector is the same
    level_sensitive = True  # False: however loud the clip, the vector is the same
    frame_channels = 0  # of `frames`; 0: the encoder shows none
    own_losses: ClassVar[tuple[str, ...]] = ()  # names of what `encode` adds; each has a weight in the stage

    def __init__(self, pool: ReferencePool | None = None) -> None:
        super().__init__()
        self.pool = pool or MeanPool()

    def encode(self, mel: Float[Tensor, "B M L"], mask: Bool[Tensor, "B L"]) -> Encoded:
        """Encode the clips as a training step wants it; most encoders have no loss of their own."""
        return Encoded(self(mel, mask), {})

    def frames(self, mel: Float[Tensor, "B M L"], mask: Bool[Tensor, "B L"]) -> EncodedFrames:
        """Encode frames, for losses that teach an encoder what to hear in each of them."""
        raise NotImplementedError("this encoder shows no frames")

    def pooled(self, frames: EncodedFrames) -> Float[Tensor, "B G"]:
        """Return the style vector of what `frames` gave; both together are the encoder."""
        raise NotImplementedError("this encoder shows no frames")

    def several(self, mel: Float[Tensor, "B R M L"], mask: Bool[Tensor, "B R L"]) -> Float[Tensor, "B G"]:
        """Return one vector for up to R references a row, in any order; one without a real frame is none."""
        there = mask.any(-1)
        styles = mel.new_zeros(*there.shape, self.out_channels)
        styles[there] = self(mel[there], mask[there]).to(styles.dtype)
        return self.pool(styles, there)


class NoReference(ReferenceEncoder):
    """Null object: nothing is heard, every clip gives the same single zero."""

    out_channels = 1
    takes_clips = False

    def forward(self, mel: Float[Tensor, "B M L"], mask: Bool[Tensor, "B L"]) -> Float[Tensor, "B 1"]:
        return torch.zeros(len(mel), 1, dtype=torch.float32, device=mel.device)
