"""Rows about emotion: is the intended one heard?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from evaluation.examine import Audio, Examiner, reason, recordings
from evaluation.figures import Figure
from evaluation.items import Row, Sample, Table
from evaluation.judges.contract import JudgeCard
from evaluation.recording import Recording
from evaluation.tables import Cell, mean_figure


class EmotionJudge(Protocol):
    """Hears emotions in recordings [T] of one speaker at `card.rate`; the speakers `without` taught it nothing."""

    card: JudgeCard

    def prepare(self, samples: Sequence[Sample]) -> str: ...

    def probabilities(
        self, wavs: Sequence[np.ndarray], without: frozenset[str], speaker: str
    ) -> Sequence[Mapping[str, float]]: ...

    def release(self) -> None: ...


class EmotionExaminer(Examiner):
    """`emotion_recognised` (1 when the intended emotion is the most probable) and `emotion_probability`.

    The same for the true recordings: the ceiling. Emotions that the judge does not know give rows without a value.
    """

    def __init__(self, judge: EmotionJudge) -> None:
        self.judge, self.card = judge, judge.card

    def prepare(self, samples: Sequence[Sample], audio: Audio) -> str:
        note = self.judge.prepare(samples)
        self.card = self.judge.card
        return note

    def key(self, sample: Sample) -> tuple[str, ...]:
        return (sample.emotion, sample.speaker, sample.style_speaker or "")

    def release(self) -> None:
        self.judge.release()

    def examine(self, samples: Sequence[Sample], audio: Audio, to: Table) -> None:
        for one, part, path in recordings(samples, self.parts):
            clip = audio(path)
            if not isinstance(clip, Recording):
                for metric in ("emotion_recognised", "emotion_probability"):
                    to.add(self._row(one, metric, 0.0, part, "", reason(clip)))
                continue
            without = frozenset({one.speaker, one.style_speaker or one.speaker})
            said = self.judge.probabilities([clip.wav], without, one.speaker)[0]
            if one.emotion not in said:
                why = "the judge does not know this emotion" if said else "too few recordings to learn from"
                to.add(self._row(one, "emotion_recognised", None, part, clip.digest, why))
                continue
            recognised = float(max(said, key=lambda name: said[name]) == one.emotion)
            to.add(self._row(one, "emotion_recognised", recognised, part, clip.digest))
            to.add(self._row(one, "emotion_probability", said[one.emotion], part, clip.digest))

    def figures(self, cell: Cell, table: Table) -> list[Figure]:
        return [
            mean_figure(name, name, self.card, cell, table) for name in ("emotion_recognised", "emotion_probability")
        ]

    def _row(self, one: Sample, metric: str, value: float | None, part: str, audio: str, reason: str = "") -> Row:
        return Row(one.id, metric, value, self.card.name, self.card.weight_hash, part, audio, reason=reason)
