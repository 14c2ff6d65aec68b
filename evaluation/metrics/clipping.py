"""How much of an output is cut off at full scale?"""

from __future__ import annotations

import numpy as np

from evaluation.metrics.base import RATE, RecordingMetric
from evaluation.quality.signal import measure_clipping


class ClippedShare(RecordingMetric):
    """Share of samples at full scale, 0 to 1; lower is better, 0 for anything clean. Skips: items under 50 ms."""

    higher_is_better = False
    needs_truth = False

    def measure(self, output: np.ndarray, truth: np.ndarray | None) -> float | None:
        return measure_clipping(output, RATE)
