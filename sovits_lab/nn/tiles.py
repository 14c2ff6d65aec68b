"""A long row in pieces that stay in a processor's cache from one operation to the next.

A stage of a vocoder goes over its row some twenty times. A row of seconds leaves the cache each time; of a piece, only
what it is given and what it returns.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor


def in_tiles(
    compute: Callable[[Float[Tensor, "B C N"]], Float[Tensor, "B D M"]],
    row: Float[Tensor, "B C L"],
    tile: int,
    margin: int,
    rate: int = 1,
) -> Float[Tensor, "B D K"]:
    """Return `compute(row)`, made of about `tile` positions of the row at a time; the same but for rounding.

    Training, graphs and other devices than the CPU compute at once.

    Args:
        compute: returns `rate` positions for each that it is given, with zeros around both ends.
        margin: positions of the row, before and after an instant, on which what is made of it can depend.
        rate: what the length is multiplied by.
    """
    if row.device.type != "cpu" or torch.is_grad_enabled() or torch.compiler.is_compiling():
        return compute(row)
    length = row.shape[2]
    count = round(length / tile)
    if count < 2:
        return compute(row)
    made: Tensor | None = None
    for begin in range(0, count * tile, tile):
        end = length if begin == (count - 1) * tile else begin + tile
        first, last = max(0, begin - margin), min(length, end + margin)
        piece = compute(row[:, :, first:last])[:, :, (begin - first) * rate : (end - first) * rate]
        made = _room_like(piece, length * rate) if made is None else made
        made[:, :, begin * rate : end * rate] = piece
    assert made is not None, "there are two pieces or more"
    return made


def _room_like(piece: Float[Tensor, "B D M"], length: int) -> Float[Tensor, "B D K"]:
    """Room for a row of this length, with the channels of a frame side by side where the piece has them so."""
    batch, channels, _ = piece.shape
    if piece.stride(1) == 1:
        return piece.new_empty(batch, length, channels).transpose(1, 2)
    return piece.new_empty(batch, channels, length)
