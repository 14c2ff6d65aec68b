"""The real-time factor as a torchmetrics object."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric

from evaluation.catalogue import find_measure


class RealTimeFactor(Metric):
    """Seconds of computing per second of speech over everything; lower is better, below 1 is faster than real time.

    Skips and counts: items without audio.
    """

    is_differentiable = False
    higher_is_better = find_measure("rtf").better == "higher"
    full_state_update = False
    computing: Tensor
    speech: Tensor
    skipped: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("computing", torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("speech", torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("skipped", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, computing: float, speech: float) -> None:
        """Add one item: seconds of computing, seconds of audio."""
        if speech <= 0:
            self.skipped += 1
            return
        self.computing += computing
        self.speech += speech

    def compute(self) -> Tensor:
        """Divide total by total; NaN before the first item."""
        return self.computing / self.speech
