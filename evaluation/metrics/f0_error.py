"""How far is the output's pitch from the true pitch?"""

from __future__ import annotations

import numpy as np

from evaluation.metrics.base import RecordingMetric
from evaluation.prosody.alignment import compare_prosody
from evaluation.prosody.measurement import GATE, measure_prosody


class F0Error(RecordingMetric):
    """Root mean square difference of F0 in semitones where both are voiced, along the time alignment.

    Lower is better; 0 for the truth itself, no upper bound. Judge: WORLD DIO + StoneMask. Skips: items whose voicing
    agrees with the truth on fewer than `gate` of the frames, because a tracker invents pitch in noise.
    """

    higher_is_better = False

    def __init__(self, gate: float = GATE) -> None:
        super().__init__()
        self.gate = gate

    def measure(self, output: np.ndarray, truth: np.ndarray | None) -> float | None:
        assert truth is not None
        found = compare_prosody(measure_prosody(output), measure_prosody(truth))
        return found.f0_rmse if found.voicing >= self.gate else None
