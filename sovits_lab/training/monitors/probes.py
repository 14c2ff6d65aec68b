"""Linear probes while a model trains: what can be read out of vectors, and what chance would give.

They are quick relatives of `evaluation.style.probes`: the same classifier and folds, no intervals.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FOLDS = 4


class Leaks(NamedTuple):
    """Mean recalls from 0 to 1. `chance` is one divided by the number of classes."""

    emotion: float
    emotion_chance: float
    speaker: float
    speaker_chance: float

    def named(self, prefix: str) -> dict[str, float]:
        """Name the figures as metrics."""
        return {f"{prefix}_{name}": value for name, value in self._asdict().items()}


def leaks(vectors: NDArray[np.floating], speakers: Sequence[str], emotions: Sequence[str]) -> Leaks:
    """Return the emotion of speakers whom the probe has not heard; speaker in an emotion that it has not heard.

    Args:
        vectors: [N, D].
        speakers, emotions: of each; NaN where there are not two of each.
    """
    who, how = np.asarray(speakers), np.asarray(emotions)
    names = np.unique(who)
    quarter = {name: number % FOLDS for number, name in enumerate(names)}
    return Leaks(
        recall(vectors, how, np.array([quarter[name] for name in who])),
        1 / len(np.unique(how)),
        recall(vectors, who, np.unique(how, return_inverse=True)[1]),
        1 / len(names),
    )


def recall(vectors: NDArray[np.floating], target: NDArray[Any], groups: NDArray[np.integer]) -> float:
    """Measure mean recall over classes of a logistic regression that has not seen the group that it is tested on."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    hits = np.full(len(target), np.nan)
    for train, test in _without_each(groups):
        if len(np.unique(target[train])) > 1:
            model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=200))
            hits[test] = model.fit(vectors[train], target[train]).predict(vectors[test]) == target[test]
    tested = ~np.isnan(hits)
    if not tested.any():
        return float("nan")
    return float(np.mean([hits[tested & (target == name)].mean() for name in np.unique(target[tested])]))


def _without_each(groups: NDArray[np.integer]) -> Iterator[tuple[NDArray[np.integer], NDArray[np.integer]]]:
    for group in np.unique(groups):
        yield np.flatnonzero(groups != group), np.flatnonzero(groups == group)
