"""The transfer matrix: every output with what the emotion probe heard, how far it came from neutral, and who won."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.real_speech.emotion_probe import ClipFeatures, EmotionProbe
from evaluation.scoring.samples import NEUTRAL, Sample
from evaluation.statistics import Interval, bootstrap_interval, missing


@dataclass(frozen=True)
class JudgedOutput:
    """One output on trial.

    hit: 1 when the probe hears the asked emotion (0 for a failed output). p: its probability. gain: likeness to the
    style source minus likeness to the style speaker's neutral speech (cosine of probe features; 0 for a failed output).
    truth_hit, truth_gain: the same of the true recording, the ceiling. None values have their reason.
    """

    sample: Sample
    recognised: str
    hit: float | None
    p: float | None
    gain: float | None
    truth_hit: float | None
    truth_gain: float | None
    reason: str = ""


def judge_outputs(
    samples: Sequence[Sample], outputs: ClipFeatures, real: ClipFeatures, probe: EmotionProbe
) -> list[JudgedOutput]:
    """Judge every sample; the probe was taught neither by the timbre speaker nor by the style speaker."""
    centre = real.vectors.mean(axis=0)
    spread = np.maximum(real.vectors.std(axis=0), 1e-9)

    def z(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        return (vectors - centre) / spread

    return [_judge(one, outputs, real, probe, z) for one in samples]


Scale = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def _judge(one: Sample, outputs: ClipFeatures, real: ClipFeatures, probe: EmotionProbe, z: Scale) -> JudgedOutput:
    without = frozenset(name for name in (one.speaker, one.style_speaker) if name)
    truth_hit = truth_gain = None
    if one.truth is not None and one.truth in real.row:
        true = real.vectors[real.row[one.truth]]
        found = probe.probabilities(true[None], without)
        truth_hit = None if found is None else float(probe.emotions[int(found[0].argmax())] == one.emotion)
        truth_gain = _gain(one, z(true), real, z)[0]
    if one.wav is None or one.wav not in outputs.row:
        return JudgedOutput(one, "", 0.0, 0.0, 0.0, truth_hit, truth_gain, "no usable output: scored as worst")
    if one.emotion not in probe.emotions:
        return JudgedOutput(one, "", None, None, None, truth_hit, truth_gain, f"no real recording of '{one.emotion}'")
    vector = outputs.vectors[outputs.row[one.wav]]
    found = probe.probabilities(vector[None], without)
    if found is None:
        return JudgedOutput(
            one, "", None, None, None, truth_hit, truth_gain, "fewer than two other real speakers or emotions"
        )
    recognised = probe.emotions[int(found[0].argmax())]
    gain, reason = _gain(one, z(vector), real, z)
    p = float(found[0, probe.emotions.index(one.emotion)])
    return JudgedOutput(one, recognised, float(recognised == one.emotion), p, gain, truth_hit, truth_gain, reason)


def _gain(one: Sample, vector: NDArray[np.float64], real: ClipFeatures, z: Scale) -> tuple[float | None, str]:
    """Emotion gain over neutral: cosine to the style source minus mean cosine to the style speaker's neutral clips."""
    if one.emotion == NEUTRAL:
        return None, ""
    if one.style_reference is None or one.style_reference not in real.row:
        return None, "no style reference"
    still = (real.speaker == one.style_speaker) & (real.emotion == NEUTRAL)
    if not still.any():
        return None, f"no neutral recording of the style speaker {one.style_speaker}"
    source = z(real.vectors[real.row[one.style_reference]])
    neutral = [_cosine(vector, one) for one in z(real.vectors[still])]
    return _cosine(vector, source) - float(np.mean(neutral)), ""


def _cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / length if length > 0 else 0.0


@dataclass(frozen=True)
class MatrixCell:
    """One cell: timbre, style speaker and emotion ("all" stands for every one), percent and gain with intervals."""

    timbre: str
    style: str
    emotion: str
    accuracy: Interval
    ceiling: Interval
    gain: Interval
    gain_ceiling: Interval
    similarity_margin: Interval
    failed: int

    def row(self) -> dict[str, Any]:
        """Return the cell as plain values."""
        return {"timbre": self.timbre, "style": self.style, "emotion": self.emotion, "accuracy": self.accuracy.row(),
                "ceiling": self.ceiling.row(), "gain": self.gain.row(), "gain_ceiling": self.gain_ceiling.row(),
                "similarity_margin": self.similarity_margin.row(), "failed": self.failed}  # fmt: skip


def make_matrix(judged: Sequence[JudgedOutput], margins: dict[str, float]) -> list[MatrixCell]:
    """Make marginals by emotion, by timbre, by style speaker, then every timbre x style x emotion that has outputs.

    Args:
        margins: similarity to the timbre speaker minus to the style speaker, by sample id; may be empty.
    """
    keys = {(one.sample.speaker, one.sample.style_speaker or "none", one.sample.emotion) for one in judged}
    wanted = [("all", "all", "all")]
    wanted += [("all", "all", emotion) for emotion in sorted({key[2] for key in keys})]
    wanted += [(timbre, "all", emotion) for timbre, emotion in sorted({(key[0], key[2]) for key in keys})]
    wanted += [("all", style, emotion) for style, emotion in sorted({(key[1], key[2]) for key in keys})]
    return [_cell(key, judged, margins) for key in [*wanted, *sorted(keys)]]


def _cell(key: tuple[str, str, str], judged: Sequence[JudgedOutput], margins: dict[str, float]) -> MatrixCell:
    inside = [
        one
        for one in judged
        if key[0] in ("all", one.sample.speaker)
        and key[1] in ("all", one.sample.style_speaker or "none")
        and key[2] in ("all", one.sample.emotion)
    ]
    return MatrixCell(
        *key,
        _mean([(one, None if one.hit is None else 100 * one.hit) for one in inside]),
        _mean([(one, None if one.truth_hit is None else 100 * one.truth_hit) for one in inside]),
        _mean([(one, one.gain) for one in inside]),
        _mean([(one, one.truth_gain) for one in inside]),
        _mean([(one, margins.get(one.sample.id)) for one in inside]),
        sum(one.reason.startswith("no usable output") for one in inside),
    )


def _mean(values: Sequence[tuple[JudgedOutput, float | None]]) -> Interval:
    known = [(one.sample, value) for one, value in values if value is not None]
    if not known:
        reasons = {one.reason for one, _ in values if one.reason}
        return missing("; ".join(sorted(reasons)) or "not measured")
    return bootstrap_interval(
        [value for _, value in known], [one.speaker for one, _ in known], [one.text for one, _ in known], n=1000
    )
