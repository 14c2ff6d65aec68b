"""Real recordings to hold outputs against, and an emotion judge trained on them, never on the voice that it judges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.real_speech.clips import LabelledClip, TrimmedClip, load_clip, read_corpus
from evaluation.real_speech.signature import measure_manner, measure_signature
from evaluation.scoring.samples import NEUTRAL, Sample
from evaluation.statistics.linear_probe import make_probe
from sovits_lab.types import InputError, got

FEWEST_RECORDINGS = 8


@dataclass(frozen=True)
class ClipFeatures:
    """Features of recordings: signature [N, 5], what the probe hears [N, 18], labels, and where each path is."""

    signature: NDArray[np.float64]
    vectors: NDArray[np.float64]
    speaker: NDArray[np.str_]
    emotion: NDArray[np.str_]
    text: NDArray[np.str_]
    row: dict[Path, int]
    left_out: tuple[str, ...]


def measure_clips(clips: Sequence[LabelledClip]) -> ClipFeatures:
    """Measure clips once for each path; those that cannot be used are left out by name."""
    unique = {clip.path: clip for clip in clips}
    kept: list[tuple[LabelledClip, TrimmedClip]] = []
    left_out = []
    for clip in unique.values():
        try:
            kept.append((clip, load_clip(clip)))
        except InputError as error:
            left_out.append(str(error))
    return ClipFeatures(
        np.array([measure_signature(sound.normalised) for _, sound in kept]).reshape(len(kept), -1),
        np.array([measure_manner(sound.normalised) for _, sound in kept]).reshape(len(kept), -1),
        np.array([clip.speaker for clip, _ in kept], dtype=np.str_),
        np.array([clip.emotion for clip, _ in kept], dtype=np.str_),
        np.array([clip.text for clip, _ in kept], dtype=np.str_),
        {clip.path: index for index, (clip, _) in enumerate(kept)},
        tuple(left_out),
    )


def list_real_clips(samples: Sequence[Sample], corpus: Path | None) -> list[LabelledClip]:
    """List the true recordings and style references named by the samples, and those of a corpus folder."""
    clips = read_corpus(corpus) if corpus is not None else []
    for one in samples:
        if one.truth is not None:
            clips.append(LabelledClip(one.truth, one.speaker, one.emotion, one.text))
        if one.truth_neutral is not None:
            clips.append(LabelledClip(one.truth_neutral, one.speaker, NEUTRAL, one.text))
        if one.style_reference is not None and one.style_speaker:
            clips.append(LabelledClip(one.style_reference, one.style_speaker, one.emotion, one.prompt_text))
    if len({clip.path for clip in clips}) < FEWEST_RECORDINGS:
        raise got("real recordings", len({clip.path for clip in clips}), f"at least {FEWEST_RECORDINGS}: truths in the "
                  "samples, or corpus=FOLDER")  # fmt: skip
    return clips


def list_output_clips(samples: Sequence[Sample]) -> list[LabelledClip]:
    """List the outputs that exist."""
    return [LabelledClip(one.wav, one.speaker, one.emotion, one.text) for one in samples if one.wav is not None]


class EmotionProbe:
    """Logistic regression on real recordings of other speakers; one fit per set of speakers left out.

    Raises InputError when real recordings hold one emotion only.
    """

    def __init__(self, real: ClipFeatures) -> None:
        self.real = real
        self.emotions = tuple(np.unique(real.emotion).tolist())
        if len(self.emotions) < 2:
            raise got("emotions of the real recordings", len(self.emotions), "at least 2")
        self._models: dict[frozenset[str], tuple[object, tuple[str, ...]]] = {}

    def probabilities(self, vectors: NDArray[np.float64], without: frozenset[str]) -> NDArray[np.float64] | None:
        """Predict P(emotion) [N, emotions] by a probe that was not taught by the speakers `without`; None when too
        little is left.
        """
        if without not in self._models:
            train = ~np.isin(self.real.speaker, list(without))
            classes = np.unique(self.real.emotion[train])
            if classes.size < 2 or np.unique(self.real.speaker[train]).size < 2:
                return None
            model = make_probe().fit(self.real.vectors[train], self.real.emotion[train])
            self._models[without] = (model, tuple(classes.tolist()))
        model, known = self._models[without]
        found = np.zeros((len(vectors), len(self.emotions)))
        columns = [self.emotions.index(name) for name in known]
        found[:, columns] = model.predict_proba(vectors)  # type: ignore[attr-defined]
        return found
