"""Vectors with labels: what the protocol tries, where it is read from, and when it refuses."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sovits_lab.files import load_archive
from sovits_lab.types import InputError, got

FEWEST_SPEAKERS, FEWEST_EMOTIONS, FEWEST_PER_EMOTION = 4, 3, 2
LABELS = ("speaker", "emotion", "text", "language", "sex", "take")
REQUIRED = ("speaker", "emotion")


@dataclass(frozen=True)
class ClipLabels:
    """One label per item and factor [N]; an absent factor holds one empty string for all. `level` is dBFS or None."""

    speaker: NDArray[np.str_]
    emotion: NDArray[np.str_]
    text: NDArray[np.str_]
    language: NDArray[np.str_]
    sex: NDArray[np.str_]
    take: NDArray[np.str_]
    level: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return self.speaker.size

    def pick(self, index: NDArray[Any]) -> ClipLabels:
        """Choose the labels of some items, by mask or indices."""
        chosen = {name: getattr(self, name)[index] for name in LABELS}
        return ClipLabels(**chosen, level=None if self.level is None else self.level[index])

    def known(self, factor: str) -> bool:
        """Tell whether the factor takes at least two values."""
        return np.unique(getattr(self, factor)).size > 1


@dataclass(frozen=True)
class StyleVectors:
    """Vectors of one encoder [N, D] and their labels.

    `audio` says from which audio: "normalised" (trimmed, -26 dBFS), "raw", or "given" when vectors came from a file.
    """

    name: str
    vectors: NDArray[np.float64]
    labels: ClipLabels
    audio: str = "given"
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        shape = self.vectors.shape
        if len(shape) != 2 or shape[0] != len(self.labels):
            raise got(f"vectors of {self.name}", f"shape {shape}", f"[{len(self.labels)}, D], one row per label")
        bad = np.flatnonzero(~np.isfinite(self.vectors).all(axis=1))
        if bad.size:
            raise got(f"vectors of {self.name}", f"{bad.size} rows with NaN or infinity, first {bad[0]}", "finite rows")

    def pick(self, index: NDArray[Any]) -> StyleVectors:
        """Choose some of the items."""
        return replace(self, vectors=self.vectors[index], labels=self.labels.pick(index))


def make_labels(n: int, **given: Any) -> ClipLabels:
    """Make labels from lists or arrays; what is not given is one empty label for every item.

    Raises InputError when speaker or emotion is missing, or a list has another length than `n`.
    """
    columns: dict[str, Any] = {}
    for name in LABELS:
        values = given.get(name)
        if values is None:
            if name in REQUIRED:
                raise got(f"labels '{name}'", "none", "one label per vector")
            values = [""] * n
        columns[name] = np.array([str(value) for value in values])
        if columns[name].shape != (n,):
            raise got(f"labels '{name}'", f"shape {columns[name].shape}", f"{n} labels, one per vector")
    level = given.get("level")
    columns["level"] = None if level is None else np.asarray(level, dtype=np.float64)
    if level is not None and columns["level"].shape != (n,):
        raise got("labels 'level'", f"shape {columns['level'].shape}", f"{n} levels, one per vector")
    return ClipLabels(**columns)


def count_cells(labels: ClipLabels) -> dict[str, dict[str, int]]:
    """Count items per speaker and emotion, zeros included."""
    counts = Counter(zip(labels.speaker.tolist(), labels.emotion.tolist(), strict=True))
    emotions = np.unique(labels.emotion).tolist()
    return {who: {what: counts[who, what] for what in emotions} for who in np.unique(labels.speaker).tolist()}


def refuse_unless_testable(labels: ClipLabels) -> None:
    """Refuse labels with fewer than 4 speakers, 3 emotions, or 2 speakers for an emotion."""
    speakers, emotions = np.unique(labels.speaker), np.unique(labels.emotion)
    if speakers.size < FEWEST_SPEAKERS:
        raise got("speakers", speakers.size, f"at least {FEWEST_SPEAKERS}: whether style carries over speakers cannot "
                  "be seen with fewer")  # fmt: skip
    if emotions.size < FEWEST_EMOTIONS:
        raise got("emotions", emotions.size, f"at least {FEWEST_EMOTIONS}")
    for emotion in emotions:
        n = np.unique(labels.speaker[labels.emotion == emotion]).size
        if n < FEWEST_PER_EMOTION:
            raise got(f"speakers of emotion '{emotion}'", n, f"at least {FEWEST_PER_EMOTION}; leave the emotion out")


def load_vectors(path: Path) -> list[StyleVectors]:
    """Read an .npz: `vectors` [N, D] (headline) and optionally `vectors_raw`, `speaker`, `emotion`, and the others.

    Raises InputError when the file is missing, holds pickled objects, or lacks an array.
    """
    if not path.is_file():
        raise got("vectors", path, "an .npz file")
    try:
        arrays = load_archive(path, "vectors")
    except InputError as error:
        raise InputError(f"{error}; save text labels as unicode arrays") from error
    if "vectors" not in arrays:
        raise got(f"vectors {path}", f"arrays {sorted(arrays)}", "an array named 'vectors' [N, D]")
    vectors = np.asarray(arrays["vectors"], dtype=np.float64)
    labels = make_labels(len(vectors), **{k: arrays[k] for k in (*LABELS, "level") if k in arrays})
    audio = "normalised" if "vectors_raw" in arrays else "given"
    found = [StyleVectors(path.stem, vectors, labels, audio)]
    if "vectors_raw" in arrays:
        found.append(StyleVectors(path.stem, np.asarray(arrays["vectors_raw"], dtype=np.float64), labels, "raw"))
    return found


def read_style_vectors(path: Path) -> StyleVectors:
    """Read the style vectors of a run, as precise as they were written, with speaker, emotion and text.

    Raises:
        InputError: the file is damaged, an array is missing, lengths differ, or a vector or level is not finite.
    """
    archive = load_archive(path, "style vectors")
    if lacking := [name for name in ("vectors", *REQUIRED, "text") if name not in archive]:
        raise got(f"style vectors {path}, arrays", sorted(archive), f"also {', '.join(lacking)}")
    arrays = {name: archive[name] for name in ("vectors", *LABELS, "level") if name in archive}
    vectors = arrays.pop("vectors")
    style = StyleVectors(path.stem, vectors, make_labels(len(vectors), **arrays))
    if style.labels.level is not None and not np.isfinite(style.labels.level).all():
        raise InputError(f"style vectors {path}: some levels are not finite")
    return style


def save_vectors(path: Path, vectors: StyleVectors) -> None:
    """Write an .npz that `load_vectors` reads."""
    columns: dict[str, Any] = {name: getattr(vectors.labels, name) for name in LABELS}
    if vectors.labels.level is not None:
        columns["level"] = vectors.labels.level
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, vectors=vectors.vectors, **columns)


def thin_vectors(vectors: StyleVectors, per_cell: int, seed: int = 0) -> StyleVectors:
    """Draw at most `per_cell` items of each (speaker, emotion) at random; the note says how many were left out."""
    rng = np.random.default_rng(seed)
    _, cells = np.unique(np.stack([vectors.labels.speaker, vectors.labels.emotion]), axis=1, return_inverse=True)
    keep = []
    for cell in range(int(cells.max()) + 1):
        members = np.flatnonzero(cells.reshape(-1) == cell)
        keep.append(members if members.size <= per_cell else np.sort(rng.choice(members, per_cell, replace=False)))
    index = np.sort(np.concatenate(keep))
    if index.size == len(vectors.labels):
        return vectors
    note = f"{index.size} of {len(vectors.labels)} items: at most {per_cell} per speaker and emotion"
    return replace(vectors.pick(index), notes=(*vectors.notes, note))
