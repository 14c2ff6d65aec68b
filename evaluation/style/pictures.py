"""Pictures: PCA, t-SNE and UMAP coloured by emotion and by speaker, and the disentanglement plane."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evaluation.style.distance import compress_vectors
from evaluation.style.trial import Trial
from evaluation.style.vectors import StyleVectors, thin_vectors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEWEST = 10  # points; fewer make no map
MAPPED = 2000  # points at most: a map of more takes minutes and shows no more


def _pyplot() -> Any:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def projections(points: NDArray[np.float64], seed: int = 0) -> dict[str, NDArray[np.float64]]:
    """Project to the plane [N, 2] by every method, by name; UMAP only where umap-learn is installed."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    wide = points if points.shape[1] > 1 else np.hstack([points, np.zeros_like(points)])
    perplexity = min(30.0, (len(points) - 1) / 3)
    maps = {
        "PCA": PCA(2).fit_transform(wide),
        "t-SNE": TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(wide),
    }
    umap_map = _umap(wide, seed)
    return maps | ({} if umap_map is None else {"UMAP": umap_map})


def _umap(points: NDArray[np.float64], seed: int) -> NDArray[np.float64] | None:
    try:
        from umap import UMAP
    except ImportError:
        return None  # the picture then has no UMAP column
    import torch

    threads = torch.get_num_threads()
    mapper = UMAP(n_neighbors=min(15, len(points) - 1), random_state=seed, n_jobs=1, metric="cosine")
    plane = mapper.fit_transform(points)
    torch.set_num_threads(threads)  # numba's OpenMP raises torch's as well, which then spins on a busy machine
    return plane


def maps_picture(style: StyleVectors, path: Path, seed: int = 0) -> Path | None:
    """Write the maps of one encoder, first row coloured by emotion, second by speaker; None with too few items."""
    if len(style.labels) < FEWEST:
        return None
    cells = np.unique(style.labels.speaker).size * np.unique(style.labels.emotion).size
    style = thin_vectors(style, max(2, MAPPED // cells), seed)
    plt = _pyplot()
    maps = projections(compress_vectors(style.vectors), seed)
    figure, axes = plt.subplots(2, len(maps), figsize=(4.2 * len(maps), 8.4), squeeze=False)
    for column, (name, plane) in enumerate(maps.items()):
        for row, factor in enumerate(("emotion", "speaker")):
            _scatter(axes[row, column], plane, getattr(style.labels, factor))
            axes[row, column].set_title(f"{name}, by {factor}")
    for row in range(2):
        axes[row, -1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=7, markerscale=2)
    figure.suptitle(f"{style.name} ({style.audio} audio)")
    return _saved(figure, path)


def _scatter(axis: Axes, plane: NDArray[np.float64], labels: NDArray[np.str_]) -> None:
    plt = _pyplot()
    names = np.unique(labels)
    colours = plt.get_cmap("tab10" if names.size <= 10 else "gist_ncar")
    for index, name in enumerate(names):
        own = labels == name
        colour = colours(index if names.size <= 10 else index / names.size)
        axis.scatter(plane[own, 0], plane[own, 1], s=6, color=colour, label=name)
    axis.set_xticks([])
    axis.set_yticks([])


def plane_picture(trials: Sequence[Trial], path: Path) -> Path:
    """Draw the disentanglement plane: emotion ABX to the right, speaker ABX upwards; the aim is the
    lower right corner.
    """
    plt = _pyplot()
    figure, axis = plt.subplots(figsize=(7, 6))
    axis.axhline(50, color="0.7", lw=1)
    axis.axvline(50, color="0.7", lw=1)
    axis.axhspan(0, 55, color="tab:green", alpha=0.06)
    for trial in trials:
        emotion, speaker = trial.abx["emotion"].interval, trial.abx["speaker"].interval
        if np.isnan(emotion.estimate) or np.isnan(speaker.estimate):
            continue
        bars = [[[i.estimate - i.low], [i.high - i.estimate]] for i in (emotion, speaker)]
        axis.errorbar(
            emotion.estimate, speaker.estimate, xerr=bars[0], yerr=bars[1], fmt="o" if trial.audio != "raw" else "s",
            ms=5, capsize=2, label=f"{trial.name} ({trial.audio})",
        )  # fmt: skip
    axis.set(xlabel="emotion ABX across speakers, % (50 = none)", ylabel="speaker ABX across emotions, % (50 = none)")
    axis.set_xlim(min(45, axis.get_xlim()[0]), None)
    axis.set_ylim(45, 102)
    axis.legend(fontsize=7, loc="best")
    axis.set_title("Disentanglement plane, 95 % intervals over speakers")
    return _saved(figure, path)


def _saved(figure: Any, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, bbox_inches="tight")
    _pyplot().close(figure)
    return path
