"""Rows about pitch, level and length, and agreement with the parallel truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evaluation.prosody.alignment import compare_prosody
from evaluation.prosody.measurement import GATE, WORLD, ProsodyMeasurement, measure_prosody
from evaluation.scoring.estimates import Estimate
from evaluation.scoring.judge_card import SIGNAL
from evaluation.scoring.measurements import Measurement, MeasurementTable
from evaluation.scoring.recording import Recording
from evaluation.scoring.samples import Sample
from evaluation.scoring.scorer import AudioFiles, Scorer, list_recordings
from evaluation.scoring.tables import SampleCell, estimate_mean


class ProsodyScorer(Scorer):
    """F0 median and range, level, duration of outputs and true recordings; agreement of each output with its truth."""

    parts = ("output", "truth", "truth_neutral")

    def __init__(self) -> None:
        self.card = WORLD
        self._measured: dict[Path, ProsodyMeasurement] = {}

    def score(self, samples: Sequence[Sample], audio: AudioFiles, to: MeasurementTable) -> None:
        for one, part, path in list_recordings(samples, self.parts):
            clip = audio(path)
            if not isinstance(clip, Recording):
                to.add(Measurement(one.id, "duration", None, SIGNAL.name, of=part, reason=clip.reason))
                continue
            assert path is not None
            if path not in self._measured:
                self._measured[path] = measure_prosody(clip.wav)
            self._values(one, part, clip, self._measured[path], to)
            if part == "truth" and one.wav in self._measured:
                self._agreement(one, self._measured[one.wav], self._measured[path], to)

    def estimates(self, cell: SampleCell, table: MeasurementTable) -> list[Estimate]:
        """Estimate agreement with the parallel truth; the F0 figures only over outputs that passed the voicing gate."""
        agreed = [one for one in cell.samples if (table.value(one.id, "voicing_agreement", WORLD.name) or 0) >= GATE]
        gated = SampleCell(cell.group, cell.emotion, agreed)
        made = [
            estimate_mean("voicing_f1", "voicing_f1", WORLD, cell, table),
            estimate_mean("mel_cepstral_distance", "mel_cepstral_distance", SIGNAL, cell, table),
            estimate_mean("f0_rmse", "f0_rmse", WORLD, gated, table),
            estimate_mean("f0_correlation", "f0_correlation", WORLD, gated, table),
        ]
        return [one for one in made if one.n]

    def release(self) -> None:
        self._measured.clear()

    def _values(self, one: Sample, part: str, clip: Recording, found: ProsodyMeasurement, to: MeasurementTable) -> None:
        voiceless = "" if found.f0_median is not None else "fewer than ten voiced frames"
        to.add(
            Measurement(one.id, "f0_median", found.f0_median, WORLD.name, of=part, audio=clip.digest, reason=voiceless)
        )
        to.add(
            Measurement(one.id, "f0_range", found.f0_range, WORLD.name, of=part, audio=clip.digest, reason=voiceless)
        )
        to.add(Measurement(one.id, "f0_span", found.f0_span, WORLD.name, of=part, audio=clip.digest, reason=voiceless))
        to.add(Measurement(one.id, "level", found.level, SIGNAL.name, of=part, audio=clip.digest))
        to.add(Measurement(one.id, "duration", found.duration, SIGNAL.name, of=part, audio=clip.digest))

    def _agreement(
        self, one: Sample, output: ProsodyMeasurement, truth: ProsodyMeasurement, to: MeasurementTable
    ) -> None:
        found = compare_prosody(output, truth)
        to.add(Measurement(one.id, "voicing_agreement", found.voicing, WORLD.name))
        to.add(Measurement(one.id, "voicing_f1", found.voicing_f1, WORLD.name))
        lacking = "no frame voiced in both" if found.f0_rmse is None else ""
        to.add(Measurement(one.id, "f0_rmse", found.f0_rmse, WORLD.name, reason=lacking))
        lacking = "too few frames voiced in both, or a constant contour" if found.f0_correlation is None else ""
        to.add(Measurement(one.id, "f0_correlation", found.f0_correlation, WORLD.name, reason=lacking))
        to.add(Measurement(one.id, "mel_cepstral_distance", found.distortion, SIGNAL.name))
