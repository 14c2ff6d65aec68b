"""Baseline vectors of a corpus, computed once and kept: the cache is keyed by the files and by the encoder's recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from evaluation.real_speech.clips import LabelledClip, TrimmedClip, corpus_key, load_clip
from evaluation.style.baselines import Absent, Encoder, encoders, one_hot_speaker, random_vectors
from evaluation.style.vectors import ClipLabels, StyleVectors, load_vectors, make_labels, save_vectors
from sovits_lab.types import InputError, got

RECIPE = "trim, -26 dBFS, 1"
Say = Callable[[str], None]


def label_clips(clips: list[LabelledClip], level: list[float] | None = None) -> ClipLabels:
    """Make the labels of clips, with levels where they were measured."""
    columns = {name: [getattr(clip, name) for clip in clips] for name in
               ("speaker", "emotion", "text", "language", "sex", "take")}  # fmt: skip
    return make_labels(len(clips), **columns, level=level)


class AudibleClips(NamedTuple):
    """Clips that could be heard with their sounds and labels, and what was left out and why."""

    clips: list[LabelledClip]
    sounds: list[TrimmedClip]
    labels: ClipLabels
    left_out: list[str]


def load_clips(clips: list[LabelledClip]) -> AudibleClips:
    """Load every clip; one that cannot be used is left out by name. InputError when more than a tenth is lost."""
    kept, sounds, left_out = [], [], []
    for clip in clips:
        try:
            sound = load_clip(clip)
        except InputError as error:
            left_out.append(str(error))
            continue
        kept.append(clip)
        sounds.append(sound)
    if not kept or len(left_out) > 0.1 * len(clips):
        raise got("usable clips", f"{len(kept)} of {len(clips)}", f"at least nine in ten; first: {left_out[0]}"
                  if left_out else "at least one")  # fmt: skip
    return AudibleClips(kept, sounds, label_clips(kept, [sound.level for sound in sounds]), left_out)


def compute_baselines(
    audible: AudibleClips, cache: Path | None, ecapa: Path | None, say: Say
) -> tuple[list[StyleVectors], list[str]]:
    """Compute every baseline on normalised and on raw audio, random and one-hot once; also the reasons of the absent
    ones.
    """
    labels = audible.labels
    found = [
        StyleVectors("random", random_vectors(len(labels)), labels),
        StyleVectors("one-hot speaker", one_hot_speaker(labels.speaker), labels),
    ]
    absent = []
    for encoder in encoders(ecapa):
        if isinstance(encoder, Absent):
            absent.append(f"{encoder.name}: {encoder.reason}")
            continue
        for audio in ("raw",) if encoder.name == "level" else ("normalised", "raw"):
            found.append(_cached(encoder, audible, audio, cache, say))
    return found, absent


def _cached(encoder: Encoder, audible: AudibleClips, audio: str, cache: Path | None, say: Say) -> StyleVectors:
    key = corpus_key(audible.clips, f"{RECIPE} {encoder.name} {encoder.recipe} {audio}")
    path = None if cache is None else cache / f"{encoder.name.replace(' ', '_')}-{audio}-{key}.npz"
    if path is not None and path.is_file():
        vectors = load_vectors(path)[0].vectors
        return StyleVectors(encoder.name, vectors, audible.labels, audio)
    say(f"{encoder.name}, {audio} audio: {len(audible.sounds)} clips")
    vectors = np.stack([encoder.encode(getattr(sound, audio)) for sound in audible.sounds])
    style = StyleVectors(encoder.name, vectors, audible.labels, audio)
    if path is not None:
        save_vectors(path, style)
    return style
