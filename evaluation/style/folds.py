"""Figures of cross-validated encoders: every speaker tried in the space of the one encoder that never heard him.

Spaces of different encoders cannot be compared, so ABX pairs unheard speakers of one fold, and a probe reads the space
of one encoder. Cells and predictions of all folds are pooled; intervals resample the speakers of all folds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.scoring.estimates import Estimate, Requirement
from evaluation.statistics.linear_probe import Fold, predict_held_out
from evaluation.style.abx import AbxCells, abx_cells, summarise
from evaluation.style.distance import compress_vectors, distances_of, level_removed
from evaluation.style.first_probes import PROBE
from evaluation.style.probes import score_predictions
from evaluation.style.scores import ABX, estimate_from_row, write_scores
from evaluation.style.trial import encode_labels
from evaluation.style.vectors import ClipLabels, StyleVectors, load_vectors
from sovits_lab.reporting import Reporter
from sovits_lab.types import got

Mask = NDArray[np.bool_]
GROUPS = ("all", "raw")  # of the arrays `vectors` and `vectors_raw`


class ScoreFolds:
    """Read the folds' vectors of the `vectors` input; write `scores.json` and `measurements.jsonl`.

    Groups are as `ScoreStyle`'s. The probe of `style_emotion` is trained on all other speakers, as that of vectors that
    need no training; in group `unheard` on the fold's other unheard speakers alone. `style_speaker_leak` tells the
    unheard speakers of a fold apart.

    Args:
        bars: arguments of `evaluation.scoring.estimates.Bar`.
        untouched: speakers, whole folds of them, on whom no choice of the design was made; group `untouched` is theirs.
    """

    resumable = False

    def __init__(self, bars: Sequence[Mapping[str, Any]] = (), untouched: Sequence[str] = ()) -> None:
        self.bars, self.untouched = [Requirement(**bar) for bar in bars], list(untouched)

    def run(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> None:
        """Read `vectors`; write the figures."""
        kinds, unheard = read_folds(inputs["vectors"])
        labels = kinds[0][0].labels
        figures, right = list[Estimate](), np.full(len(labels), np.nan)
        for group, folds in zip(GROUPS, kinds, strict=False):
            predicted = predict_emotions(folds, unheard)
            figures += [*estimate_abx([s.vectors for s in folds], labels, unheard, group),
                        estimate_emotion_probe(labels, predicted, group)]  # fmt: skip
            if group == "all":
                right = (predicted == encode_labels(labels.emotion)).astype(np.float64)
                alone = predict_emotions(folds, unheard, among_unheard=True)
                figures += [estimate_emotion_probe(labels, alone, "unheard"), estimate_leak(folds, unheard)]
                figures += self._untouched(folds, unheard, predicted)
        if labels.level is not None:
            level = [StyleVectors("level", labels.level[:, None], labels, "raw")] * len(unheard)
            rest = [level_removed(style.vectors, labels.level) for style in kinds[-1]]
            figures += [*estimate_abx([s.vectors for s in level], labels, unheard, "level"),
                        estimate_emotion_probe(labels, predict_emotions(level, unheard), "level"),
                        *estimate_abx(rest, labels, unheard, GROUPS[len(kinds) - 1], "_level_removed")]  # fmt: skip
        write_scores(out, figures, self.bars, labels, right, report)

    def _untouched(
        self, folds: Sequence[StyleVectors], unheard: Sequence[Mask], predicted: NDArray[np.int64]
    ) -> list[Estimate]:
        own = np.isin(folds[0].labels.speaker, self.untouched)
        if not own.any():
            return []
        pairs = [(each, mask[own]) for each, mask in zip(folds, unheard, strict=True) if mask[own].any()]
        labels = folds[0].labels.pick(own)
        vectors, masks = [each.vectors[own] for each, _ in pairs], [mask for _, mask in pairs]
        return [
            *estimate_abx(vectors, labels, masks, "untouched"),
            estimate_emotion_probe(labels, predicted[own], "untouched"),
        ]


def read_folds(folder: Path) -> tuple[list[list[StyleVectors]], list[Mask]]:
    """Read the vectors of all clips by each encoder, for each kind of audio, and whose clips each encoder never heard
    [N].

    Raises InputError unless every clip is unheard in exactly one fold, and each fold has two unheard speakers.
    """
    paths = sorted(folder.glob("*.npz"), key=lambda path: int(path.stem))
    if len(paths) < 2:
        raise got(f"folds in {folder}", len(paths), "at least two, 1.npz, 2.npz, ...")
    found = [load_vectors(path) for path in paths]
    unheard = [np.load(path, allow_pickle=False)["unheard"].astype(bool) for path in paths]
    if not (np.sum(unheard, axis=0) == 1).all():
        raise got("folds", "a clip that no encoder, or more than one, has not heard", "each clip unheard in one fold")
    speakers = found[0][0].labels.speaker
    for path, mask in zip(paths, unheard, strict=True):
        if np.unique(speakers[mask]).size < 2:
            raise got(f"unheard speakers of {path.name}", np.unique(speakers[mask]).tolist(), "two or more")
    return [list(each) for each in zip(*found, strict=True)], unheard


def predict_emotions(folds: Sequence[StyleVectors], unheard: Sequence[Mask], among_unheard: bool = False) -> Any:
    """Predict emotion indices [N] by probes trained without the clip's speaker, in the space of his fold's encoder."""
    predicted = np.full(len(folds[0].labels), -1, dtype=np.int64)
    for style, mask in zip(folds, unheard, strict=True):
        who = style.labels.speaker
        splits = [
            Fold(np.flatnonzero((who != speaker) & (mask if among_unheard else True)), np.flatnonzero(who == speaker))
            for speaker in np.unique(who[mask])
        ]
        found = predict_held_out(style.vectors, encode_labels(style.labels.emotion), splits)
        predicted[mask] = found[mask]
    return predicted


def estimate_abx(
    vectors: Sequence[NDArray[np.float64]], labels: ClipLabels, unheard: Sequence[Mask], group: str, suffix: str = ""
) -> list[Estimate]:
    """Estimate emotion ABX, overall and by emotion, and speaker ABX, of unheard clips within each fold."""
    who, emotion, text = encode_labels(labels.speaker), encode_labels(labels.emotion), encode_labels(labels.text)
    apart = text if labels.known("text") else np.arange(len(labels))
    emotions, speakers = list[AbxCells](), list[AbxCells]()
    for each, mask in zip(vectors, unheard, strict=True):
        distances = distances_of(compress_vectors(each[mask]))
        emotions.append(abx_cells(distances, emotion[mask], who[mask], apart[mask]))
        speakers.append(abx_cells(distances, who[mask], emotion[mask], apart[mask]))
    cells, leaks, levels = pool_cells(emotions), pool_cells(speakers), np.unique(who).size
    name = f"style_abx_emotion{suffix}"
    made = [estimate_from_row(name, summarise(cells, cells.g1, cells.g2, levels).interval.row(), ABX, group, 50.0)]
    if suffix:
        return made
    leak = summarise(leaks, leaks.c1, leaks.c2, levels).interval
    made.append(estimate_from_row("style_abx_speaker", leak.row(), ABX, group, 50.0))
    for index, which in enumerate(np.unique(labels.emotion).tolist()):
        own = cells.pick((cells.c1 == index) | (cells.c2 == index))
        made.append(
            estimate_from_row(name, summarise(own, own.g1, own.g2, levels).interval.row(), ABX, group, 50.0, which)
        )
    return made


def pool_cells(parts: Sequence[AbxCells]) -> AbxCells:
    """Pool the cells of all folds; labels must be coded alike."""
    joined = {
        name: np.concatenate([getattr(each, name) for each in parts])
        for name in ("score", "c1", "c2", "g1", "g2", "text")
    }
    share = float(np.mean([each.same_text for each in parts]))
    return replace(parts[0], **joined, triples=sum(each.triples for each in parts), same_text=share)


def estimate_emotion_probe(labels: ClipLabels, predicted: NDArray[np.int64], group: str) -> Estimate:
    """Estimate the unweighted average recall over all speakers."""
    found = score_predictions("emotion, speaker held out", labels.emotion, predicted, labels.speaker)
    return estimate_from_row("style_emotion", found.row(), PROBE.name, group, found.chance)


def estimate_leak(folds: Sequence[StyleVectors], unheard: Sequence[Mask]) -> Estimate:
    """Estimate how often a probe trained without the tested emotion tells which unheard speaker of the fold it is;
    accuracy.
    """
    labels = folds[0].labels
    who, emotion = encode_labels(labels.speaker), labels.emotion
    predicted = np.full(len(labels), -1, dtype=np.int64)
    for style, mask in zip(folds, unheard, strict=True):
        splits = [
            Fold(np.flatnonzero(mask & (emotion != e)), np.flatnonzero(mask & (emotion == e)))
            for e in np.unique(emotion)
        ]
        predicted[mask] = predict_held_out(style.vectors, who, splits)[mask]
    found = score_predictions(
        "speaker, emotion held out", labels.speaker, predicted, labels.speaker, average="accuracy"
    )
    chance = 100 * float(np.mean([1 / np.unique(who[mask]).size for mask in unheard]))
    return estimate_from_row("style_speaker_leak", found.row(), PROBE.name, "all", chance)
