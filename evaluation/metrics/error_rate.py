"""Word, character or phone error rate over a corpus."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric

from evaluation.catalogue import find_measure
from evaluation.intelligibility.errors import count_errors


class ErrorRate(Metric):
    """Micro error rate: edit operations over reference symbols, by jiwer.

    Unit: none; lower is better; 0 for the reference itself, may exceed 1. Skips and counts: items with an empty
    reference, which have no rate. A missing output is an empty hypothesis and costs every symbol.
    """

    is_differentiable = False
    higher_is_better = find_measure("wer").better == "higher"
    full_state_update = False
    errors: Tensor
    symbols: Tensor
    skipped: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("errors", "symbols", "skipped"):
            self.add_state(name, torch.tensor(0), dist_reduce_fx="sum")

    def update(self, hypothesis: Sequence[str], reference: Sequence[str]) -> None:
        """Add one item: sequences of words, characters or phones."""
        if not reference:
            self.skipped += 1
            return
        found = count_errors(reference, hypothesis)
        self.errors += found.total
        self.symbols += found.reference

    def compute(self) -> Tensor:
        """Divide errors by symbols; NaN before the first item."""
        return self.errors / self.symbols
