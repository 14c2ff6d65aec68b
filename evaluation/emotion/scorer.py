"""Rows about emotion: is the intended one heard?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from evaluation.scoring.estimates import Estimate
from evaluation.scoring.judge_card import JudgeCard
from evaluation.scoring.measurements import Measurement, MeasurementTable
from evaluation.scoring.measures import EMOTION, SHARE, Measure, declare
from evaluation.scoring.recording import Recording
from evaluation.scoring.samples import Sample
from evaluation.scoring.scorer import AudioFiles, Scorer, failure_reason, list_recordings
from evaluation.scoring.tables import SampleCell, estimate_mean

MEASURES = declare(
    Measure("emotion_recognised", "intended emotion recognised", EMOTION, "higher", SHARE, uses=("curve",)),
    Measure("emotion_probability", "probability of the intended emotion", EMOTION, "higher", SHARE, uses=("curve",)),
)


class EmotionJudge(Protocol):
    """Hears emotions in recordings [T] of one speaker at `card.rate`; the speakers `without` taught it nothing."""

    card: JudgeCard

    def prepare(self, samples: Sequence[Sample]) -> str: ...

    def probabilities(
        self, wavs: Sequence[np.ndarray], without: frozenset[str], speaker: str
    ) -> Sequence[Mapping[str, float]]: ...

    def release(self) -> None: ...


class EmotionScorer(Scorer):
    """`emotion_recognised` (1 when the intended emotion is the most probable) and `emotion_probability`.

    The same for the true recordings: the ceiling. Emotions that the judge does not know give rows without a value.
    """

    def __init__(self, judge: EmotionJudge) -> None:
        self.judge, self.card = judge, judge.card

    def prepare(self, samples: Sequence[Sample], audio: AudioFiles) -> str:
        note = self.judge.prepare(samples)
        self.card = self.judge.card
        return note

    def key(self, sample: Sample) -> tuple[str, ...]:
        return (sample.emotion, sample.speaker, sample.style_speaker or "")

    def release(self) -> None:
        self.judge.release()

    def score(self, samples: Sequence[Sample], audio: AudioFiles, to: MeasurementTable) -> None:
        for one, part, path in list_recordings(samples, self.parts):
            clip = audio(path)
            if not isinstance(clip, Recording):
                for metric in ("emotion_recognised", "emotion_probability"):
                    to.add(replace(self._row(one, metric, 0.0, part, "", failure_reason(clip)), failed=True))
                continue
            without = frozenset({one.speaker, one.style_speaker or one.speaker})
            probabilities = self.judge.probabilities([clip.wav], without, one.speaker)[0]
            if one.emotion not in probabilities:
                why = "the judge does not know this emotion" if probabilities else "too few recordings to learn from"
                to.add(self._row(one, "emotion_recognised", None, part, clip.digest, why))
                continue
            recognised = float(max(probabilities, key=lambda name: probabilities[name]) == one.emotion)
            to.add(self._row(one, "emotion_recognised", recognised, part, clip.digest))
            to.add(self._row(one, "emotion_probability", probabilities[one.emotion], part, clip.digest))

    def estimates(self, cell: SampleCell, table: MeasurementTable) -> list[Estimate]:
        return [estimate_mean(one.name, one.name, self.card, cell, table) for one in MEASURES]

    def _row(
        self, one: Sample, metric: str, value: float | None, part: str, audio: str, reason: str = ""
    ) -> Measurement:
        return Measurement(one.id, metric, value, self.card.name, self.card.weight_hash, part, audio, reason=reason)
