"""How much of an output is silence?"""

from __future__ import annotations

import numpy as np

from evaluation.metrics.base import RATE, RecordingMetric
from evaluation.quality.signal import measure_silence


class SilentShare(RecordingMetric):
    """Share of 20 ms frames more than 40 dB below the loudest, 0 to 1.

    No direction: compare with true recordings. Skips: items under 50 ms.
    """

    higher_is_better = None
    needs_truth = False

    def measure(self, output: np.ndarray, truth: np.ndarray | None) -> float | None:
        return measure_silence(output, RATE)
