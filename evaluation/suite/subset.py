"""A declared part of the samples for a judge that is too slow to hear them all."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.scoring.estimates import Estimate
from evaluation.scoring.measurements import MeasurementTable
from evaluation.scoring.samples import Sample, select_headline
from evaluation.scoring.scorer import AudioFiles, Scorer
from evaluation.scoring.tables import SampleCell


class SubsetScorer(Scorer):
    """Lets another scorer hear some groups and emotions, in the first sentences by alphabet; the report says which.

    Args:
        scorer: who judges.
        groups: `target`, `seen`; empty for all.
        emotions: empty for all.
        sentences: how many different texts of each group and emotion; None for all.
    """

    def __init__(
        self,
        scorer: Scorer,
        groups: Sequence[str] = (),
        emotions: Sequence[str] = (),
        sentences: int | None = None,
    ) -> None:
        self.scorer, self.card, self.parts = scorer, scorer.card, scorer.parts
        self.groups, self.emotions, self.sentences = groups, emotions, sentences
        self._chosen: frozenset[str] = frozenset()

    def prepare(self, samples: Sequence[Sample], audio: AudioFiles) -> str:
        chosen = self._choose(samples)
        self._chosen = frozenset(one.id for one in chosen)
        note = self.scorer.prepare(chosen, audio)
        self.card = self.scorer.card
        about = f"{self.card.name} heard {len(chosen)} of {len(samples)} samples, as declared."
        return f"{note} {about}".strip()

    def key(self, sample: Sample) -> tuple[str, ...]:
        return (*self.scorer.key(sample), f"chosen: {sample.id in self._chosen}")

    def score(self, samples: Sequence[Sample], audio: AudioFiles, to: MeasurementTable) -> None:
        chosen = [one for one in samples if one.id in self._chosen]
        if chosen:
            self.scorer.score(chosen, audio, to)

    def estimates(self, cell: SampleCell, table: MeasurementTable) -> list[Estimate]:
        inside = [one for one in cell.samples if one.id in self._chosen]
        return self.scorer.estimates(SampleCell(cell.group, cell.emotion, inside), table) if inside else []

    def release(self) -> None:
        self.scorer.release()

    def _choose(self, samples: Sequence[Sample]) -> list[Sample]:
        """Headline samples only: those of other strengths belong to the curve."""
        inside = [
            one
            for one in select_headline(samples)
            if (not self.groups or one.group in self.groups) and (not self.emotions or one.emotion in self.emotions)
        ]
        texts: dict[tuple[str, str], set[str]] = {}
        for one in inside:
            texts.setdefault((one.group, one.emotion), set()).add(one.text)
        kept = {place: set(sorted(found)[: self.sentences]) for place, found in texts.items()}
        return [one for one in inside if one.text in kept[one.group, one.emotion]]
