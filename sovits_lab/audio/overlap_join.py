"""Joining pieces of a waveform where they agree best (SOLA: Roucos and Wilgus 1985)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

SEARCH = 320
TINY = 1e-8


class JoinedPieces(NamedTuple):
    """One waveform, and how many samples each later piece was moved."""

    wav: Float[Tensor, " T"]
    shifts: tuple[int, ...]


def similar(piece: Float[Tensor, " U"], tail: Float[Tensor, " O"]) -> Float[Tensor, " S"]:
    """Correlate a tail with every place of a piece, relative to the piece's own energy there."""
    wide, narrow = piece[None, None], tail[None, None]
    energy = F.conv1d(wide.square(), torch.ones_like(narrow))
    return (F.conv1d(wide, narrow) / (energy + TINY).sqrt())[0, 0]


def overlap_joined(pieces: Sequence[Float[Tensor, " _"]], overlap: int, search: int = SEARCH) -> JoinedPieces:
    """Join pieces of which each begins about `overlap` samples before the last ends.

    A piece loses its first samples up to where it fits, so the whole is shorter by the sum of the shifts. Cross-fades
    are Hann windows.

    Args:
        overlap: samples that neighbours share.
        search: largest shift.
    """
    window = torch.hann_window(2 * overlap)
    made, shifts, last = [], [], pieces[0]
    for piece in pieces[1:]:
        tail = last[len(last) - overlap :]
        shift = int(similar(piece[: overlap + search].float(), tail.float()).argmax())
        piece = piece[shift:]
        faded = tail * window[overlap:] + piece[:overlap] * window[:overlap]
        made.append(last[: len(last) - overlap])
        last = torch.cat([faded, piece[overlap:]])
        shifts.append(shift)
    return JoinedPieces(torch.cat([*made, last]), tuple(shifts))
