"""Rows about the sound itself: silence, clipping, and what an opinion model says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from evaluation.examine import Audio, Examiner, reason, recordings, usable
from evaluation.figures import Figure
from evaluation.items import Row, Sample, Table
from evaluation.judges.contract import JudgeCard
from evaluation.prosody import RATE, SIGNAL
from evaluation.quality import clipped_share, silent_share
from evaluation.recording import Recording
from evaluation.tables import Cell, mean_figure


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


class OpinionJudge(Protocol):
    """Predicts what listeners would say: `rate` gives named scores per recording [T] at `card.rate`."""

    card: JudgeCard
    names: tuple[str, ...]
    worst: float

    def rate(self, wavs: Sequence[np.ndarray]) -> list[Mapping[str, float]]: ...

    def release(self) -> None: ...


class OpinionExaminer(Examiner):
    """Scores of an opinion model, one row per score; a missing output gets the worst score of the scale."""

    def __init__(self, judge: OpinionJudge) -> None:
        self.judge, self.card = judge, judge.card

    def key(self, sample: Sample) -> tuple[str, ...]:
        return ()

    def release(self) -> None:
        self.judge.release()

    def examine(self, samples: Sequence[Sample], audio: Audio, to: Table) -> None:
        wanted = recordings(samples, self.parts)
        paths, clips = usable(wanted, audio)
        said = dict(zip(paths, self.judge.rate([clip.wav for clip in clips]), strict=True))
        for one, part, path in wanted:
            clip = audio(path)
            scores = said.get(path) if path is not None else None
            for name in self.judge.names:
                value = self.judge.worst if scores is None else scores[name]
                row = Row(one.id, name, value, self.card.name, self.card.weight_hash, part, clip.digest)
                to.add(row if scores is not None else Row(**{**vars(row), "reason": reason(clip)}))

    def figures(self, cell: Cell, table: Table) -> list[Figure]:
        return [mean_figure(name, name, self.card, cell, table) for name in self.judge.names]
