"""One encoder on trial: every statistic of the protocol on one set of vectors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.statistics import Interval, adjust, missing
from evaluation.statistics.linear_probe import leave_one_out
from evaluation.style.abx import AbxCells, AbxResult, abx_cells, summarise
from evaluation.style.clustering import Clustering, clustering
from evaluation.style.distance import compress_vectors, distances_of, level_removed, neutral_anchored, speaker_centred
from evaluation.style.probes import (
    MANY_TEXTS,
    Probe,
    permute_labels,
    probe_emotion,
    probe_leaks,
    run_probe,
)
from evaluation.style.retrieval import Retrieval, retrieval
from evaluation.style.variance import VarianceShare, variance_share
from evaluation.style.vectors import ClipLabels, StyleVectors, refuse_unless_testable, thin_vectors

MOST_ITEMS = 5000  # distances of 5000 items are 200 MB


@dataclass(frozen=True)
class ResamplingPlan:
    """How much work: resamples, permutations of labels (R2 and probe), of labels with the whole ABX, k-means seeds."""

    resamples: int = 1000
    permutations: int = 999
    abx_permutations: int = 199
    cluster_seeds: int = 10
    cluster_starts: int = 20
    neutral: str = "neutral"
    seed: int = 0


@dataclass(frozen=True)
class PerEmotion:
    """ABX in percent of the pairs with this emotion, of the pairs without it, and the probe's recall."""

    emotion: str
    with_it: Interval
    without_it: Interval
    recall: float


@dataclass(frozen=True)
class Trial:
    """All results of one encoder on one kind of audio. ABX, probes and retrieval are in percent."""

    name: str
    audio: str
    items: int
    dimensions: int
    speakers: int
    emotions: tuple[str, ...]
    abx: dict[str, AbxResult]
    per_emotion: tuple[PerEmotion, ...]
    probes: tuple[Probe, ...]
    shares: tuple[VarianceShare, ...]
    clusters: Clustering
    retrieval: Retrieval
    variants: dict[str, dict[str, Interval]]
    p: dict[str, float]
    p_holm: dict[str, float]
    notes: tuple[str, ...] = field(default=())

    def probe(self, start: str) -> Probe:
        """Find the probe whose name starts so."""
        return next(one for one in self.probes if one.name.startswith(start))

    def share(self, factor: str) -> VarianceShare:
        """Find the variance share of a factor."""
        return next(one for one in self.shares if one.factor == factor)

    def row(self) -> dict[str, Any]:
        """Return everything as plain values for JSON."""
        return {
            "encoder": self.name,
            "audio": self.audio,
            "items": self.items,
            "dimensions": self.dimensions,
            "speakers": self.speakers,
            "emotions": list(self.emotions),
            "abx": {name: result.interval.row() for name, result in self.abx.items()},
            "per_emotion": [
                {"emotion": e.emotion, "abx_with": e.with_it.row(), "abx_without": e.without_it.row(),
                 "recall": None if np.isnan(e.recall) else e.recall}
                for e in self.per_emotion
            ],
            "probes": [one.row() for one in self.probes],
            "variance": [one.row() for one in self.shares],
            "clusters": {"agreement": list(self.clusters.agreement), "intrinsic": self.clusters.intrinsic,
                         "silhouette": self.clusters.silhouette},
            "retrieval": {"r_precision": self.retrieval.r_precision.row(), "map_at_r": self.retrieval.map_at_r.row(),
                          "chance": self.retrieval.chance},
            "variants": {v: {k: i.row() for k, i in found.items()} for v, found in self.variants.items()},
            "p": self.p,
            "p_holm": self.p_holm,
            "notes": list(self.notes) + list(self.clusters.notes),
        }  # fmt: skip


def encode_labels(labels: NDArray[np.str_]) -> NDArray[np.int64]:
    """Encode labels as integers 0..levels-1."""
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def try_vectors(style: StyleVectors, plan: ResamplingPlan | None = None) -> Trial:
    """Run the whole protocol on one set of vectors. Raises InputError when the labels do not allow it."""
    plan = plan or ResamplingPlan()
    refuse_unless_testable(style.labels)
    cells = np.unique(style.labels.speaker).size * np.unique(style.labels.emotion).size
    if len(style.labels) > MOST_ITEMS:
        style = thin_vectors(style, max(4, MOST_ITEMS // cells), plan.seed)
    labels, notes = style.labels, list(style.notes)
    points = compress_vectors(style.vectors)
    distances = distances_of(points)
    emotion_cells = emotion_abx_cells(distances, labels)
    abx = {"emotion": emotion_result(emotion_cells, labels, plan)} | leak_abx(distances, labels, plan)
    probes = (*probe_emotion(style.vectors, labels), *probe_leaks(style.vectors, labels))
    shares = tuple(
        variance_share(factor, points, getattr(labels, factor), getattr(labels, inside), plan.permutations, plan.seed)
        for factor, inside in (("emotion", "speaker"), ("speaker", "emotion"), ("text", "speaker"))
    )
    p = {
        "abx_emotion": _abx_p(distances, labels, abx["emotion"].interval.estimate, plan),
        "uar": permute_labels(probes[0], labels.speaker, max(plan.permutations, 99), plan.seed),
        "r2_emotion": shares[0].p,
    }
    if emotion_cells.same_text > 0:
        notes.append(f"ABX: {emotion_cells.same_text:.0%} of X had no A and B of another text")
    return Trial(
        style.name,
        style.audio,
        len(labels),
        style.vectors.shape[1],
        np.unique(labels.speaker).size,
        tuple(np.unique(labels.emotion).tolist()),
        abx,
        _per_emotion(emotion_cells, labels, probes[0], plan),
        probes,
        shares,
        clustering(points, distances, labels, plan.cluster_seeds, plan.cluster_starts),
        retrieval(distances, encode_labels(labels.emotion), encode_labels(labels.speaker)),
        _variants(style, plan),
        p,
        {name: one.adjusted for name, one in adjust(p, primaries=list(p)).items()},
        tuple(notes),
    )


def emotion_abx_cells(distances: NDArray[np.float64], labels: ClipLabels) -> AbxCells:
    """Compute emotion ABX across speakers, X of another text where possible."""
    apart = encode_labels(labels.text) if labels.known("text") else None
    return abx_cells(distances, encode_labels(labels.emotion), encode_labels(labels.speaker), apart)


def emotion_result(cells: AbxCells, labels: ClipLabels, plan: ResamplingPlan) -> AbxResult:
    """Average emotion ABX with its speaker bootstrap, two-way with texts when there are at least eight."""
    texts = np.unique(labels.text).size if labels.known("text") else 0
    speakers = np.unique(labels.speaker).size
    return summarise(cells, cells.g1, cells.g2, speakers, plan.resamples, plan.seed, texts)


def leak_abx(distances: NDArray[np.float64], labels: ClipLabels, plan: ResamplingPlan) -> dict[str, AbxResult]:
    """Measure ABX of speaker across emotions, and of text across speakers (the 40 most frequent texts at most)."""
    speakers = np.unique(labels.speaker).size
    who, text = encode_labels(labels.speaker), encode_labels(labels.text)
    apart = text if labels.known("text") else None
    cells = abx_cells(distances, who, encode_labels(labels.emotion), apart)
    found = {"speaker": summarise(cells, cells.c1, cells.c2, speakers, plan.resamples, plan.seed)}
    if apart is None:
        return found | {"text": AbxResult(missing("texts are not given, or there is one only"), np.zeros(0))}
    common = np.argsort(-np.bincount(text), kind="stable")[:MANY_TEXTS]
    keep = np.flatnonzero(np.isin(text, common))
    cells = abx_cells(distances[np.ix_(keep, keep)], text[keep], who[keep], encode_labels(labels.emotion)[keep])
    return found | {"text": summarise(cells, cells.g1, cells.g2, speakers, plan.resamples, plan.seed)}


def _per_emotion(cells: AbxCells, labels: ClipLabels, found: Probe, plan: ResamplingPlan) -> tuple[PerEmotion, ...]:
    """A mean can hide that only one emotion works: the pairs with and without each emotion."""
    recall = dict(zip(found.classes, found.recall, strict=True))
    rows = []
    for index, emotion in enumerate(np.unique(labels.emotion).tolist()):
        involved = (cells.c1 == index) | (cells.c2 == index)
        parts = [emotion_result(cells.pick(keep), labels, plan).interval for keep in (involved, ~involved)]
        rows.append(PerEmotion(emotion, parts[0], parts[1], recall.get(emotion, float("nan"))))
    return tuple(rows)


def shuffled_inside(labels: NDArray[Any], groups: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """Permute labels inside each group."""
    result = labels.copy()
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        result[rows] = rng.permutation(labels[rows])
    return result


def _abx_p(distances: NDArray[np.float64], labels: ClipLabels, observed: float, plan: ResamplingPlan) -> float:
    """Permutation p of the emotion ABX, emotions shuffled inside speakers; NaN when no permutations were asked for."""
    if plan.abx_permutations == 0 or np.isnan(observed):
        return float("nan")
    rng = np.random.default_rng(plan.seed)
    emotion, who = encode_labels(labels.emotion), encode_labels(labels.speaker)
    apart = encode_labels(labels.text) if labels.known("text") else None
    reached = 0
    for _ in range(plan.abx_permutations):
        null = abx_cells(distances, shuffled_inside(emotion, who, rng), who, apart)
        reached += 100 * float(null.score.mean()) >= observed - 1e-9
    return (1 + reached) / (1 + plan.abx_permutations)


def _variants(style: StyleVectors, plan: ResamplingPlan) -> dict[str, dict[str, Interval]]:
    """Emotion ABX and probe for neutral-anchored vectors, speaker-centred ones (diagnostic) and without the level."""
    labels = style.labels
    found: dict[str, dict[str, Interval]] = {}
    anchored, keep = neutral_anchored(style.vectors, labels, plan.neutral)
    rest = labels.pick(keep)
    if keep.any() and np.unique(rest.emotion).size >= 2 and np.unique(rest.speaker).size >= 3:
        found["neutral-anchored"] = _two(anchored[keep], rest, plan)
    else:
        reason = missing(f"fewer than 3 speakers with emotion '{plan.neutral}' and two others")
        found["neutral-anchored"] = {"abx_emotion": reason, "uar": reason}
    found["speaker-centred (diagnostic)"] = _two(speaker_centred(style.vectors, labels), labels, plan)
    if labels.level is not None and labels.level.std() > 1e-9:
        found["level removed"] = _two(level_removed(style.vectors, labels.level), labels, plan)
    else:
        reason = missing("levels are not given")
        found["level removed"] = {"abx_emotion": reason, "uar": reason}
    return found


def _two(vectors: NDArray[np.float64], labels: ClipLabels, plan: ResamplingPlan) -> dict[str, Interval]:
    cells = emotion_abx_cells(distances_of(compress_vectors(vectors)), labels)
    uar = run_probe("uar", vectors, labels.emotion, leave_one_out(labels.speaker), labels.speaker)
    return {"abx_emotion": emotion_result(cells, labels, plan).interval, "uar": uar.interval}
