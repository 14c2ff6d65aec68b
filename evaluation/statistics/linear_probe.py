"""The one linear probe: logistic regression behind standardisation, asked about items that it was not trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]


class Fold(NamedTuple):
    """Indices of the items that a probe is trained on, and of those that it is asked about."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]


def make_probe() -> Any:
    """Make an unfitted probe: standardisation, then logistic regression with C = 0.01 and balanced classes."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=2000))


def leave_one_out(groups: NDArray[Any]) -> Iterator[Fold]:
    """Hold out one group at a time."""
    for group in np.unique(groups):
        yield Fold(np.flatnonzero(groups != group), np.flatnonzero(groups == group))


def predict_held_out(vectors: NDArray[Any], labels: Codes, folds: Iterable[Fold]) -> Codes:
    """Predict the class of each item by a probe that was not trained on it.

    Args:
        vectors: [N, D].
        labels: class indices [N].
        folds: what each probe is trained on and asked about.

    Returns:
        Class indices [N]; -1 where no fold asks, or training holds fewer than two classes.
    """
    predicted = np.full(labels.size, -1, dtype=np.int64)
    for train, test in folds:
        if np.unique(labels[train]).size > 1 and test.size:
            predicted[test] = make_probe().fit(vectors[train], labels[train]).predict(vectors[test])
    return predicted
