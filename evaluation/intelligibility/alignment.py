"""Rows from forced alignment: how well the known words fit the sound, and the word that fits worst."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.judges.sphinx import NOT_ALIGNED, Alignment, SphinxAligner
from evaluation.scoring.estimates import Estimate
from evaluation.scoring.measurements import Measurement, MeasurementTable
from evaluation.scoring.measures import INTELLIGIBILITY, SHARE, Measure, declare
from evaluation.scoring.recording import Recording
from evaluation.scoring.samples import Sample
from evaluation.scoring.scorer import AudioFiles, Scorer, failure_reason, list_recordings
from evaluation.scoring.tables import SampleCell, estimate_mean
from sovits_lab.types import InputError

MEASURES = declare(
    Measure(
        "alignment",
        "fit of the known text (0 is best)",
        INTELLIGIBILITY,
        "higher",
        construct="intelligibility",
        uses=("slices", "agreement"),
        rank=3,
        note="alignment",
    ),
    Measure("alignment_worst_word", "fit of the worst word", INTELLIGIBILITY, "higher", construct="intelligibility"),
    Measure("aligned", "texts that fit at all", INTELLIGIBILITY, "higher", SHARE, construct="intelligibility"),
)


WORDLESS = "the text has no word that the judge can align"


class AlignmentScorer(Scorer):
    """`alignment` (mean), `alignment_worst_word` and `aligned` (1 when the text fits at all) of every recording."""

    def __init__(self, judge: SphinxAligner) -> None:
        self.judge, self.card = judge, judge.card

    def release(self) -> None:
        self.judge.release()

    def key(self, sample: Sample) -> tuple[str, ...]:
        return (sample.text, sample.language)

    def score(self, samples: Sequence[Sample], audio: AudioFiles, to: MeasurementTable) -> None:
        alignments: dict[tuple[object, str], Alignment | None] = {}
        for one, part, path in list_recordings(samples, self.parts):
            if one.language and not one.language.startswith("en"):
                why = f"the judge does not know the language {one.language}"
                to.add(self._row(one, "alignment", None, part, "", why))
                continue
            clip = audio(path)
            found, why = Alignment(NOT_ALIGNED, NOT_ALIGNED, []), failure_reason(clip)
            if isinstance(clip, Recording):
                if (path, one.text) not in alignments:
                    alignments[path, one.text] = self._align(clip, one.text)
                aligned = alignments[path, one.text]
                if aligned is None:
                    to.add(self._row(one, "alignment", None, part, clip.digest, WORDLESS))
                    continue
                found = aligned
            to.add(self._row(one, "alignment", found.mean, part, clip.digest, why))
            to.add(self._row(one, "alignment_worst_word", found.worst, part, clip.digest, why))
            to.add(self._row(one, "aligned", float(bool(found.words)), part, clip.digest, why))

    def _align(self, clip: Recording, text: str) -> Alignment | None:
        """Align a text; None for one without a word, which says nothing about the sound."""
        try:
            return self.judge.align(clip.wav, text)
        except InputError:
            return None

    def _row(self, one: Sample, metric: str, value: float | None, part: str, audio: str, why: str) -> Measurement:
        card, failed = self.card, value is not None and bool(why)
        return Measurement(one.id, metric, value, card.name, card.weight_hash, part, audio, reason=why, failed=failed)

    def estimates(self, cell: SampleCell, table: MeasurementTable) -> list[Estimate]:
        return [estimate_mean(one.name, one.name, self.card, cell, table) for one in MEASURES]
