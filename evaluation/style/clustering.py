"""Do blind clusters agree with emotion, or with the speaker? Secondary to the ABX: clusters also follow loudness.

Agreement scores come from scikit-learn (torchmetrics takes three times as long), as do silhouettes on cosine distances.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from evaluation.style.vectors import ClipLabels

AGREEMENT = ("ami", "ari", "nmi", "v_measure")
SEEDS, STARTS = 10, 20


@dataclass(frozen=True)
class Clustering:
    """Rows of (algorithm, target, score, mean, sd over seeds), intrinsic scores, silhouettes, and reasons for gaps."""

    agreement: tuple[dict[str, Any], ...]
    intrinsic: dict[str, float]
    silhouette: dict[str, float]
    notes: tuple[str, ...]

    def ami(self, target: str) -> float:
        """Return the mean AMI of k-means against "emotion" or "speaker"; NaN when it was not measured."""
        rows = [r for r in self.agreement if r["algorithm"] == "k-means" and r["target"] == target]
        return float(rows[0]["ami"]) if rows else float("nan")


def clustering(
    points: NDArray[np.float64],
    distances: NDArray[np.float64],
    labels: ClipLabels,
    seeds: int = SEEDS,
    starts: int = STARTS,
) -> Clustering:
    """Cluster `points` [N, D] by k-means (k = emotions, several seeds) and average linkage, and hold the clusters
    against both labels.
    """
    emotion = np.unique(labels.emotion, return_inverse=True)[1]
    speaker = np.unique(labels.speaker, return_inverse=True)[1]
    targets = {"emotion": emotion, "speaker": speaker}
    k = int(emotion.max()) + 1
    if np.unique(points, axis=0).shape[0] < k:
        return Clustering((), {}, {}, (f"fewer than {k} distinct vectors: nothing to cluster",))
    found = {"k-means": _k_means(points, k, seeds, starts), "agglomerative": [_agglomerative(distances, k)]}
    rows = []
    for algorithm, clusters in found.items():
        for target, truth in targets.items():
            scores = np.array([_agreement(one, truth) for one in clusters])
            rows.append({"algorithm": algorithm, "target": target, "seeds": len(clusters)}
                        | dict(zip(AGREEMENT, scores.mean(0).tolist(), strict=True))
                        | {"ami_sd": float(scores[:, 0].std())})  # fmt: skip
    intrinsic: dict[str, float] = {}
    for target, truth in targets.items():
        intrinsic |= _intrinsic(points, truth, target)
    silhouette, notes = _silhouettes(distances, emotion, speaker)
    return Clustering(tuple(rows), intrinsic, silhouette, notes)


def _k_means(points: NDArray[np.float64], k: int, seeds: int, starts: int) -> list[NDArray[np.int64]]:
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    # vectors may hold fewer distinct points than clusters in a start; the agreement scores show it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return [KMeans(k, n_init=starts, random_state=seed).fit_predict(points) for seed in range(seeds)]


def _agglomerative(distances: NDArray[np.float64], k: int) -> NDArray[np.int64]:
    from sklearn.cluster import AgglomerativeClustering

    return AgglomerativeClustering(k, metric="precomputed", linkage="average").fit_predict(distances)


def _agreement(clusters: NDArray[np.int64], truth: NDArray[np.int64]) -> list[float]:
    from sklearn.metrics import (
        adjusted_mutual_info_score,
        adjusted_rand_score,
        normalized_mutual_info_score,
        v_measure_score,
    )

    scores = (adjusted_mutual_info_score, adjusted_rand_score, normalized_mutual_info_score, v_measure_score)
    return [float(score(truth, clusters)) for score in scores]


def _intrinsic(points: NDArray[np.float64], truth: NDArray[np.int64], target: str) -> dict[str, float]:
    """Davies-Bouldin (lower is tighter) and Calinski-Harabasz (higher is tighter) of the true labels."""
    from torchmetrics.functional.clustering import calinski_harabasz_score, davies_bouldin_score

    data, labels = torch.from_numpy(points), torch.from_numpy(truth.astype(np.int64))
    return {
        f"davies_bouldin_{target}": float(davies_bouldin_score(data, labels)),
        f"calinski_harabasz_{target}": float(calinski_harabasz_score(data, labels)),
    }


def _silhouettes(
    distances: NDArray[np.float64], emotion: NDArray[np.int64], speaker: NDArray[np.int64]
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Silhouette by emotion, by speaker, and by emotion inside each speaker (mean over speakers)."""
    from sklearn.metrics import silhouette_score

    found = {
        "emotion": float(silhouette_score(distances, emotion, metric="precomputed")),
        "speaker": float(silhouette_score(distances, speaker, metric="precomputed")),
    }
    inside, left_out = [], 0
    for s in np.unique(speaker):
        own = np.flatnonzero(speaker == s)
        if 2 <= np.unique(emotion[own]).size < own.size:
            inside.append(silhouette_score(distances[np.ix_(own, own)], emotion[own], metric="precomputed"))
        else:
            left_out += 1
    found["emotion in speaker"] = float(np.mean(inside)) if inside else float("nan")
    note = f"silhouette inside speaker: {left_out} speakers left out (one emotion, or one item per emotion)"
    return found, (note,) if left_out else ()
