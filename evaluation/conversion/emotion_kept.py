"""Is the emotion of the source still there? ABX against recordings of third speakers, beside the source's own ABX.

    A, B: recordings of one third speaker, A with the emotion of X, B with another one
    X: the conversion, then its source

X counts as right where it is nearer to A. The source is asked the same questions, with the same A and B: its answers
are those of a perfect conversion. Distances are Euclidean between features without each voice's own mean, in units of
its own spread, so that who speaks helps nobody. Ties count half; chance is one half.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.statistics import Interval, bootstrap_interval, bootstrap_ratio, missing

FLOOR = 1e-3
CHANCE = 0.5
Vectors = NDArray[np.float64]


class ComparedClips(NamedTuple):
    """Features [N, D] of clips, and for each its voice, its emotion and its words."""

    vectors: Vectors
    voices: Sequence[str]
    emotions: Sequence[str]
    texts: Sequence[str]


class EmotionKept(NamedTuple):
    """ABX of outputs and of sources, 0 to 1; their ratio; the ratio of what both have above chance."""

    output: Interval
    source: Interval
    share: Interval
    above_chance: float | None


def scaled_by_voice(clips: ComparedClips) -> ComparedClips:
    """Take each voice's mean and spread out of the features."""
    voices, vectors = np.array(clips.voices), clips.vectors.copy()
    for name in set(clips.voices):
        own = voices == name
        vectors[own] = (vectors[own] - vectors[own].mean(0)) / (vectors[own].std(0) + FLOOR)
    return clips._replace(vectors=vectors)


def compare_emotions(
    outputs: ComparedClips, sources: ComparedClips, real: ComparedClips, speakers: Sequence[str], targets: Sequence[str]
) -> EmotionKept:
    """Ask outputs and sources the same questions.

    Args:
        outputs, sources: scaled by voice; row i of both is one conversion.
        real: recordings to compare with, scaled by voice.
        speakers: who spoke each source; no comparison is with this voice or the target's.
        targets: whose voice each output has.
    """
    rows = []
    for i, (who, target) in enumerate(zip(speakers, targets, strict=True)):
        asked = [
            _nearer(outputs.vectors[i], sources.vectors[i], *pair)
            for voice in sorted(set(real.voices) - {who, target})
            for pair in _sides(real, voice, outputs.emotions[i], outputs.texts[i])
        ]
        rows.append(np.mean(asked, axis=0) if asked else np.full(2, np.nan))
    scores = np.array(rows).reshape(-1, 2)
    usable = np.flatnonzero(np.isfinite(scores).all(1))
    if not usable.size:
        none = missing("no third speaker has both this emotion and another one")
        return EmotionKept(none, none, none, None)
    made, own = scores[usable].T
    names, texts = [speakers[int(i)] for i in usable], [outputs.texts[int(i)] for i in usable]
    above = float(own.mean() - CHANCE)
    return EmotionKept(
        bootstrap_interval(made, names, texts),
        bootstrap_interval(own, names, texts),
        bootstrap_ratio(made, own, names, texts),
        float(made.mean() - CHANCE) / above if above > 0 else None,
    )


def _sides(real: ComparedClips, voice: str, emotion: str, text: str) -> list[tuple[Vectors, Vectors]]:
    """A and each kind of B of one voice, in other words than X where there are any."""
    rows = [i for i, name in enumerate(real.voices) if name == voice]
    rows = [i for i in rows if real.texts[i] != text] or rows
    kinds = {label: [i for i in rows if real.emotions[i] == label] for label in {real.emotions[i] for i in rows}}
    near = kinds.pop(emotion, [])
    return [(real.vectors[near], real.vectors[far]) for _, far in sorted(kinds.items())] if near else []


def _nearer(output: Vectors, source: Vectors, near: Vectors, far: Vectors) -> tuple[float, float]:
    """Share of pairs of A and B in which the output, and the source, is nearer to A."""

    def share(x: Vectors) -> float:
        a, b = (np.linalg.norm(side - x, axis=1) for side in (near, far))
        return float(np.mean((a[:, None] < b) + 0.5 * (a[:, None] == b)))

    return share(output), share(source)
