"""Rows about the voice: likeness to the speaker, identification, and who won against the style clip's speaker."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from evaluation.judges.contract import SpeakerJudge
from evaluation.scoring.estimates import Estimate
from evaluation.scoring.measurements import Measurement, MeasurementTable
from evaluation.scoring.recording import Recording
from evaluation.scoring.samples import Sample
from evaluation.scoring.scorer import AudioFiles, Scorer, failure_reason, list_recordings, read_usable, seconds
from evaluation.scoring.tables import SampleCell
from evaluation.speaker.enrolment import (
    WORST,
    Enrolment,
    enrol,
    list_speakers,
    read_corpus_clips,
    read_corpus_sexes,
    read_reference_clips,
)
from evaluation.speaker.estimates import estimate_speaker


class SpeakerScorer(Scorer):
    """Compares every output and every true recording with the enrolled voices.

    Rows: `similarity` (cosine to the own voice), `identified` (1 when the own voice is the nearest of all enrolled),
    `verified` (1 above the judge's threshold), `similarity_style_speaker`, `timbre_won` (1 when the own voice is nearer
    than the style clip's); for true recordings `similarity_stranger`, the mean cosine to the other voices of the same
    sex (of all others where the sex is not known): the floor of the calibrated scale.

    Args:
        judge: a speaker judge.
        corpus: manifest with training recordings to enrol from; without one the samples' own references are used.
    """

    def __init__(self, judge: SpeakerJudge, corpus: str | Path | None = None) -> None:
        self.judge, self.card = judge, judge.card
        self.corpus = Path(corpus) if corpus is not None else None
        self._enrolment: Enrolment | None = None
        self._source: tuple[Sequence[Sample], AudioFiles] | None = None
        self._clips = ""
        self._sexes: Mapping[str, str] = {}

    def prepare(self, samples: Sequence[Sample], audio: AudioFiles) -> str:
        """Fix who will be enrolled from what; the voices are embedded when the first sample needs them."""
        self._source = (samples, audio)
        self._sexes = {one.speaker: one.sex for one in samples if one.sex}
        digests = sorted({audio.digest(one.speaker_reference) for one in samples})
        if self.corpus is not None:
            digests = [audio.digest(self.corpus), *sorted(list_speakers(samples))]
        self._clips = hashlib.sha256(" ".join(digests).encode()).hexdigest()[:16]
        source = "training recordings" if self.corpus is not None else "speaker references"
        return f"Voices for {self.card.name} are enrolled from {source}."

    def key(self, sample: Sample) -> tuple[str, ...]:
        return (sample.speaker, sample.style_speaker or "", self._clips, str(self.card.threshold))

    def estimates(self, cell: SampleCell, table: MeasurementTable) -> list[Estimate]:
        return estimate_speaker(self.card, cell, table)

    def release(self) -> None:
        self._enrolment = None
        self.judge.release()

    def score(self, samples: Sequence[Sample], audio: AudioFiles, to: MeasurementTable) -> None:
        voices = self._voices()
        wanted = list_recordings(samples, self.parts)
        paths, clips = read_usable([one for one in wanted if one.sample.speaker in voices.names], audio)
        vectors = self.judge.embed([clip.wav for clip in clips]) if clips else np.zeros((0, 1))
        embedded = dict(zip(paths, vectors, strict=True))
        for one, part, path in wanted:
            clip = audio(path)
            if one.speaker not in voices.names:
                to.add(self._row(one, "similarity", None, part, reason=self._unknown(one, audio)))
            elif not isinstance(clip, Recording):
                for metric in ("similarity", "identified", "verified"):
                    to.add(replace(self._row(one, metric, WORST, part, reason=failure_reason(clip)), failed=True))
            else:
                assert path is not None
                short = seconds(clip) < self.card.minimum_seconds
                note = f"shorter than the judge's {self.card.minimum_seconds:g} s" if short else ""
                for metric, value in self._judged(one, part, embedded[path], voices).items():
                    to.add(self._row(one, metric, value, part, clip.digest, note))
                if len(voices.names) == 1:
                    to.add(self._row(one, "identified", None, part, clip.digest, "one enrolled voice"))

    def _judged(self, one: Sample, part: str, vector: np.ndarray, voices: Enrolment) -> dict[str, float | None]:
        own = voices.similarity(vector, one.speaker)
        assert own is not None
        found: dict[str, float | None] = {
            "similarity": own,
            "identified": float(voices.nearest(vector) == one.speaker) if len(voices.names) > 1 else None,
            "verified": float(own >= self.card.threshold) if self.card.threshold is not None else None,
        }
        if part == "truth":
            strangers = self._strangers(one.speaker, voices)
            found["similarity_stranger"] = float(np.mean(voices.vectors[strangers] @ vector)) if strangers else None
        elif one.style_speaker and one.style_speaker != one.speaker:
            style = voices.similarity(vector, one.style_speaker)
            found["similarity_style_speaker"] = style
            found["timbre_won"] = None if style is None else float(own > style)
        return {key: value for key, value in found.items() if value is not None}

    def _unknown(self, one: Sample, audio: AudioFiles) -> str:
        if self.corpus is not None or one.speaker_reference is None:
            return "speaker is not enrolled"
        why = failure_reason(audio(one.speaker_reference))
        return (
            f"speaker is not enrolled: reference {one.speaker_reference}: {why}" if why else "speaker is not enrolled"
        )

    def _strangers(self, speaker: str, voices: Enrolment) -> list[int]:
        others = [index for index, name in enumerate(voices.names) if name != speaker]
        sex = self._sexes.get(speaker)
        same = [index for index in others if sex and self._sexes.get(voices.names[index]) == sex]
        return same or others

    def _voices(self) -> Enrolment:
        if self._enrolment is None:
            assert self._source is not None, "prepare() comes before score()"
            samples, _ = self._source
            if self.corpus is not None:
                clips = read_corpus_clips(self.corpus, self.card.rate, list_speakers(samples))
                self._sexes = self._sexes or read_corpus_sexes(self.corpus)
            else:
                clips = read_reference_clips(samples, self.card.rate)
            nobody = Enrolment((), np.zeros((0, 1)))
            self._enrolment = enrol(clips, self.judge) if any(clips.values()) else nobody
        return self._enrolment

    def _row(
        self, one: Sample, metric: str, value: float | None, part: str, audio: str = "", reason: str = ""
    ) -> Measurement:
        return Measurement(one.id, metric, value, self.card.name, self.card.weight_hash, part, audio, reason=reason)
