"""Planted vectors: codes whose truth is known, on a full design of speakers, emotions, texts and takes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.style.vectors import ClipLabels, StyleVectors, make_labels

EMOTIONS = ("anger", "fear", "happiness", "neutral", "sadness", "surprise", "disgust", "calm")


class PlantedDesign(NamedTuple):
    """Codes of a full crossed design [N] each, and its labels."""

    speaker: NDArray[np.int64]
    emotion: NDArray[np.int64]
    text: NDArray[np.int64]
    labels: ClipLabels


def make_design(speakers: int = 8, emotions: int = 5, texts: int = 3, takes: int = 2, seed: int = 0) -> PlantedDesign:
    """Make a design in which every speaker says every text in every emotion `takes` times; odd speakers are female;
    levels are unrelated.
    """
    who, what, text, take = (axis.ravel() for axis in np.indices((speakers, emotions, texts, takes)))
    labels = make_labels(
        who.size,
        speaker=[f"s{i:02d}" for i in who],
        emotion=[EMOTIONS[i] for i in what],
        text=[f"t{i}" for i in text],
        sex=["F" if i % 2 else "M" for i in who],
        take=[str(i) for i in take],
        level=np.random.default_rng(seed).normal(-26, 4, who.size),
    )
    return PlantedDesign(who, what, text, labels)


def noise(design: PlantedDesign, size: int, sd: float, seed: int) -> NDArray[np.float64]:
    """Draw Gaussian noise [N, size]."""
    return np.random.default_rng(seed).normal(0, sd, (design.speaker.size, size))


def random_code(design: PlantedDesign, seed: int = 0) -> StyleVectors:
    """Make vectors that know nothing."""
    return StyleVectors("random", noise(design, 64, 1.0, seed), design.labels)


def speaker_code(design: PlantedDesign, seed: int = 0) -> StyleVectors:
    """Make one-hot speakers: vectors that know the speaker and nothing else."""
    del seed  # the code has no randomness
    return StyleVectors("one-hot speaker", np.eye(design.speaker.max() + 1)[design.speaker], design.labels)


def emotion_code(design: PlantedDesign, seed: int = 0) -> StyleVectors:
    """Make one-hot emotions plus noise: what every style encoder wants to be."""
    code = np.eye(design.emotion.max() + 1)[design.emotion]
    return StyleVectors("one-hot emotion + noise", code + noise(design, code.shape[1], 0.15, seed), design.labels)


def product_code(design: PlantedDesign, seed: int = 0) -> StyleVectors:
    """Draw a random code per (speaker, emotion): tidy clusters inside each speaker that mean nothing
    for another one.
    """
    cells = design.speaker * (design.emotion.max() + 1) + design.emotion
    table = np.random.default_rng(seed).normal(size=(cells.max() + 1, 256))
    return StyleVectors("emotion x speaker", table[cells] + noise(design, 256, 0.05, seed + 1), design.labels)


def loudness_code(design: PlantedDesign, seed: int = 0) -> StyleVectors:
    """Make vectors that follow the level, while the level follows the emotion: loudness passing for emotion."""
    rng = np.random.default_rng(seed)
    level = -30.0 + 5.0 * design.emotion + rng.normal(0, 1.5, design.emotion.size)
    labels = make_labels(
        level.size,
        **{name: getattr(design.labels, name) for name in ("speaker", "emotion", "text", "sex", "take")},
        level=level,
    )
    direction = rng.normal(size=16)
    vectors = level[:, None] * direction + noise(design, 16, 1.0, seed + 1)
    return StyleVectors("loudness only", vectors, labels)


def anger_code(design: PlantedDesign, seed: int = 0) -> StyleVectors:
    """Make vectors that tell anger from the rest and nothing more."""
    code = (design.emotion == 0).astype(np.float64)[:, None] * np.ones(4)
    return StyleVectors("anger only", code + noise(design, 4, 0.1, seed), design.labels)


def text_code(design: PlantedDesign, seed: int = 0) -> StyleVectors:
    """Make one-hot texts plus noise: content leaking into style."""
    code = np.eye(design.text.max() + 1)[design.text]
    return StyleVectors("one-hot text + noise", code + noise(design, code.shape[1], 0.15, seed), design.labels)
