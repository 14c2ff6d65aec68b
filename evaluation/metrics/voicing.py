"""Does the output voice the frames that the truth voices?"""

from __future__ import annotations

import numpy as np

from evaluation.metrics.base import RecordingMetric
from evaluation.prosody.alignment import compare_prosody
from evaluation.prosody.measurement import measure_prosody


class VoicingF1(RecordingMetric):
    """F1 of voiced frames along the time alignment with the parallel truth.

    Unit: none; higher is better; 0 to 1, 1 for the truth itself. Judge: WORLD DIO + StoneMask at 10 ms. Skips: items
    under 50 ms.
    """

    higher_is_better = True

    def measure(self, output: np.ndarray, truth: np.ndarray | None) -> float | None:
        assert truth is not None
        return compare_prosody(measure_prosody(output), measure_prosody(truth)).voicing_f1
