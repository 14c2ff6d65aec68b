"""A static key-value cache: allocated once, written in place.

It is stored as `B H D N`, positions last: what one query asks of all positions is then read in one stretch for each of
the D components, which takes two thirds of the time of `B H N D`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


class LayerView(NamedTuple):
    """One layer's keys and values within a `StaticCache`."""

    keys: Float[Tensor, "B H N D"]
    values: Float[Tensor, "B H N D"]


class StaticCache:
    """Keys and values of all layers, and which positions are padding.

    Args:
        layers, batch, heads, width: of the decoder; `width` is a head's.
        capacity: positions, prefix and generated together.
        dtype, device: of the entries.
    """

    def __init__(
        self,
        layers: int,
        batch: int,
        heads: int,
        capacity: int,
        width: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
    ) -> None:
        shape = (2, layers, batch, heads, width, capacity)
        self.storage = torch.empty(shape, dtype=dtype, device=device).fill_(0)  # touched now: memory stays flat later
        self.one_row: Any = None  # where a step of one row keeps its positions, see `FusedStep`
        self.padding: Bool[Tensor, "B N"] | None = None
        self.length = 0

    @property
    def capacity(self) -> int:
        return self.storage.shape[5]

    def layer(self, index: int) -> LayerView:
        """Return the whole capacity of one layer."""
        return LayerView(self.storage[0, index].transpose(-2, -1), self.storage[1, index].transpose(-2, -1))

    def layers(self) -> list[LayerView]:
        return [self.layer(i) for i in range(self.storage.shape[1])]

    def blocked(self, end: int) -> Float[Tensor, "B 1 1 N"] | None:
        """Return the additive mask of the first `end` positions, `None` where no row is padded."""
        if self.padding is None:
            return None
        return self.additive[:, :, :, :end]

    def set_padding(self, padding: Bool[Tensor, "B P"]) -> None:
        """Say which positions of the prefix are padding; everything later is real."""
        if not bool(padding.any()):
            self.padding = None
            return
        self.padding = torch.zeros(padding.shape[0], self.capacity, dtype=torch.bool, device=padding.device)
        self.padding[:, : padding.shape[1]] = padding
        self.additive = torch.zeros(
            padding.shape[0], 1, 1, self.capacity, dtype=self.storage.dtype, device=padding.device
        )
        self.additive.masked_fill_(self.padding[:, None, None], -torch.inf)

    def keep_rows(self, rows: Int[Tensor, " R"]) -> None:
        """Forget the other rows of the batch."""
        self.storage = self.storage.index_select(2, rows)
        if self.padding is not None:
            self.padding, self.additive = self.padding[rows], self.additive[rows]
