"""Linear probes: what can be read out of the vectors, for people the reader has never heard.

Logistic regression (C = 0.01, balanced classes), all preprocessing inside the fold. The score is the unweighted average
recall (UAR) in percent or the accuracy; its interval resamples speakers and keeps each item's held-out prediction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.statistics.intervals import Interval, missing
from evaluation.statistics.linear_probe import Codes, Fold, leave_one_out, predict_held_out
from evaluation.style.vectors import ClipLabels

MANY_TEXTS = 40  # more classes than this make a probe of texts slow and say no more


@dataclass(frozen=True)
class Probe:
    """One probe. `truth` and `predicted` are class indices of the `tested` items; `recall` is per class, in percent."""

    name: str
    interval: Interval
    chance: float
    classes: tuple[str, ...] = ()
    recall: tuple[float, ...] = ()
    truth: Codes | None = None
    predicted: Codes | None = None
    tested: Codes | None = None
    draws: NDArray[np.float64] | None = None

    def row(self) -> dict[str, Any]:
        """Return name, interval, chance and recall per class."""
        recall = dict(zip(self.classes, self.recall, strict=True))
        return {"probe": self.name, **self.interval.row(), "chance": self.chance, "recall": recall}


def absent_probe(name: str, reason: str) -> Probe:
    """Make a probe that could not be run, with the reason."""
    return Probe(name, missing(reason), float("nan"))


def leave_pair_out(groups: NDArray[Any], others: NDArray[Any]) -> Iterator[Fold]:
    """Test on one (group, other) cell; train on items that share neither, for example neither speaker nor text."""
    for group in np.unique(groups):
        for other in np.unique(others[groups == group]):
            test = np.flatnonzero((groups == group) & (others == other))
            yield Fold(np.flatnonzero((groups != group) & (others != other)), test)


def random_folds(n: int) -> Iterator[Fold]:
    """Make five random folds: what must not be reported as generalisation; shown as the inflation."""
    order = np.random.default_rng(0).permutation(n)
    for part in np.array_split(order, 5):
        yield Fold(np.setdiff1d(order, part), np.sort(part))


def run_probe(
    name: str,
    vectors: NDArray[np.float64],
    target: NDArray[np.str_],
    folds: Iterator[Fold],
    speakers: NDArray[np.str_],
    average: str = "uar",
    n: int = 1000,
) -> Probe:
    """Probe `target` [N] from `vectors` [N, D]; the interval is a speaker-cluster bootstrap of the predictions."""
    classes, truth = np.unique(target, return_inverse=True)
    if classes.size < 2:
        return absent_probe(name, f"one class only ({classes[0] or 'not given'})")
    return score_predictions(name, target, predict_held_out(vectors, truth, folds), speakers, average, n)


def score_predictions(
    name: str,
    target: NDArray[np.str_],
    predicted: Codes,
    speakers: NDArray[np.str_],
    average: str = "uar",
    n: int = 1000,
) -> Probe:
    """Score a probe by what it predicted: indices [N] into the sorted labels of `target`, -1 where it was not asked."""
    classes, truth = np.unique(target, return_inverse=True)
    tested = np.flatnonzero(predicted >= 0)
    if tested.size == 0:
        return absent_probe(name, "no fold has two classes to train on")
    names, who = np.unique(speakers[tested], return_inverse=True)
    hits = np.zeros((names.size, classes.size))
    items = np.zeros((names.size, classes.size))
    np.add.at(hits, (who, truth[tested]), predicted[tested] == truth[tested])
    np.add.at(items, (who, truth[tested]), 1.0)
    drawn = np.random.default_rng(0).multinomial(names.size, np.full(names.size, 1 / names.size), size=n)
    draws = _score(drawn @ hits, drawn @ items, average)
    estimate = float(_score(hits.sum(0)[None], items.sum(0)[None], average)[0])
    low, high = np.nanquantile(draws, [0.025, 0.975])
    present = items.sum(0) > 0
    recall = np.where(present, 100 * hits.sum(0) / np.maximum(items.sum(0), 1), np.nan)
    return Probe(
        name,
        Interval(estimate, float(low), float(high), tested.size, names.size),
        100 / classes.size,
        tuple(classes[present].tolist()),
        tuple(recall[present].tolist()),
        truth[tested],
        predicted[tested],
        tested,
        draws,
    )


def _score(hits: NDArray[np.float64], items: NDArray[np.float64], average: str) -> NDArray[np.float64]:
    """UAR or accuracy in percent of counts [n, classes]; classes absent from a resample do not count."""
    if average == "accuracy":
        return 100 * hits.sum(1) / items.sum(1)
    recall = np.divide(hits, items, out=np.full(hits.shape, np.nan), where=items > 0)
    return 100 * np.nanmean(recall, axis=1)


def probe_emotion(vectors: NDArray[np.float64], labels: ClipLabels) -> list[Probe]:
    """Probe emotion: leave one speaker out (headline), one speaker and one text out, and random folds
    (the inflation).
    """
    who, emotion = labels.speaker, labels.emotion
    found = [run_probe("emotion, speaker held out", vectors, emotion, leave_one_out(who), who)]
    name = "emotion, speaker and text held out"
    if not labels.known("text"):
        found.append(absent_probe(name, "texts are not given, or there is one only"))
    elif np.unique(labels.text).size > MANY_TEXTS:
        found.append(absent_probe(name, f"{np.unique(labels.text).size} texts: too many folds, at most {MANY_TEXTS}"))
    else:
        found.append(run_probe(name, vectors, emotion, leave_pair_out(who, labels.text), who))
    found.append(run_probe("emotion, random folds (inflated)", vectors, emotion, random_folds(len(who)), who))
    return found


def probe_leaks(vectors: NDArray[np.float64], labels: ClipLabels) -> list[Probe]:
    """Probe speaker (trained without the tested emotion), sex, text, language (each without the tested speaker) and
    level.
    """
    who = labels.speaker
    found = [
        run_probe("speaker, emotion held out", vectors, who, leave_one_out(labels.emotion), who, average="accuracy")
    ]
    for factor in ("sex", "text", "language"):
        name = f"{factor}, speaker held out"
        target = getattr(labels, factor)
        if not labels.known(factor):
            found.append(absent_probe(name, f"{factor} is not given, or there is one only"))
        elif np.unique(target).size > MANY_TEXTS:
            found.append(absent_probe(name, f"{np.unique(target).size} classes: at most {MANY_TEXTS} are probed"))
        else:
            found.append(run_probe(name, vectors, target, leave_one_out(who), who))
    found.append(probe_level(vectors, labels))
    return found


def probe_level(vectors: NDArray[np.float64], labels: ClipLabels) -> Probe:
    """Measure the share of the level's variance (dB) that ridge regression predicts for held-out speakers, percent;
    chance 0.
    """
    name = "level, speaker held out (R2)"
    if labels.level is None:
        return absent_probe(name, "levels are not given")
    if float(labels.level.std()) < 1e-9:
        return absent_probe(name, "all levels are the same")
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    predicted = np.zeros_like(labels.level)
    for train, test in leave_one_out(labels.speaker):
        model = make_pipeline(StandardScaler(), Ridge(alpha=100.0)).fit(vectors[train], labels.level[train])
        predicted[test] = model.predict(vectors[test])
    names, who = np.unique(labels.speaker, return_inverse=True)
    errors = np.bincount(who, weights=(labels.level - predicted) ** 2)
    spread = np.bincount(who, weights=(labels.level - labels.level.mean()) ** 2)
    drawn = np.random.default_rng(0).multinomial(names.size, np.full(names.size, 1 / names.size), size=1000)
    draws = 100 * (1 - drawn @ errors / (drawn @ spread))
    low, high = np.quantile(draws, [0.025, 0.975])
    estimate = 100 * float(1 - errors.sum() / spread.sum())
    return Probe(name, Interval(estimate, float(low), float(high), who.size, names.size), 0.0)


def permute_labels(found: Probe, speakers: NDArray[np.str_], permutations: int = 999, seed: int = 0) -> float:
    """Compute p of "the held-out predictions know nothing": true labels shuffled inside each speaker against fixed
    predictions.

    Predictions for a speaker never used his labels, so shuffling them inside the speaker keeps the null exact per
    speaker. NaN for a probe that could not be made.
    """
    if found.truth is None or found.predicted is None or found.tested is None:
        return float("nan")
    rng = np.random.default_rng(seed)
    truth, who = found.truth, speakers[found.tested]
    order = np.argsort(who, kind="stable")
    truth, predicted, who = truth[order], found.predicted[order], who[order]
    observed = _mean_recall(truth[None], predicted)[0]
    bounds = [np.flatnonzero(who == name) for name in np.unique(who)]
    shuffled = np.tile(truth, (permutations, 1))
    for rows in bounds:
        shuffled[:, rows] = rng.permuted(shuffled[:, rows], axis=1)
    return float((1 + (_mean_recall(shuffled, predicted) >= observed - 1e-12).sum()) / (1 + permutations))


def _mean_recall(truth: Codes, predicted: Codes) -> NDArray[np.float64]:
    """UAR of each row of shuffled labels [n, N]."""
    recalls = []
    for c in np.unique(truth[0]):
        members = truth == c
        recalls.append((members & (predicted == c)).sum(1) / np.maximum(members.sum(1), 1))
    return np.mean(recalls, axis=0)
