"""Rows of models that predict what listeners would say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from evaluation.scoring.estimates import Estimate
from evaluation.scoring.judge_card import JudgeCard
from evaluation.scoring.measurements import Measurement, MeasurementTable
from evaluation.scoring.measures import SOUND, Measure, declare
from evaluation.scoring.samples import Sample
from evaluation.scoring.scorer import AudioFiles, Scorer, failure_reason, list_recordings, read_usable
from evaluation.scoring.tables import SampleCell, estimate_mean

declare(
    Measure("ovrl_mos", "DNSMOS overall", SOUND, "higher", construct="quality", uses=("agreement",)),
    Measure("sig_mos", "DNSMOS signal", SOUND, "higher"),
    Measure("bak_mos", "DNSMOS background", SOUND, "higher"),
    Measure("p808_mos", "DNSMOS P.808", SOUND, "higher", construct="quality", uses=("agreement",)),
    Measure(
        "distillmos", "DistillMOS, beside the truth only", SOUND, "higher", construct="quality", uses=("agreement",)
    ),
)


class OpinionJudge(Protocol):
    """Predicts what listeners would say: `rate` gives named scores per recording [T] at `card.rate`."""

    card: JudgeCard
    names: tuple[str, ...]
    worst: float

    def rate(self, wavs: Sequence[np.ndarray]) -> list[Mapping[str, float]]: ...

    def release(self) -> None: ...


class OpinionScorer(Scorer):
    """Scores of an opinion model, one row per score; a missing output gets the worst score of the scale."""

    def __init__(self, judge: OpinionJudge) -> None:
        self.judge, self.card = judge, judge.card

    def key(self, sample: Sample) -> tuple[str, ...]:
        return ()

    def release(self) -> None:
        self.judge.release()

    def score(self, samples: Sequence[Sample], audio: AudioFiles, to: MeasurementTable) -> None:
        wanted = list_recordings(samples, self.parts)
        paths, clips = read_usable(wanted, audio)
        ratings = dict(zip(paths, self.judge.rate([clip.wav for clip in clips]), strict=True))
        for one, part, path in wanted:
            clip = audio(path)
            scores = ratings.get(path) if path is not None else None
            for name in self.judge.names:
                value = self.judge.worst if scores is None else scores[name]
                row = Measurement(one.id, name, value, self.card.name, self.card.weight_hash, part, clip.digest)
                to.add(row if scores is not None else replace(row, reason=failure_reason(clip), failed=True))

    def estimates(self, cell: SampleCell, table: MeasurementTable) -> list[Estimate]:
        return [estimate_mean(name, name, self.card, cell, table) for name in self.judge.names]
