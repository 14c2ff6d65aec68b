"""The space in which distances are taken: z-scores per dimension, at most 100 principal components, cosine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluation.style.vectors import ClipLabels

COMPONENTS = 100
Vectors = NDArray[np.float64]


def standardise(vectors: Vectors) -> Vectors:
    """Scale to zero mean and unit variance per dimension; a constant dimension becomes zero. [N, D] -> [N, D]."""
    centred = vectors - vectors.mean(axis=0)
    spread = centred.std(axis=0)
    scale = np.abs(vectors).max(axis=0, initial=0.0)
    constant = spread <= 1e-12 * np.maximum(scale, 1.0)  # rounding is not information
    return np.where(constant, 0.0, centred / np.where(constant, 1.0, spread))


def compress_vectors(vectors: Vectors, components: int = COMPONENTS) -> Vectors:
    """Compute z-scores and, where there are more than `components` dimensions, their principal components. [N, D] ->
    [N, K].
    """
    z = standardise(vectors)
    if z.shape[1] <= components:
        return z
    from sklearn.decomposition import PCA

    return PCA(min(components, len(z)), svd_solver="full").fit_transform(z)


def cosine_distances(points: Vectors) -> Vectors:
    """Compute 1 - cosine between all rows [N, N]; a zero row is at distance 1 from everything."""
    length = np.linalg.norm(points, axis=1, keepdims=True)
    unit = np.divide(points, length, out=np.zeros_like(points), where=length > 1e-12)
    distances = 1.0 - unit @ unit.T
    np.fill_diagonal(distances, 0.0)
    return np.clip(distances, 0.0, 2.0)


def distances_of(points: Vectors) -> Vectors:
    """Compute cosine distances, or absolute differences for a single dimension (the cosine of a scalar is only its
    sign).
    """
    return np.abs(points - points.T) if points.shape[1] == 1 else cosine_distances(points)


def neutral_anchored(
    vectors: Vectors, labels: ClipLabels, neutral: str = "neutral"
) -> tuple[Vectors, NDArray[np.bool_]]:
    """Subtract from each vector its speaker's mean neutral vector; also tell which items stay (not neutral, speaker has
    neutral).
    """
    anchored = np.zeros_like(vectors)
    keep = np.zeros(len(vectors), dtype=bool)
    for speaker in np.unique(labels.speaker):
        own = labels.speaker == speaker
        still = own & (labels.emotion == neutral)
        if still.any():
            anchored[own] = vectors[own] - vectors[still].mean(axis=0)
            keep |= own & ~still
    return anchored, keep


def speaker_centred(vectors: Vectors, labels: ClipLabels) -> Vectors:
    """Subtract from each vector its speaker's mean: a diagnostic only, it sees all emotions of the speaker it is tested
    on.
    """
    centred = vectors.copy()
    for speaker in np.unique(labels.speaker):
        own = labels.speaker == speaker
        centred[own] -= centred[own].mean(axis=0)
    return centred


def level_removed(vectors: Vectors, level: NDArray[np.float64]) -> Vectors:
    """Compute the residuals of every dimension after a cubic polynomial of the level in dB (least squares over all
    items).
    """
    z = (level - level.mean()) / max(float(level.std()), 1e-12)
    basis = np.stack([np.ones_like(z), z, z**2, z**3], axis=1)
    centred = vectors - vectors.mean(axis=0)
    return centred - basis @ np.linalg.lstsq(basis, centred, rcond=None)[0]
