"""The stage that makes figures of a style trial, so that runs which speak nothing can be tabled, swept and compared."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import evaluation.style.measures  # noqa: F401  declares what is measured here
from evaluation.scoring.estimates import Estimate, Requirement
from evaluation.scoring.measurements import MEASUREMENTS, Measurement, MeasurementTable
from evaluation.scoring.measures import direction, find_measure
from evaluation.style.first_probes import PROBE, score_held_out
from evaluation.style.stage import VECTORS
from evaluation.style.vectors import ClipLabels, read_style_vectors
from sovits_lab.reporting import Reporter

ABX = "cross-speaker ABX"
GROUPS = {"normalised": "all", "given": "all", "raw": "raw"}  # audio of the trial -> group of its figures


class ScoreStyle:
    """Read `style.json` of the `trial` input; write `scores.json` and, for comparisons by clip, `measurements.jsonl`.

    Figures are shares. Group `all` is level-normalised audio, `raw` audio as recorded, `level` the level alone.

    Args:
        bars: arguments of `evaluation.scoring.estimates.Bar`.
    """

    resumable = False

    def __init__(self, bars: Sequence[Mapping[str, Any]] = ()) -> None:
        self.bars = [Requirement(**bar) for bar in bars]

    def run(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> None:
        """Read `trial` and `vectors`; write the figures."""
        trials = json.loads((inputs["trial"] / "style.json").read_text(encoding="utf-8"))["trials"]
        figures = [one for trial in trials for one in estimate_trial(trial)]
        style = read_style_vectors(inputs["vectors"] / VECTORS)
        right = score_held_out(style.vectors, style.labels.emotion, style.labels.speaker)
        write_scores(out, figures, self.bars, style.labels, right, report)


def write_scores(
    out: Path,
    figures: Sequence[Estimate],
    bars: Sequence[Requirement],
    clips: ClipLabels,
    right: NDArray[np.float64],
    report: Reporter,
) -> None:
    """Write `scores.json` and `measurements.jsonl`: whether the probe was right about each clip [N], 0, 1 or NaN."""
    table, index = MeasurementTable(), dict[str, list[Any]]()
    for i, hit in enumerate(right):
        speaker, emotion, text = str(clips.speaker[i]), str(clips.emotion[i]), str(clips.text[i])
        name = f"{i:05d}-{speaker}-{emotion}"
        index[name] = [speaker, text, emotion, 1.0, 0, "all"]
        if np.isfinite(hit):
            table.add(Measurement(name, "style_emotion", float(hit), PROBE.name, PROBE.weight_hash))
    table.write(out / MEASUREMENTS)
    content = {
        "figures": [asdict(one) for one in figures],
        "bars": [bar.checked(figures) for bar in bars],
        "judges": [asdict(PROBE)],
        "notes": ["Vectors of true recordings: nothing was spoken."],
        "failures": [],
        "samples": len(index),
        "index": index,
    }
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    (out / "scores.json").write_text(text + "\n", encoding="utf-8")
    for one in figures:
        if one.group == one.emotion == "all" and one.value is not None:
            report.say(f"{one.name}: {100 * one.value:.1f} %")


def estimate_trial(trial: Mapping[str, Any]) -> list[Estimate]:
    """Estimate the figures of one encoder on one kind of audio, from a row of `style.json` (percent there, shares
    here).
    """
    group = "level" if trial["encoder"] == "level" else GROUPS[trial["audio"]]
    probes = {one["probe"]: one for one in trial["probes"]}
    held_out, leak = probes["emotion, speaker held out"], probes["speaker, emotion held out"]
    removed = trial["variants"]["level removed"]["abx_emotion"]
    made = [
        estimate_from_row("style_abx_emotion", trial["abx"]["emotion"], ABX, group, 50.0),
        estimate_from_row("style_abx_speaker", trial["abx"]["speaker"], ABX, group, 50.0),
        estimate_from_row("style_abx_emotion_level_removed", removed, ABX, group, 50.0),
        estimate_from_row("style_emotion", held_out, PROBE.name, group, held_out["chance"]),
        estimate_from_row("style_speaker_leak", leak, PROBE.name, group, leak["chance"]),
    ]
    if group == "level":
        made = [one for one in made if one.name != "style_abx_emotion_level_removed"]
    for each in trial["per_emotion"]:
        made.append(estimate_from_row("style_abx_emotion", each["abx_with"], ABX, group, 50.0, each["emotion"]))
    return made


def estimate_from_row(
    name: str, row: Mapping[str, Any], judge: str, group: str, chance: float | None, emotion: str = "all"
) -> Estimate:
    """Make a share from an interval's row in percent, with `chance` beside it."""
    value, low, high, truth = (
        None if x is None else x / 100 for x in (row["estimate"], row["low"], row["high"], chance)
    )
    return Estimate(
        name=name,
        value=value,
        low=low,
        high=high,
        n=row["n"],
        speakers=row["n_speakers"],
        sentences=row["n_sentences"],
        judge=judge,
        better=direction(name),
        unit=find_measure(name).unit,
        group=group,
        emotion=emotion,
        truth=truth,
        reason=row["note"],
    )
