"""Rows about phones: what a phone recogniser heard against the phones that were to be said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evaluation.intelligibility.errors import count_errors, worst_errors
from evaluation.judges.contract import PhoneRecogniser
from evaluation.judges.phones import FolderRecogniser
from evaluation.scoring.estimates import Estimate
from evaluation.scoring.measurements import Measurement, MeasurementTable
from evaluation.scoring.measures import INTELLIGIBILITY, SHARE, Measure, declare
from evaluation.scoring.samples import Sample
from evaluation.scoring.scorer import AudioFiles, Scorer, failure_reason, list_recordings, read_usable
from evaluation.scoring.tables import SampleCell, estimate_rate
from sovits_lab.types import got

declare(
    Measure(
        "per",
        "phone error rate",
        INTELLIGIBILITY,
        "lower",
        SHARE,
        construct="intelligibility",
        uses=("slices", "agreement", "curve"),
        rank=2,
        note="PER",
    )
)


class PhoneScorer(Scorer):
    """Phone error rate of outputs and of true recordings; a recording that appears twice is heard once."""

    def __init__(self, slot: FolderRecogniser, folder: str | Path, rate: int) -> None:
        self.slot, self.folder = slot, Path(folder)
        if not self.folder.is_dir():
            raise got(f"recogniser {slot.name}, folder", self.folder, "an existing folder")
        self.card = slot.card(self.folder, rate)
        self._recogniser: PhoneRecogniser | None = None

    def estimates(self, cell: SampleCell, table: MeasurementTable) -> list[Estimate]:
        return [estimate_rate(f"per.{self.card.name}", "per", self.card, cell, table)]

    def release(self) -> None:
        self._recogniser = None

    def score(self, samples: Sequence[Sample], audio: AudioFiles, to: MeasurementTable) -> None:
        card = self.card
        wanted = list_recordings([one for one in samples if one.phones], self.parts)
        paths, clips = read_usable(wanted, audio)
        if self._recogniser is None:
            self._recogniser = self.slot.open(self.folder)
        words = self._recogniser.transcribe([clip.wav for clip in clips], audio.rate) if clips else []
        recognised = dict(zip(paths, words, strict=True))
        for one, part, path in wanted:
            spoken = recognised.get(path) if path is not None else None
            errors = worst_errors(one.phones) if spoken is None else count_errors(one.phones, spoken)
            why, digest = failure_reason(audio(path)), audio(path).digest
            to.add(
                Measurement(
                    one.id,
                    "per",
                    errors.rate,
                    card.name,
                    card.weight_hash,
                    part,
                    digest,
                    errors.reference,
                    reason=why,
                    failed=spoken is None,
                )
            )
        for one in samples:
            if not one.phones:
                to.add(
                    Measurement(one.id, "per", None, card.name, card.weight_hash, reason="no phones in the manifest")
                )
