"""A declared measure as a torchmetrics object: a mean over recordings, with a count of what could not be measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric

from evaluation.catalogue import find_measure, list_measures
from sovits_lab.types import got

RATE = 16000


class RecordingMetric(Metric):
    """Mean over items of one declared measure, such as `silence` or `mel_cepstral_distance`.

    Call `update(output, truth, rate)` with mono recordings [T]; measures without a truth need only the output.
    `compute()` is NaN when nothing was measured; `skipped` counts the items that could not be measured, such as those
    under 50 ms. Unit and direction are those of the measure's record.

    Args:
        measure: name of a measure that is computed from recordings.

    Raises:
        InputError: no such measure, a rate other than 16 kHz, or samples that are not finite.
    """

    is_differentiable = False
    full_state_update = False
    total: Tensor
    measured: Tensor
    skipped: Tensor

    def __init__(self, measure: str, **settings: Any) -> None:
        super().__init__(**settings)
        self.record = find_measure(measure)
        if self.record.compute is None and type(self).measure is RecordingMetric.measure:
            raise got("measure of RecordingMetric", measure, f"one of {', '.join(_computed())}")
        self.add_state("total", torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("measured", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("skipped", torch.tensor(0), dist_reduce_fx="sum")

    @property
    def higher_is_better(self) -> bool | None:  # type: ignore[override]
        """The direction of the measure's record; None where it has none."""
        return {"higher": True, "lower": False}.get(self.record.better)

    @property
    def needs_truth(self) -> bool:
        """Whether `update` needs the true recording."""
        return self.record.needs_truth

    def update(self, output: np.ndarray | Tensor, truth: np.ndarray | Tensor | None = None, rate: int = RATE) -> None:
        """Add one item."""
        name = self.record.name
        if rate != RATE:
            raise got(f"{name}, rate", rate, f"{RATE} Hz")
        if self.needs_truth and truth is None:
            raise got(f"{name}, truth", None, "the true recording")
        first = check_recording(name, output)
        second = None if truth is None else check_recording(name, truth)
        usable = len(first) >= RATE // 20 and (second is None or len(second) >= RATE // 20)
        value = self.measure(first, second) if usable else None
        if value is None:
            self.skipped += 1
        else:
            self.total += value
            self.measured += 1

    def measure(self, output: np.ndarray, truth: np.ndarray | None) -> float | None:
        """Measure one item; None when it cannot be measured."""
        assert self.record.compute is not None
        return self.record.compute(output, truth)

    def compute(self) -> Tensor:
        """Average over the measured items."""
        return self.total / self.measured


def _computed() -> list[str]:
    return [one.name for one in list_measures() if one.compute is not None]


def check_recording(name: str, wav: np.ndarray | Tensor) -> np.ndarray:
    """Return a recording as float32 [T].

    Raises:
        InputError: it is not mono, or holds samples that are not finite.
    """
    array = wav.detach().cpu().numpy() if isinstance(wav, Tensor) else np.asarray(wav)
    if array.ndim != 1:
        raise got(f"{name}, recording", f"shape {array.shape}", "mono, [T]")
    if not np.isfinite(array).all():
        raise got(f"{name}, recording", "samples that are not finite", "finite samples")
    return array.astype(np.float32)
