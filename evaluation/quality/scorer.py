"""Rows about the sound itself: silence and clipping."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.quality.signal import clipped_share, silent_share
from evaluation.scoring.estimates import Figure
from evaluation.scoring.judge_card import SIGNAL, JudgeCard
from evaluation.scoring.measurements import Row, Table
from evaluation.scoring.recording import Recording
from evaluation.scoring.samples import Sample
from evaluation.scoring.scorer import RATE, Audio, Examiner, reason, recordings
from evaluation.scoring.tables import Cell, mean_figure


class SoundExaminer(Examiner):
    """`silence` and `clipping` of every recording: shares of time and of samples."""

    def __init__(self) -> None:
        self.card = JudgeCard(name=SIGNAL.name, version="1", construct="quality", rate=RATE, licence=SIGNAL.licence)

    def examine(self, samples: Sequence[Sample], audio: Audio, to: Table) -> None:
        for one, part, path in recordings(samples, self.parts):
            clip = audio(path)
            for name, measure in (("silence", silent_share), ("clipping", clipped_share)):
                value = measure(clip.wav, clip.rate) if isinstance(clip, Recording) else 1.0
                to.add(Row(one.id, name, value, SIGNAL.name, of=part, audio=clip.digest, reason=reason(clip)))

    def figures(self, cell: Cell, table: Table) -> list[Figure]:
        return [mean_figure(name, name, SIGNAL, cell, table) for name in ("silence", "clipping")]
