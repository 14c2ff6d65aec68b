"""The style protocol: candidates and baselines on trial, one verdict line each, tables and pictures in one folder."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.statistics import Interval
from evaluation.style.abx import paired_difference
from evaluation.style.pictures import maps_picture, plane_picture
from evaluation.style.trial import ResamplingPlan, Trial, try_vectors
from evaluation.style.vectors import StyleVectors, count_cells
from evaluation.style.verdict import Verdict, judge

Say = Callable[[str], None]


@dataclass(frozen=True)
class StyleReport:
    """All trials, candidates first, one verdict per candidate, and what was left out or absent and why."""

    trials: tuple[Trial, ...]
    verdicts: tuple[Verdict, ...]
    cells: dict[str, dict[str, int]]
    left_out: tuple[str, ...]
    absent: tuple[str, ...]
    plan: ResamplingPlan

    def row(self) -> dict[str, Any]:
        """Return everything as plain values; NaN becomes None."""
        return drop_nan(
            {
                "verdicts": [asdict(one) for one in self.verdicts],
                "trials": [one.row() for one in self.trials],
                "cells": self.cells,
                "left_out": list(self.left_out),
                "absent": list(self.absent),
                "plan": asdict(self.plan),
            }
        )


def run_protocol(
    candidates: Sequence[StyleVectors],
    baselines: Sequence[StyleVectors],
    plan: ResamplingPlan,
    say: Say,
    left_out: Sequence[str] = (),
    absent: Sequence[str] = (),
) -> StyleReport:
    """Try every candidate and baseline. Without candidates the baselines themselves get verdicts.

    The ABX is permuted for candidates on their headline audio only: it is the one slow statistic.
    """
    baselines = [*baselines, *_level_from_labels(candidates, baselines)]
    judged = candidates or [one for one in baselines if one.name not in ("random", "one-hot speaker")]
    quick = replace(plan, abx_permutations=0)
    trials: dict[tuple[str, str], Trial] = {}
    for style in [*candidates, *baselines]:
        full = any(style is one for one in candidates) and style.audio != "raw"
        trials[style.name, style.audio] = try_vectors(style, plan if full else quick)
        say(print_headline(trials[style.name, style.audio]))
    bars = [trials[one.name, one.audio] for one in baselines if one.audio == "normalised" or one.name == "level"]
    verdicts = []
    for name in dict.fromkeys(style.name for style in judged):
        audio = next(a for a in ("normalised", "given", "raw") if (name, a) in trials)
        raw = trials.get((name, "raw")) if audio == "normalised" else None
        verdicts.append(judge(trials[name, audio], raw, bars))
    cells = count_cells((judged or baselines)[0].labels)
    return StyleReport(tuple(trials.values()), tuple(verdicts), cells, tuple(left_out), tuple(absent), plan)


def _level_from_labels(candidates: Sequence[StyleVectors], baselines: Sequence[StyleVectors]) -> list[StyleVectors]:
    """Vectors without audio may still come with their levels: loudness is then a bar too."""
    for style in candidates:
        level = style.labels.level
        if level is not None and level.std() > 1e-9 and not any(one.name == "level" for one in baselines):
            return [StyleVectors("level", level[:, None], style.labels, "raw")]
    return []


def print_headline(trial: Trial) -> str:
    """Say in one line what the reader wants first."""
    emotion, speaker = (_short(trial.abx[factor].interval) for factor in ("emotion", "speaker"))
    uar = _short(trial.probe("emotion, speaker held out").interval)
    who = f"{trial.name:<16} {trial.audio:<10} d={trial.dimensions:<5}"
    return f"{who} ABX emotion {emotion}  speaker {speaker}  UAR {uar}"


def write_report(report: StyleReport, styles: Sequence[StyleVectors], out: Path, pictures: bool = True) -> list[Path]:
    """Write style.json, style.md, verdicts.jsonl and the pictures; return what was written."""
    out.mkdir(parents=True, exist_ok=True)
    texts = {
        "style.json": json.dumps(report.row(), indent=1, ensure_ascii=False, allow_nan=False),
        "style.md": markdown(report),
        "verdicts.jsonl": "".join(one.line() + "\n" for one in report.verdicts),
    }
    written = []
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8")
        written.append(out / name)
    if pictures:
        shown = [t for t in report.trials if t.audio != "raw" or t.name == "level"]
        written.append(plane_picture(shown, out / "plane.png"))
        for style in styles:
            path = maps_picture(style, out / f"maps-{style.name.replace(' ', '_')}.png", report.plan.seed)
            written += [path] if path else []
    return written


def markdown(report: StyleReport) -> str:
    """Write the tables for a reader."""
    lines = [
        "# Style vectors on trial",
        "",
        *_level_alone(report.trials),
        *_summary(report.trials),
        "",
        "## Verdicts",
        "",
    ]
    lines += [f"    {one.line()}" for one in report.verdicts]
    for trial in report.trials:
        lines += ["", f"## {trial.name}, {trial.audio} audio", "", *_per_emotion(trial), "", *_leaks(trial), ""]
        lines += _variants(trial)
        lines += [f"- {note}" for note in (*trial.notes, *trial.clusters.notes)]
    lines += ["", "## Items per speaker and emotion", "", *_cells(report.cells), "", "## Left out", ""]
    lines += [f"- {one}" for one in (*report.left_out, *report.absent)] or ["Nothing."]
    return "\n".join(lines) + "\n"


def _level_alone(trials: Sequence[Trial]) -> list[str]:
    """What the level of the recordings alone tells, in words; nothing where it was not tried."""
    level = next((t for t in trials if t.name == "level"), None)
    if level is None or level is trials[0]:
        return []
    style, alone = trials[0], level.abx["emotion"].interval
    gap = paired_difference(style.abx["emotion"], level.abx["emotion"])
    text = (
        f"The level of the recordings alone, one number a clip, gives an emotion ABX of {_short(alone)}, "
        f"{style.name} {_short(style.abx['emotion'].interval)}: {gap.estimate:+.1f} [{gap.low:+.1f}, {gap.high:+.1f}]. "
    )
    if gap.above(0.0):
        return [text + "More than the level is in the vectors.", ""]
    if not alone.above(50.0):
        return [text + "Neither tells the emotions better than the other.", ""]
    text += "Level alone separates the emotions of this corpus, so a high figure is no proof of more than loudness. "
    rest = style.variants["level removed"]["abx_emotion"]
    return [text + (f"With the level regressed out of the vectors, their ABX is {_short(rest)}." if rest.n else ""), ""]


SUMMARY = (
    "encoder", "audio", "d", "ABX emotion", "p (Holm)", "ABX speaker", "ABX text", "UAR", "R2 emo/spk/text",
    "AMI emo/spk", "silhouette emo/spk/emo in spk", "R-precision (chance)", "MAP@R",
)  # fmt: skip


def _summary(trials: Sequence[Trial]) -> list[str]:
    rows = ["| " + " | ".join(SUMMARY) + " |", "|" + "---|" * len(SUMMARY)]
    for t in trials:
        s = t.clusters.silhouette
        cells = [
            t.name,
            t.audio,
            str(t.dimensions),
            _short(t.abx["emotion"].interval),
            _p(t),
            _short(t.abx["speaker"].interval),
            _short(t.abx["text"].interval),
            _short(t.probe("emotion, speaker held").interval),
            "/".join(_number(t.share(f).r2, 3) for f in ("emotion", "speaker", "text")),
            f"{_number(t.clusters.ami('emotion'), 3)}/{_number(t.clusters.ami('speaker'), 3)}",
            "/".join(_number(s.get(k), 3) for k in ("emotion", "speaker", "emotion in speaker")),
            f"{_short(t.retrieval.r_precision)} ({t.retrieval.chance:.1f})",
            _short(t.retrieval.map_at_r),
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def _p(trial: Trial) -> str:
    """Holm's p of the emotion ABX (of R2 where the ABX was not permuted) and the size of its family."""
    m = sum(not math.isnan(p) for p in trial.p.values())
    value = trial.p_holm["abx_emotion"]
    if math.isnan(value):
        return f"{_number(trial.p_holm['r2_emotion'], 3)} (R2, m={m})"
    return f"{_number(value, 3)} (m={m})"


def _per_emotion(trial: Trial) -> list[str]:
    rows = ["| emotion | ABX of its pairs | ABX without it | recall, speaker held out |", "|---|---|---|---|"]
    return rows + [
        f"| {e.emotion} | {_short(e.with_it)} | {_short(e.without_it)} | {_number(e.recall, 1)} |"
        for e in trial.per_emotion
    ]


def _leaks(trial: Trial) -> list[str]:
    rows = ["| probe | held-out score, % | chance |", "|---|---|---|"]
    return rows + [f"| {one.name} | {_short(one.interval)} | {_number(one.chance, 1)} |" for one in trial.probes]


def _variants(trial: Trial) -> list[str]:
    rows = ["| variant | ABX emotion | UAR |", "|---|---|---|"]
    return rows + [
        f"| {name} | {_short(found['abx_emotion'])} | {_short(found['uar'])} |"
        for name, found in trial.variants.items()
    ]


def _cells(cells: dict[str, dict[str, int]]) -> list[str]:
    emotions = list(next(iter(cells.values())))
    rows = ["| speaker | " + " | ".join(emotions) + " |", "|---|" + "---|" * len(emotions)]
    return rows + [f"| {who} | " + " | ".join(str(n) for n in found.values()) + " |" for who, found in cells.items()]


def _short(interval: Interval) -> str:
    if math.isnan(interval.estimate):
        return f"- ({interval.note})"
    return f"{interval.estimate:.1f} [{interval.low:.1f}, {interval.high:.1f}]"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None or np.isnan(value) else f"{value:.{digits}f}"


def drop_nan(value: Any) -> Any:
    """Replace NaN and infinite numbers in a nested structure by None, so that it is valid JSON."""
    if isinstance(value, dict):
        return {key: drop_nan(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [drop_nan(one) for one in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value
