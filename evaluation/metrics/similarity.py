"""Is it the same voice?"""

from __future__ import annotations

import numpy as np

from evaluation.judges.contract import SpeakerJudge
from evaluation.metrics.recording_metric import RecordingMetric


class SpeakerSimilarity(RecordingMetric):
    """Mean cosine between an output and a recording of the speaker, -1 to 1, higher is better, 1 for itself.

    The judge must not have trained the model. Emotion lowers it for real speakers too: see the calibrated figure of the
    report. Skips: items shorter than the judge's minimum.
    """

    needs_truth = True  # the other recording

    def __init__(self, judge: SpeakerJudge) -> None:
        super().__init__("similarity")
        self.judge = judge

    def measure(self, output: np.ndarray, truth: np.ndarray | None) -> float | None:
        assert truth is not None
        if min(len(output), len(truth)) < self.judge.card.minimum_seconds * self.judge.card.rate:
            return None
        first, second = self.judge.embed([output, truth])
        return float(first @ second)
