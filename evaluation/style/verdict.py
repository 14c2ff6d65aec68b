"""The machine-readable verdict: what may be said about an encoder, and against what it was held."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from evaluation.statistics import Interval
from evaluation.style.abx import paired_difference
from evaluation.style.trial import Trial

LEAK = 55.0  # percent: ABX above it is a leak worth naming
BARS = ("level", "mel statistics", "Resemblyzer", "ECAPA")  # loudness, spectrum and speaker codes to be beaten
ANGER = ("anger", "angry")


@dataclass(frozen=True)
class Verdict:
    """One line per encoder. None means that it could not be decided; `reasons` says why, and against what.

    emotion_carries: the emotion ABX is above every bar, paired on the same items. speaker_leaks, text_leaks: their ABX
    interval lies above 55 %. only_loudness: emotion is heard in the raw audio and no longer once the level is taken
    away. only_emotion: the one emotion without which nothing is left; only_anger when that one is anger.
    clusters_by_emotion: AMI and silhouette are both higher for emotion than for speaker.
    """

    encoder: str
    audio: str
    emotion_carries: bool
    speaker_leaks: bool
    text_leaks: bool | None
    only_loudness: bool | None
    only_anger: bool
    only_emotion: str | None
    clusters_by_emotion: bool
    abx_emotion: tuple[float, float, float]
    abx_speaker: tuple[float, float, float]
    uar: tuple[float, float, float]
    reasons: dict[str, str] = field(default_factory=dict)

    def line(self) -> str:
        """Return the verdict as one line of JSON."""
        return json.dumps({"verdict": asdict(self)}, ensure_ascii=False)


def judge(trial: Trial, raw: Trial | None = None, bars: Sequence[Trial] = ()) -> Verdict:
    """Judge `trial` (the headline audio), beside the same encoder on raw audio and the baselines."""
    reasons: dict[str, str] = {}
    emotion, speaker = trial.abx["emotion"].interval, trial.abx["speaker"].interval
    text = trial.abx["text"].interval
    if text.note:
        reasons["text_leaks"] = text.note
    only = _only_emotion(trial, reasons)
    return Verdict(
        trial.name,
        trial.audio,
        _carries(trial, bars, reasons),
        speaker.above(LEAK),
        text.above(LEAK) if text.n else None,
        _only_loudness(trial, raw, reasons),
        only in ANGER,
        only,
        _clusters(trial, reasons),
        _three(emotion),
        _three(speaker),
        _three(trial.probe("emotion, speaker held out").interval),
        reasons,
    )


def _three(interval: Interval) -> tuple[float, float, float]:
    return (round(interval.estimate, 2), round(interval.low, 2), round(interval.high, 2))


def _carries(trial: Trial, bars: Sequence[Trial], reasons: dict[str, str]) -> bool:
    if not trial.abx["emotion"].interval.above(50.0):
        reasons["emotion_carries"] = "the emotion ABX is not above chance"
        return False
    held = [bar for bar in bars if bar.name in BARS and bar.name != trial.name]
    gaps, carries = [], True
    for bar in held:
        gap = paired_difference(trial.abx["emotion"], bar.abx["emotion"])
        gaps.append(f"{bar.name} ({bar.audio}): {gap.estimate:+.1f} [{gap.low:+.1f}, {gap.high:+.1f}]")
        carries = carries and gap.above(0.0)
    reasons["emotion_carries"] = "against " + "; ".join(gaps) if gaps else "against chance only: no baseline had audio"
    return carries


def _only_loudness(trial: Trial, raw: Trial | None, reasons: dict[str, str]) -> bool | None:
    if raw is not None:
        with_level, without = raw.abx["emotion"].interval, trial.abx["emotion"].interval
        how = "level-normalised audio"
        lost = paired_difference(raw.abx["emotion"], trial.abx["emotion"]).above(0.0)
    else:
        with_level, without = trial.abx["emotion"].interval, trial.variants["level removed"]["abx_emotion"]
        how = "a cubic of the level regressed out"
        if not without.n:
            reasons["only_loudness"] = without.note
            return None
        lost = without.estimate < with_level.estimate
    reasons["only_loudness"] = f"emotion ABX {with_level.estimate:.1f}, with {how} {without.estimate:.1f}"
    return with_level.above(50.0) and not without.above(50.0) and lost


def _only_emotion(trial: Trial, reasons: dict[str, str]) -> str | None:
    """The emotion whose removal leaves an ABX that is not above chance."""
    if not trial.abx["emotion"].interval.above(50.0):
        return None
    tested = [row for row in trial.per_emotion if row.without_it.n and not row.without_it.above(50.0)]
    if not tested:
        return None
    worst = min(tested, key=lambda row: row.without_it.estimate)
    reasons["only_emotion"] = f"without {worst.emotion} the emotion ABX is {worst.without_it}"
    return worst.emotion


def _clusters(trial: Trial, reasons: dict[str, str]) -> bool:
    ami = trial.clusters.ami("emotion"), trial.clusters.ami("speaker")
    silhouette = trial.clusters.silhouette
    if not silhouette:
        reasons["clusters_by_emotion"] = "; ".join(trial.clusters.notes)
        return False
    reasons["clusters_by_emotion"] = (
        f"AMI {ami[0]:.3f} against {ami[1]:.3f}, silhouette {silhouette['emotion']:.3f} against "
        f"{silhouette['speaker']:.3f} (emotion against speaker)"
    )
    return ami[0] > ami[1] and silhouette["emotion"] > silhouette["speaker"]
