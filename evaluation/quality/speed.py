"""Rows about speed, from the times that the manifest tells."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.scoring.estimates import Figure
from evaluation.scoring.judge_card import JudgeCard
from evaluation.scoring.measurements import Row, Table
from evaluation.scoring.samples import Sample
from evaluation.scoring.scorer import Audio, Examiner
from evaluation.scoring.tables import Cell, rate_figure

CLOCK = JudgeCard(name="clock", version="wall", construct="speed", rate=0, deterministic=False)


class SpeedExaminer(Examiner):
    """Real-time factor: seconds of computing over seconds of audio, weighted by the audio."""

    parts = ()

    def __init__(self) -> None:
        self.card = CLOCK

    def figures(self, cell: Cell, table: Table) -> list[Figure]:
        return [rate_figure("rtf", "rtf", CLOCK, cell, table)]

    def key(self, sample: Sample) -> tuple[str, ...]:
        return (str(sample.synthesis_seconds), str(sample.audio_seconds))

    def examine(self, samples: Sequence[Sample], audio: Audio, to: Table) -> None:
        for one in samples:
            if one.synthesis_seconds is None or not one.audio_seconds:
                to.add(Row(one.id, "rtf", None, CLOCK.name, reason="no times in the manifest"))
            else:
                rtf = one.synthesis_seconds / one.audio_seconds
                to.add(Row(one.id, "rtf", rtf, CLOCK.name, weight=one.audio_seconds))
