"""Measures as torchmetrics objects: update with recordings, compute one number, count what was skipped."""

from evaluation.metrics.error_rate import ErrorRate
from evaluation.metrics.real_time import RealTimeFactor
from evaluation.metrics.recording_metric import RecordingMetric
from evaluation.metrics.similarity import SpeakerSimilarity

__all__ = ["ErrorRate", "RealTimeFactor", "RecordingMetric", "SpeakerSimilarity"]
