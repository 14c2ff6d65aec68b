"""Measurements of the sound itself: every declared measure that is computed from a recording alone."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from evaluation.scoring.estimates import Estimate
from evaluation.scoring.judge_card import SIGNAL, JudgeCard
from evaluation.scoring.measurements import Measurement, MeasurementTable
from evaluation.scoring.measures import Measure, list_measures, load_package
from evaluation.scoring.recording import Recording, Unusable
from evaluation.scoring.samples import Sample
from evaluation.scoring.scorer import RATE, AudioFiles, Scorer, failure_reason, list_recordings
from evaluation.scoring.tables import SampleCell, estimate_mean
from sovits_lab.types import InputError


class SoundScorer(Scorer):
    """Measure outputs and true recordings by every measure whose record says `scorer="sound"`.

    The measures are those of this package's modules, such as silence and clipping.

    Args:
        modules: dotted names of further modules that declare measures.

    Raises:
        InputError: a module cannot be imported.
    """

    def __init__(self, modules: Sequence[str] = ()) -> None:
        load_package("evaluation.quality")
        for name in modules:
            try:
                importlib.import_module(name)
            except ImportError as error:
                raise InputError(f"judges.sound.modules: {name} cannot be imported ({error})") from error
        self.measures = [one for one in list_measures() if one.scorer == "sound"]
        self.card = JudgeCard(name=SIGNAL.name, version="1", construct="quality", rate=RATE, licence=SIGNAL.licence)

    def key(self, sample: Sample) -> tuple[str, ...]:
        return (*super().key(sample), *(f"{one.name} {one.version}" for one in self.measures))

    def score(self, samples: Sequence[Sample], audio: AudioFiles, to: MeasurementTable) -> None:
        for one, part, path in list_recordings(samples, self.parts):
            clip, truth = audio(path), audio(one.truth)
            for measure in self.measures:
                if not measure.needs_truth or (part == "output" and isinstance(truth, Recording)):
                    to.add(self._measured(one, measure, part, clip, truth))

    def estimates(self, cell: SampleCell, table: MeasurementTable) -> list[Estimate]:
        return [estimate_mean(one.name, one.name, SIGNAL, cell, table) for one in self.measures]

    def _measured(
        self, one: Sample, measure: Measure, part: str, clip: Recording | Unusable, truth: Recording | Unusable
    ) -> Measurement:
        assert measure.compute is not None, f"measure {measure.name} has nothing to compute it by"
        value: float | None = measure.worst
        reason = failure_reason(clip)
        if isinstance(clip, Recording):
            value = measure.compute(clip.wav, truth.wav if isinstance(truth, Recording) else None)
            reason = "" if value is not None else "cannot be measured"
        return Measurement(
            one.id,
            measure.name,
            value,
            SIGNAL.name,
            of=part,
            audio=clip.digest,
            reason=reason,
            failed=not isinstance(clip, Recording),
        )
