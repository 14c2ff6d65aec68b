"""Who is heard: similarity to the enrolled voice and identification among all enrolled voices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evaluation.judges.contract import SpeakerJudge
from evaluation.scoring.recording import Recording, read_recording
from evaluation.scoring.samples import NEUTRAL, Sample
from sovits_lab.corpora.manifest import audio_of, read_cuts
from sovits_lab.types import InputError

if TYPE_CHECKING:
    from lhotse.cut import Cut

ENROLMENT_CLIPS = 8
WORST = 0.0  # similarity of a missing output; strangers are above it


@dataclass(frozen=True)
class Enrolment:
    """Mean unit vector of each known voice under one judge, [N, D], in the order of `names`."""

    names: tuple[str, ...]
    vectors: np.ndarray

    def similarity(self, vector: np.ndarray, speaker: str) -> float | None:
        """Compute the cosine to a speaker's enrolment; None for a speaker that is not enrolled."""
        if speaker not in self.names:
            return None
        return float(vector @ self.vectors[self.names.index(speaker)])

    def nearest(self, vector: np.ndarray) -> str:
        return self.names[int(np.argmax(self.vectors @ vector))]


def enrol(clips: Mapping[str, Sequence[np.ndarray]], judge: SpeakerJudge) -> Enrolment:
    """Enrol voices from their recordings [T] at the judge's rate: mean of unit vectors, unit length again.

    Raises:
        InputError: no speaker has a recording.
    """
    names = tuple(sorted(name for name, wavs in clips.items() if wavs))
    if not names:
        raise InputError("speaker enrolment: got no recordings, expected at least one per speaker")
    vectors = []
    for name in names:
        mean = judge.embed(list(clips[name])).mean(axis=0)
        vectors.append(mean / np.linalg.norm(mean))
    return Enrolment(names, np.stack(vectors))


def read_corpus_clips(manifest: Path, rate: int, speakers: set[str]) -> dict[str, list[np.ndarray]]:
    """Read up to eight training recordings for each speaker from a Lhotse manifest, neutral ones first, then in file
    order.

    Enrolment is neutral for everybody, so that a speaker with and one without emotional recordings are judged alike.
    """
    chosen: dict[str, list[tuple[bool, int, Cut]]] = {name: [] for name in speakers}
    for number, cut in enumerate(read_cuts(manifest)):
        one = cut.supervisions[0]
        custom = one.custom or {}
        if one.speaker in chosen and custom.get("split", "train") == "train":
            chosen[one.speaker].append((custom.get("emotion", NEUTRAL) != NEUTRAL, number, cut))
    return {
        name: [audio_of(cut, rate) for *_, cut in sorted(cuts, key=lambda c: c[:2])[:ENROLMENT_CLIPS]]
        for name, cuts in chosen.items()
    }


def read_corpus_sexes(manifest: Path) -> dict[str, str]:
    """Read the sex of the speakers whose manifest rows tell it (custom field `sex`, or Lhotse's gender)."""
    sexes = {}
    for cut in read_cuts(manifest):
        one = cut.supervisions[0]
        sex = (one.custom or {}).get("sex") or one.gender
        if sex:
            sexes[one.speaker] = str(sex).lower()[0]
    return sexes


def read_reference_clips(samples: Sequence[Sample], rate: int) -> dict[str, list[np.ndarray]]:
    """Read each speaker's reference clips: the enrolment of a manifest that brings no training recordings."""
    clips: dict[str, list[np.ndarray]] = {}
    seen: set[Path] = set()
    for one in samples:
        path = one.speaker_reference
        if path is None or path in seen or len(clips.get(one.speaker, [])) >= ENROLMENT_CLIPS:
            continue
        seen.add(path)
        recording = read_recording(path, rate)
        if isinstance(recording, Recording):
            clips.setdefault(one.speaker, []).append(recording.wav)
    return clips


def list_speakers(samples: Sequence[Sample]) -> set[str]:
    """List everybody whose voice is asked about: speakers, and speakers of style clips."""
    return {one.speaker for one in samples} | {one.style_speaker for one in samples if one.style_speaker}
