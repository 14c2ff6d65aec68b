"""Prosody of one recording and its change against neutral: pitch in semitones, level in dB, length in seconds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evaluation.scoring.judge_card import JudgeCard
from sovits_lab.audio.energy import frame_rms_db, level_dbfs
from sovits_lab.audio.pitch import f0
from sovits_lab.audio.trim import trim_silence

RATE = 16000
HOP = 160  # 10 ms
REFERENCE_HZ = 55.0  # A1: semitones above it; differences do not depend on it
GATE = 0.7  # share of frames on which output and truth agree about voicing, below which its F0 is not believed
AUDIBLE_DB = 30.0  # below the loudest frame a tracker follows hum and room noise, not the voice
FEWEST_VOICED = 10  # frames, 0.1 s; fewer make no median

WORLD = JudgeCard(
    name="WORLD DIO+StoneMask",
    version="3: pyworld at 5 ms, frames within 30 dB of the loudest, with the span",
    construct="prosody",
    rate=RATE,
    minimum_seconds=0.2,
    licence="MIT",
)


class ProsodyMeasurement(NamedTuple):
    """What one recording's voice does.

    Attributes:
        f0_median: semitones above 55 Hz over voiced frames, None with fewer than ten of them.
        f0_range: standard deviation of F0 over voiced frames, semitones.
        f0_span: from the 20th to the 80th percentile of F0 (GeMAPS, Eyben et al. 2016), semitones. Octave
            errors of the tracker in a few creaky frames move the standard deviation and hardly this.
        level: root mean square of the trimmed recording, dB full scale.
        duration: seconds between the silent ends.
        voiced: share of voiced frames.
        contour: Hz per 10 ms of the trimmed recording, 0 where unvoiced or 30 dB below the loudest frame, [L].
        wav: the trimmed recording [T].
    """

    f0_median: float | None
    f0_range: float | None
    f0_span: float | None
    level: float
    duration: float
    voiced: float
    contour: np.ndarray
    wav: np.ndarray


def measure_prosody(wav: np.ndarray) -> ProsodyMeasurement:
    """Measure the prosody of a recording [T] at 16 kHz."""
    inner = trim_silence(wav, RATE, margin=0.0).wav
    energy = frame_rms_db(inner, HOP)
    contour = np.where(energy > energy.max(initial=-100.0) - AUDIBLE_DB, f0(inner, RATE, HOP), 0.0)
    voiced = contour[contour > 0]
    median = spread = span = None
    if len(voiced) >= FEWEST_VOICED:
        tones = 12 * np.log2(voiced / REFERENCE_HZ)
        low, high = np.percentile(tones, [20, 80])
        median, spread, span = float(np.median(tones)), float(np.std(tones)), float(high - low)
    share = float(np.mean(contour > 0)) if len(contour) else 0.0
    return ProsodyMeasurement(median, spread, span, level_dbfs(inner), len(inner) / RATE, share, contour, inner)
