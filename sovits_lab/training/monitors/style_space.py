"""What the style vectors of a model in training look like: do they differ, in how many directions, and by what?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightning
import numpy as np
from numpy.typing import NDArray

from sovits_lab.reporting import Reporter
from sovits_lab.training.monitors.probe_set import ProbeSet, ProbeSetCallback
from sovits_lab.training.monitors.style_clips import Styled, styles

Vectors = NDArray[np.floating]
LEAST_SPREAD = 0.01  # below it the style has collapsed
SHUFFLES = 100


class StyleSpace(ProbeSetCallback):
    """Figures of the style vectors of clips that are not trained on, as `style/...`, and an alarm.

    | name | meaning |
    |---|---|
    | `spread` | size of the deviations from the mean, as a share of the vectors' size |
    | `effective_rank` | exp of the entropy of the covariance's spectrum (Roy & Vetterli 2007): 1 is a line |
    | `active_units` | dimensions with more than 1 % of the variance of the widest (after Burda et al. 2016) |
    | `emotion_share`, `speaker_share` | of the variance, what lies between emotions, between speakers |
    | `..._chance` | what 95 % of shuffled labels stay below |
    | `emotion_distance` | mean distance between clips of different emotions over that within one |

    The picture shows each dimension (row) in each emotion (column), in deviations: which dimension says what. The alarm
    is one line, once: all clips have the same style, or emotions are no further apart than by chance.

    Args:
        every, each, clips, report: see `ProbeSetCallback`.
        alarm_from: first step at which an alarm may be raised.
    """

    name = "style"

    def __init__(
        self,
        every: int,
        each: int = 4,
        alarm_from: int = 500,
        *,
        clips: ProbeSet,
        report: Reporter,
    ) -> None:
        super().__init__(every, each, clips=clips, report=report)
        self.alarm_from, self.alarmed = alarm_from, False

    def state_dict(self) -> dict[str, Any]:
        """Save whether the alarm was raised, so that a continued run does not raise it again."""
        return {"alarmed": self.alarmed}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """See `state_dict`."""
        self.alarmed = bool(state_dict["alarmed"])

    def look(self, task: lightning.LightningModule, step: int) -> Mapping[str, float]:
        """Measure all figures; none for a task without style or without clips."""
        if not isinstance(task, Styled) or not task.reference.takes_clips or len(self.rows) < 2:
            return {}
        vectors = styles(task.reference, self.store, self.rows)
        if not np.isfinite(vectors).all():
            return {}  # the training's own guard stops it
        labels = {name: np.array([getattr(self.store.rows[i], name) for i in self.rows])
                  for name in ("emotion", "speaker")}  # fmt: skip
        figures = shape(vectors)
        for name, label in labels.items():
            figures[f"{name}_share"] = between(vectors, label)
            figures[f"{name}_share_chance"] = chance(vectors, label)
        figures["emotion_distance"] = distance_ratio(vectors, labels["emotion"])
        self._alarm(figures, step)
        self.report.picture("style-dimensions", step, *_picture(vectors, labels["emotion"]))
        return {f"style/{name}": value for name, value in figures.items()}

    def _alarm(self, figures: Mapping[str, float], step: int) -> None:
        if self.alarmed or step < self.alarm_from:
            return
        if figures["spread"] < LEAST_SPREAD:
            self._say(f"at step {step} the style has collapsed: clips differ by {figures['spread']:.1%} of their size")
        elif figures["emotion_share"] <= figures["emotion_share_chance"]:
            share, by_chance = figures["emotion_share"], figures["emotion_share_chance"]
            self._say(f"at step {step} the style knows no emotion: {share:.1%} of its variance lies between emotions, "
                      f"by chance up to {by_chance:.1%}")  # fmt: skip

    def _say(self, text: str) -> None:
        self.alarmed = True
        self.report.say(text)


def shape(vectors: Vectors) -> dict[str, float]:
    """Measure spread, effective rank and active units of [N, Y]."""
    deviations = vectors - vectors.mean(0)
    variances = deviations.var(0)
    size = float(np.sqrt(np.square(vectors).sum(1).mean()))
    spectrum = np.linalg.svd(deviations, compute_uv=False) ** 2
    share = spectrum / max(spectrum.sum(), 1e-30)
    entropy = -float((share * np.log(np.maximum(share, 1e-30))).sum())
    return {
        "spread": float(np.sqrt(variances.sum())) / max(size, 1e-30),
        "effective_rank": float(np.exp(entropy)),
        "active_units": float((variances > 0.01 * max(variances.max(), 1e-30)).sum()),
    }


def between(vectors: Vectors, label: NDArray[Any]) -> float:
    """Return the share of the variance of [N, Y] that lies between the labels; 0 where there is no variance."""
    names, which, count = np.unique(label, return_inverse=True, return_counts=True)
    deviations = vectors - vectors.mean(0)
    sums = np.zeros((len(names), vectors.shape[1]))
    np.add.at(sums, which, deviations)
    return float((np.square(sums) / count[:, None]).sum() / max(np.square(deviations).sum(), 1e-30))


def chance(vectors: Vectors, label: NDArray[Any]) -> float:
    """Return the share that 95 % of shuffled labels stay below; the same shuffles at every call."""
    rng = np.random.default_rng(0)
    return float(np.quantile([between(vectors, rng.permutation(label)) for _ in range(SHUFFLES)], 0.95))


def distance_ratio(vectors: Vectors, label: NDArray[Any]) -> float:
    """Divide the mean distance of pairs with different labels by that of pairs with the same; 1 says nothing."""
    squares = np.square(vectors).sum(1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * vectors @ vectors.T, 0))
    same = label[:, None] == label
    pairs = ~np.eye(len(label), dtype=bool)
    if same.all() or not (same & pairs).any():
        return float("nan")
    return float(distances[~same].mean() / max(distances[same & pairs].mean(), 1e-30))


def _picture(vectors: Vectors, emotion: NDArray[Any], size: int = 12) -> tuple[NDArray[np.floating], str]:
    z = (vectors - vectors.mean(0)) / np.maximum(vectors.std(0), 1e-12)
    names = np.unique(emotion)
    means = np.stack([z[emotion == name].mean(0) for name in names], axis=1)
    caption = "dimensions of style, left to right: " + ", ".join(map(str, names))
    return np.kron(means, np.ones((size, 2 * size))), caption
