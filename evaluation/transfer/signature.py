"""Does a system change a voice the way people do? Change against own neutral, compared with real speakers' change.

Both are vectors in units of real variation (z). Per emotion and speaker the cosine says whether the direction is right,
and the slope (projection over the real length) how much of the way it went. The ceiling is the same between people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.real_speech.signature import NAMES
from evaluation.statistics import Interval, bootstrap_interval, missing

NEUTRAL = "neutral"
Vectors = NDArray[np.float64]
Words = NDArray[np.str_]


@dataclass(frozen=True)
class Changes:
    """Mean change against own neutral of every (speaker, emotion) [K, 5], with what could not be formed."""

    speaker: Words
    emotion: Words
    change: Vectors
    items: NDArray[np.int64]
    notes: tuple[str, ...] = ()

    def of(self, emotion: str) -> tuple[Words, Vectors]:
        """Return the speakers and their changes for one emotion."""
        chosen = self.emotion == emotion
        return self.speaker[chosen], self.change[chosen]


@dataclass(frozen=True)
class SignatureAgreement:
    """One emotion: cosine and slope of the system against real speech, the real ceiling, and the mean changes."""

    emotion: str
    cosine: Interval
    slope: Interval
    ceiling: Interval
    system: dict[str, float]
    real: dict[str, Interval]

    def row(self) -> dict[str, Any]:
        """Return the agreement as plain values."""
        return {"emotion": self.emotion, "cosine": self.cosine.row(), "slope": self.slope.row(),
                "ceiling": self.ceiling.row(), "system": self.system,
                "real": {k: v.row() for k, v in self.real.items()}}  # fmt: skip


def measure_changes(
    features: Vectors,
    speaker: Words,
    emotion: Words,
    text: Words,
    failed: Sequence[tuple[str, str]] = (),
) -> Changes:
    """Measure the change of each item against the same speaker's neutral of the same text (of any text where that is
    missing).

    Args:
        failed: (speaker, emotion) of outputs that do not exist: they changed nothing, a zero vector each.
    """
    usable = np.isfinite(features).all(axis=1)
    dropped = int((~usable).sum())
    notes = [f"{dropped} recordings with too few voiced frames left out"] if dropped else []
    collected: dict[tuple[str, str], list[Vectors]] = {}
    for index in np.flatnonzero(usable & (emotion != NEUTRAL)):
        own = usable & (speaker == speaker[index]) & (emotion == NEUTRAL)
        still = own & (text == text[index]) if (own & (text == text[index])).any() else own
        if still.any():
            change = features[index] - features[still].mean(axis=0)
            collected.setdefault((str(speaker[index]), str(emotion[index])), []).append(change)
    for key in failed:
        if key[1] != NEUTRAL:
            collected.setdefault(key, []).append(np.zeros(len(NAMES)))
    lost = {str(s) for s in speaker[usable & (emotion != NEUTRAL)]} - {who for who, _ in collected}
    if lost:
        notes.append(f"no neutral recording of {', '.join(sorted(lost))}")
    keys = sorted(collected)
    return Changes(
        np.array([who for who, _ in keys], dtype=np.str_),
        np.array([what for _, what in keys], dtype=np.str_),
        np.array([np.mean(collected[key], axis=0) for key in keys]).reshape(len(keys), len(NAMES)),
        np.array([len(collected[key]) for key in keys], dtype=np.int64),
        tuple(notes),
    )


def real_scale(features: Vectors, speaker: Words) -> Vectors:
    """Measure one standard deviation of real recordings around their speaker's mean [5]: the unit of
    all comparisons.
    """
    usable = np.isfinite(features).all(axis=1)
    rest = features[usable].copy()
    for who in np.unique(speaker[usable]):
        own = speaker[usable] == who
        rest[own] -= rest[own].mean(axis=0)
    return np.maximum(rest.std(axis=0), 1e-9)


def measure_likeness(system: Changes, real: Changes, scale: Vectors) -> list[SignatureAgreement]:
    """Compare the system's changes with real ones, emotion by emotion; real speech of the timbre speaker himself is
    left out.
    """
    return [_one(emotion, system, real, scale) for emotion in np.unique(system.emotion).tolist()]


def _one(emotion: str, system: Changes, real: Changes, scale: Vectors) -> SignatureAgreement:
    who, ours = system.of(emotion)
    people, theirs = real.of(emotion)
    moved = {name: float(value) for name, value in zip(NAMES, ours.mean(axis=0), strict=True)}
    if people.size == 0:
        nothing = missing(f"no real recording of '{emotion}' with a neutral one of the same speaker")
        return SignatureAgreement(emotion, nothing, nothing, nothing, moved, {})
    compared = [
        _against(vector / scale, theirs[_others(people, name)] / scale) for name, vector in zip(who, ours, strict=True)
    ]
    ceiling = missing("one real speaker only")
    if people.size > 1:
        peers = [_against(theirs[i] / scale, np.delete(theirs, i, axis=0) / scale) for i in range(people.size)]
        ceiling = bootstrap_interval([cosine for cosine, _ in peers], people)
    return SignatureAgreement(
        emotion,
        bootstrap_interval([cosine for cosine, _ in compared], who),
        bootstrap_interval([slope for _, slope in compared], who),
        ceiling,
        moved,
        {name: bootstrap_interval(theirs[:, i], people) for i, name in enumerate(NAMES)},
    )


def _others(people: Words, name: str) -> NDArray[np.bool_]:
    others = people != name
    return others if others.any() else np.ones(people.size, dtype=bool)


def _against(vector: Vectors, real: Vectors) -> tuple[float, float]:
    """Cosine and slope of one change against the mean real change."""
    target = real.mean(axis=0)
    length = float(np.linalg.norm(target))
    size = float(np.linalg.norm(vector))
    dot = float(vector @ target)
    return (dot / (size * length) if size * length > 0 else 0.0, dot / length**2 if length > 0 else 0.0)
