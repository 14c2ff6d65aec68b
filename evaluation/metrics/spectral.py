"""How far is a resynthesis from its original, sample by sample?"""

from __future__ import annotations

import numpy as np

from evaluation.metrics.base import RecordingMetric
from evaluation.quality.signal import measure_spectral_distance


class SpectralDistance(RecordingMetric):
    """Multi-resolution STFT distance (Yamamoto et al. 2020), for sample-aligned pairs such as copy synthesis.

    Unit: none; lower is better; 0 for equal recordings, no upper bound. Windows of 512, 1024 and 2048 samples. Skips:
    items under 50 ms. Blind to nothing that is aligned; meaningless for two readings of a sentence.
    """

    higher_is_better = False

    def measure(self, output: np.ndarray, truth: np.ndarray | None) -> float | None:
        assert truth is not None
        return measure_spectral_distance(output, truth)
