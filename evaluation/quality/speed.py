"""Rows about speed, from the times that the manifest tells."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.scoring.estimates import Estimate
from evaluation.scoring.judge_card import JudgeCard
from evaluation.scoring.measurements import Measurement, MeasurementTable
from evaluation.scoring.measures import ROBUSTNESS, Measure, declare
from evaluation.scoring.samples import Sample
from evaluation.scoring.scorer import AudioFiles, Scorer
from evaluation.scoring.tables import SampleCell, estimate_rate

declare(Measure("rtf", "seconds of computing per second of speech, as the samples were made", ROBUSTNESS, "lower"))
declare(Measure("rtf_alone", "seconds of computing per second of speech, one sentence at a time", ROBUSTNESS, "lower"))

CLOCK = JudgeCard(name="clock", version="wall", construct="speed", rate=0, deterministic=False)


class SpeedScorer(Scorer):
    """Real-time factor: seconds of computing over seconds of audio, weighted by the audio.

    Our runs speak sentences side by side, which is cheaper than what a single request costs; some are spoken once more
    alone, and both factors are told.
    """

    parts = ()

    def __init__(self) -> None:
        self.card = CLOCK

    def estimates(self, cell: SampleCell, table: MeasurementTable) -> list[Estimate]:
        alone = any(one.alone_seconds is not None for one in cell.samples)
        return [estimate_rate(name, name, CLOCK, cell, table) for name in ("rtf", *["rtf_alone"] * alone)]

    def key(self, sample: Sample) -> tuple[str, ...]:
        return (str(sample.synthesis_seconds), str(sample.audio_seconds), str(sample.alone_seconds))

    def score(self, samples: Sequence[Sample], audio: AudioFiles, to: MeasurementTable) -> None:
        for one in samples:
            if one.synthesis_seconds is None or not one.audio_seconds:
                to.add(Measurement(one.id, "rtf", None, CLOCK.name, reason="no times in the manifest"))
            else:
                took = {"rtf": one.synthesis_seconds, "rtf_alone": one.alone_seconds}
                for name, seconds in took.items():
                    if seconds is not None:
                        rtf = seconds / one.audio_seconds
                        to.add(Measurement(one.id, name, rtf, CLOCK.name, weight=one.audio_seconds))
