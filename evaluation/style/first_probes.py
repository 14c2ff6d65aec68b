"""First questions to style vectors: is the emotion in them for unknown speakers, and does the speaker leak?

Linear probes only, each with its chance level; `evaluation.style` asks the full set of questions.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import evaluation.style.measures  # noqa: F401  declares what is measured here
from evaluation.scoring.estimates import Estimate
from evaluation.scoring.judge_card import JudgeCard
from evaluation.scoring.tables import make_estimate
from evaluation.statistics import bootstrap_ratio, missing
from evaluation.statistics.linear_probe import leave_one_out, predict_held_out
from evaluation.style.vectors import StyleVectors

PROBE = JudgeCard(name="linear probe", version="logistic regression, C=0.01, balanced", construct="emotion", rate=0)


def score_held_out(vectors: NDArray[Any], labels: NDArray[Any], folds: NDArray[Any]) -> NDArray[np.float64]:
    """Tell whether each vector's label is predicted by a probe that saw no vector of its fold.

    Returns:
        1, 0 or NaN [N]; NaN where the training part has fewer than two labels or lacks the label asked for: such a
        question is unfair.
    """
    names, codes = np.unique(labels, return_inverse=True)
    predicted = predict_held_out(vectors, codes, leave_one_out(folds))
    right = (predicted == codes).astype(np.float64)
    right[predicted < 0] = np.nan
    for code in range(len(names)):
        mine = codes == code
        if len(np.unique(folds[mine])) == 1:  # all in one fold, so its probe never saw the label
            right[mine] = np.nan
    return right


def estimate_probes(style: StyleVectors) -> list[Estimate]:
    """Estimate emotion with the speaker held out, speaker with the emotion held out, speaker with the text held out.

    Where the clips' levels are known, the emotion is also asked of the level alone (and its square): what that answers
    is no merit of the vectors.
    """
    made = [
        _figure("style_emotion", style, style.labels.emotion, style.labels.speaker),
        _figure("style_speaker_leak", style, style.labels.speaker, style.labels.emotion),
        _figure("style_speaker_leak_within_emotion", style, style.labels.speaker, style.labels.text),
    ]
    level = style.labels.level
    if level is not None:
        alone = replace(style, vectors=np.stack([level, level**2], axis=1))
        made.append(_figure("style_emotion_level_alone", alone, style.labels.emotion, style.labels.speaker))
    leak = made[1]
    if leak.value is not None and leak.truth is not None:
        above = {key: v - leak.truth for key in ("value", "low", "high") if (v := getattr(leak, key)) is not None}
        made.append(Estimate(**{**vars(leak), **above, "name": "style_speaker_leak_above_chance", "truth": 0.0}))
    return made


def _figure(name: str, style: StyleVectors, labels: np.ndarray, folds: np.ndarray) -> Estimate:
    """Balanced accuracy; `truth` carries the chance level, one over the number of labels."""
    right = score_held_out(style.vectors, labels, folds)
    asked = np.isfinite(right)
    if not asked.any():
        found = missing(f"held-out folds leave nothing to learn from ({len(np.unique(labels))} labels)")
        return make_estimate(name, found, PROBE)
    chosen = labels[asked]
    _, index, counts = np.unique(chosen, return_inverse=True, return_counts=True)
    weights = 1 / counts[index]  # every class weighs the same, however many vectors it has
    found = bootstrap_ratio(right[asked] * weights, weights, style.labels.speaker[asked], style.labels.text[asked])
    return make_estimate(name, found, PROBE, truth=1 / len(np.unique(labels)))
