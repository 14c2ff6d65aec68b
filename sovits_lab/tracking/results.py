"""What a finished stage holds that a dashboard shows: scores, style vectors, a page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

FIGURE_COLUMNS = ("name", "group", "emotion", "strength", "value", "low", "high", "better", "n", "missing", "truth",
                  "judge", "self_graded", "reason")  # fmt: skip
MOST_VECTORS = 2000


class Headline(NamedTuple):
    """One score for the overview: `group/emotion/name`, its value, its 95 % interval, and which way is better."""

    key: str
    value: float
    low: float | None
    high: float | None
    better: str


@dataclass(frozen=True)
class StyleTable:
    """Style vectors [N, D] with what the clips are, and their first two principal components [N, 2]."""

    labels: Mapping[str, list[str]]
    vectors: np.ndarray
    projection: np.ndarray


@dataclass(frozen=True)
class Results:
    """What lies in a stage's folder; empty or None where there is nothing of the kind."""

    figures: list[dict[str, Any]] = field(default_factory=list)
    bars: list[dict[str, Any]] = field(default_factory=list)
    style: StyleTable | None = None
    page: Path | None = None

    @classmethod
    def read(cls, folder: Path) -> Results:
        """Look for `scores.json`, `style_vectors.npz` and `index.html`."""
        scores, vectors, page = (folder / name for name in ("scores.json", "style_vectors.npz", "index.html"))
        content = json.loads(scores.read_text(encoding="utf-8")) if scores.is_file() else {}
        return cls(
            content.get("figures", []),
            content.get("bars", []),
            read_style(vectors) if vectors.is_file() else None,
            page if page.is_file() else None,
        )

    def headlines(self) -> list[Headline]:
        """Select scores over everything, and those that a bar asks for; a strength curve's points stay in the table."""
        asked = {(bar["figure"], bar["group"], bar["emotion"]) for bar in self.bars}
        found = []
        for one in self.figures:
            place = (one["name"], one["group"], one["emotion"])
            wanted = place in asked or place[1:] == ("all", "all")
            if wanted and one["strength"] is None and one["value"] is not None:
                found.append(Headline(headline_key(*place), one["value"], one["low"], one["high"], one["better"]))
        return found

    def bar_rows(self) -> list[dict[str, Any]]:
        """Return the declared bars with what was measured."""
        return [{key: bar[key] for key in ("figure", "group", "emotion", "at_least", "at_most", "value", "reached")}
                for bar in self.bars]  # fmt: skip


def headline_key(name: str, group: str = "all", emotion: str = "all") -> str:
    """Name a score in a service: a dot in a name would be taken for a nested value."""
    return f"scores/{group}/{emotion}/{name.replace('.', '/')}"


def read_style(path: Path) -> StyleTable:
    """Return the style vectors of a run, thinned evenly to at most `MOST_VECTORS`."""
    with np.load(path, allow_pickle=False) as archive:
        every = -(-len(archive["vectors"]) // MOST_VECTORS) or 1
        vectors = np.asarray(archive["vectors"][::every], dtype=np.float64)
        labels = {key: [str(x) for x in archive[key][::every]] for key in ("emotion", "speaker", "text")}
    centred = vectors - vectors.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    return StyleTable(labels, vectors, centred @ axes[:2].T)
