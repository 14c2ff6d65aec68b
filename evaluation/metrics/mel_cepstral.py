"""How far is the output's spectral envelope from the true one?"""

from __future__ import annotations

import numpy as np

from evaluation.metrics.base import RecordingMetric
from evaluation.prosody.alignment import compare_prosody
from evaluation.prosody.measurement import measure_prosody


class MelCepstralDistance(RecordingMetric):
    """Mel-cepstral distance in dB along the time alignment, 13 coefficients without energy (Kubichek 1993).

    Lower is better; 0 for the truth itself, no upper bound. Cepstra come from a 40-band mel spectrogram, so values
    compare only with values of this metric. Skips: items under 50 ms.
    """

    higher_is_better = False

    def measure(self, output: np.ndarray, truth: np.ndarray | None) -> float | None:
        assert truth is not None
        return compare_prosody(measure_prosody(output), measure_prosody(truth)).distortion
