"""Arrays of unequal length as one batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor


def pad(rows: Sequence[np.ndarray], value: float = 0) -> Tensor:
    """Stack arrays of unequal length, the padding on the right."""
    longest = max(len(row) for row in rows)
    out = np.full((len(rows), longest, *rows[0].shape[1:]), value, dtype=rows[0].dtype)
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
    return torch.from_numpy(out)


def mask_of(rows: Sequence[np.ndarray]) -> Bool[Tensor, "B L"]:
    """Return True where `pad` put something real."""
    return pad([np.ones(len(row), dtype=bool) for row in rows])


class Mels(NamedTuple):
    """A batch of log-mels, padded to the longest; the mask is true where frames are real."""

    mel: Float[Tensor, "B M L"]
    mask: Bool[Tensor, "B L"]


def stack_mels(rows: Sequence[np.ndarray]) -> Mels:
    """Stack mels [L, M] of unequal length to one batch."""
    return Mels(pad(rows).transpose(1, 2).contiguous(), mask_of(rows))
