"""Which frames the flow of v3 and v4 sees at once: a reference, and the piece of the target that continues it.

Everything here is arithmetic of frames, pure and without weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


class WindowSizes(NamedTuple):
    """Frames: of the reference at most, of a call in all, and shared by neighbouring pieces of a batch."""

    reference: int
    call: int
    overlap: int = 12


WINDOWS_V3, WINDOWS_V4 = WindowSizes(468, 934), WindowSizes(500, 1000)


class Reference(NamedTuple):
    """The end of what was spoken before: normalised mel and condition features, of one length."""

    mel: Float[Tensor, "B M P"]
    features: Float[Tensor, "B C P"]

    @property
    def frames(self) -> int:
        """Number of frames."""
        return self.mel.shape[2]


def reference_of(mel: Float[Tensor, "B M _"], features: Float[Tensor, "B C _"], most: int) -> Reference:
    """Cut both to the shorter length, then to their last `most` frames."""
    frames = min(mel.shape[2], features.shape[2])
    first = max(0, frames - most)
    return Reference(mel[..., first:frames], features[..., first:frames])


def spans(frames: int, size: int, first: int | None = None) -> Iterator[tuple[int, int]]:
    """Yield the pieces of a target in turn.

    Args:
        frames: of the target.
        size: of every piece but the last.
        first: of the first piece, for an early start; None is `size`.
    """
    begin, end = 0, min(frames, size if first is None else min(first, size))
    while begin < frames:
        yield begin, end
        begin, end = end, min(frames, end + size)


def continued(before: Reference, mel: Tensor, features: Tensor, most: int) -> Reference:
    """Return what the next piece continues: the last `most` frames of this one.

    A piece shorter than that makes the next reference as short as itself: at v3's sizes 466 frames after 468.
    """
    if not most:
        return before
    return Reference(mel[..., -most:], features[..., -most:])


class BatchedPieces(NamedTuple):
    """Pieces of equal length side by side, and the frames of silence after the last."""

    features: Float[Tensor, "N C S"]
    padding: int


def batched_pieces(features: Float[Tensor, "1 C L"], size: int, overlap: int) -> BatchedPieces:
    """Cut a target into pieces that share `overlap` frames; silence goes before the first and after the last.

    As published, a target that ends within the overlap of a piece's end gets one more, nearly empty piece.
    """
    padded = F.pad(features, (overlap, 0))
    frames, pieces, place, padding = padded.shape[2], [], 0, 0
    while place < frames:
        piece = padded[..., place : place + size]
        padding = size - piece.shape[2]
        pieces.append(F.pad(piece, (0, padding)))
        place += size - overlap
    return BatchedPieces(torch.cat(pieces), padding)
