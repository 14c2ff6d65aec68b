"""First questions to style vectors: is the emotion in them for unknown speakers, and does the speaker leak?

Linear probes only, each with its chance level; `evaluation.style` asks the full set of questions.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from evaluation.figures import Figure
from evaluation.judges.contract import JudgeCard
from evaluation.statistics import bootstrap_ratio, missing
from evaluation.tables import figure
from sovits_lab.types import InputError, got

PROBE = JudgeCard(name="linear probe", version="logistic regression, C=0.01, balanced", construct="emotion", rate=0)
NEEDED = ("vectors", "speaker", "emotion", "text")


class StyleVectors(NamedTuple):
    """Style vectors [N, D] with the speaker, emotion and text of the clip that each one comes from, [N].

    `level` is the clip's level in dBFS [N], or None where it is not known.
    """

    vectors: np.ndarray
    speaker: np.ndarray
    emotion: np.ndarray
    text: np.ndarray
    level: np.ndarray | None = None


def read_style_vectors(path: Path) -> StyleVectors:
    """Read `style_vectors.npz` (arrays vectors, speaker, emotion, text, and level where it is known).

    Raises:
        InputError: an array is missing, lengths differ, or a vector is not finite.
    """
    with np.load(path, allow_pickle=False) as archive:
        lacking = [name for name in NEEDED if name not in archive]
        if lacking:
            raise got(f"style vectors {path}, arrays", sorted(archive), f"also {', '.join(lacking)}")
        found = StyleVectors(**{name: archive[name] for name in StyleVectors._fields if name in archive})
    lengths = {name: len(value) for name, value in found._asdict().items() if value is not None}
    if len(set(lengths.values())) != 1:
        raise got(f"style vectors {path}, lengths", lengths, "equal lengths")
    if not np.isfinite(found.vectors).all() or (found.level is not None and not np.isfinite(found.level).all()):
        raise InputError(f"style vectors {path}: some values are not finite")
    return found


def held_out_accuracy(vectors: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Whether each vector's label is predicted by a probe that saw no vector of its fold, [N] of 0, 1 or NaN.

    NaN where the training part has fewer than two labels or lacks the label asked for: such a question is unfair.
    Standardisation is fitted inside each fold.
    """
    right = np.full(len(labels), np.nan)
    for fold in np.unique(folds):
        test, train = folds == fold, folds != fold
        known = np.unique(labels[train])
        if len(known) < 2:
            continue
        probe = make_pipeline(
            StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=2000, random_state=0)
        )
        fair = test & np.isin(labels, known)
        if fair.any():
            right[fair] = probe.fit(vectors[train], labels[train]).predict(vectors[fair]) == labels[fair]
    return right


def probe_figures(style: StyleVectors) -> list[Figure]:
    """Emotion with the speaker held out, speaker with the emotion held out, speaker with the text held out.

    Where the clips' levels are known, the emotion is also asked of the level alone (and its square): what that answers
    is no merit of the vectors.
    """
    made = [
        _figure("style_emotion", style, style.emotion, style.speaker),
        _figure("style_speaker_leak", style, style.speaker, style.emotion),
        _figure("style_speaker_leak_within_emotion", style, style.speaker, style.text),
    ]
    if style.level is not None:
        level = np.stack([style.level, style.level**2], axis=1)
        alone = style._replace(vectors=level)
        made.append(_figure("style_emotion_level_alone", alone, style.emotion, style.speaker))
    leak = made[1]
    if leak.value is not None and leak.truth is not None:
        above = {key: v - leak.truth for key in ("value", "low", "high") if (v := getattr(leak, key)) is not None}
        made.append(Figure(**{**vars(leak), **above, "name": "style_speaker_leak_above_chance", "truth": 0.0}))
    return made


def _figure(name: str, style: StyleVectors, labels: np.ndarray, folds: np.ndarray) -> Figure:
    """Balanced accuracy; `truth` carries the chance level, one over the number of labels."""
    right = held_out_accuracy(style.vectors, labels, folds)
    asked = np.isfinite(right)
    if not asked.any():
        found = missing(f"held-out folds leave nothing to learn from ({len(np.unique(labels))} labels)")
        return figure(name, found, PROBE)
    chosen = labels[asked]
    _, index, counts = np.unique(chosen, return_inverse=True, return_counts=True)
    weights = 1 / counts[index]  # every class weighs the same, however many vectors it has
    found = bootstrap_ratio(right[asked] * weights, weights, style.speaker[asked], style.text[asked])
    return figure(name, found, PROBE, truth=1 / len(np.unique(labels)))
