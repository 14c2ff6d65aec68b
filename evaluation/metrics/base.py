"""What the recording metrics share: a fixed rate, a mean over items, a count of what could not be measured."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric

from sovits_lab.types import got

RATE = 16000


class RecordingMetric(Metric):
    """Mean over items of one number per output (and truth).

    Call `update(output, truth, rate)` with mono recordings [T]; metrics without a truth need only the output.
    `compute()` is NaN when nothing was measured; `skipped` then tells how many items were tried.

    Raises:
        InputError: a rate other than 16 kHz, or samples that are not finite.
    """

    is_differentiable = False
    full_state_update = False
    needs_truth = True
    total: Tensor
    measured: Tensor
    skipped: Tensor

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.add_state("total", torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("measured", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("skipped", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, output: np.ndarray | Tensor, truth: np.ndarray | Tensor | None = None, rate: int = RATE) -> None:
        """Add one item."""
        if rate != RATE:
            raise got(f"{type(self).__name__}, rate", rate, f"{RATE} Hz")
        if self.needs_truth and truth is None:
            raise got(f"{type(self).__name__}, truth", None, "the true recording")
        first = check_recording(type(self).__name__, output)
        second = None if truth is None else check_recording(type(self).__name__, truth)
        usable = len(first) >= RATE // 20 and (second is None or len(second) >= RATE // 20)
        value = self.measure(first, second) if usable else None
        if value is None:
            self.skipped += 1
        else:
            self.total += value
            self.measured += 1

    @abstractmethod
    def measure(self, output: np.ndarray, truth: np.ndarray | None) -> float | None:
        """The value of one item, or None when it cannot be measured."""

    def compute(self) -> Tensor:
        """Mean over the measured items."""
        return self.total / self.measured


def check_recording(name: str, wav: np.ndarray | Tensor) -> np.ndarray:
    """A recording as float32 [T]."""
    array = wav.detach().cpu().numpy() if isinstance(wav, Tensor) else np.asarray(wav)
    if array.ndim != 1:
        raise got(f"{name}, recording", f"shape {array.shape}", "mono, [T]")
    if not np.isfinite(array).all():
        raise got(f"{name}, recording", "samples that are not finite", "finite samples")
    return array.astype(np.float32)
