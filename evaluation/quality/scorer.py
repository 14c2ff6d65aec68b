"""Rows about the sound itself: silence and clipping."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.quality.signal import measure_clipping, measure_silence
from evaluation.scoring.estimates import Estimate
from evaluation.scoring.judge_card import SIGNAL, JudgeCard
from evaluation.scoring.measurements import Measurement, MeasurementTable
from evaluation.scoring.recording import Recording
from evaluation.scoring.samples import Sample
from evaluation.scoring.scorer import RATE, AudioFiles, Scorer, failure_reason, list_recordings
from evaluation.scoring.tables import SampleCell, estimate_mean


class SoundScorer(Scorer):
    """`silence` and `clipping` of every recording: shares of time and of samples."""

    def __init__(self) -> None:
        self.card = JudgeCard(name=SIGNAL.name, version="1", construct="quality", rate=RATE, licence=SIGNAL.licence)

    def score(self, samples: Sequence[Sample], audio: AudioFiles, to: MeasurementTable) -> None:
        for one, part, path in list_recordings(samples, self.parts):
            clip = audio(path)
            for name, measure in (("silence", measure_silence), ("clipping", measure_clipping)):
                value = measure(clip.wav, clip.rate) if isinstance(clip, Recording) else 1.0
                to.add(
                    Measurement(
                        one.id, name, value, SIGNAL.name, of=part, audio=clip.digest, reason=failure_reason(clip)
                    )
                )

    def estimates(self, cell: SampleCell, table: MeasurementTable) -> list[Estimate]:
        return [estimate_mean(name, name, SIGNAL, cell, table) for name in ("silence", "clipping")]
