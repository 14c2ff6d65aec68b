"""Metrics as torchmetrics objects, one a file: update with recordings, compute one number, count what was skipped."""

from evaluation.metrics.clipping import ClippedShare
from evaluation.metrics.error_rate import ErrorRate
from evaluation.metrics.f0_error import F0Error
from evaluation.metrics.mel_cepstral import MelCepstralDistance
from evaluation.metrics.real_time import RealTimeFactor
from evaluation.metrics.silence import SilentShare
from evaluation.metrics.similarity import SpeakerSimilarity
from evaluation.metrics.spectral import SpectralDistance
from evaluation.metrics.voicing import VoicingF1

__all__ = [
    "ClippedShare",
    "ErrorRate",
    "F0Error",
    "MelCepstralDistance",
    "RealTimeFactor",
    "SilentShare",
    "SpeakerSimilarity",
    "SpectralDistance",
    "VoicingF1",
]
