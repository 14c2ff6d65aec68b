"""`python experiments/sad_transfer/table.py RUN...`: the figures of several seeds side by side, as a Markdown table."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import mean
from typing import Any

ROWS = (
    ("PER by the tokenizer (self-graded), neutral", "per.tokenizer", "target", "neutral", 100, "%"),
    ("PER by the tokenizer (self-graded), sad", "per.tokenizer", "target", "sad", 100, "%"),
    ("PER by the independent recogniser, neutral", "per.independent", "target", "neutral", 100, "%"),
    ("PER by the independent recogniser, sad", "per.independent", "target", "sad", 100, "%"),
    ("F0 shift of sad", "f0_shift", "target", "sad", 1, "st"),
    ("F0 shift, share of the true one", "f0_share", "target", "sad", 100, "%"),
    ("level shift of sad", "level_shift", "target", "sad", 1, "dB"),
    ("level shift, share of the true one", "level_share", "target", "sad", 100, "%"),
    ("duration ratio sad / neutral", "duration_ratio", "target", "sad", 1, ""),
    ("duration ratio, share of the true one", "duration_share", "target", "sad", 100, "%"),
    ("F0 range of sad, share of the true change", "f0_range_share", "target", "sad", 100, "%"),
    ("PER by the tokenizer (self-graded), happy", "per.tokenizer", "target", "happy", 100, "%"),
    ("F0 shift of happy, share of the true one", "f0_share", "target", "happy", 100, "%"),
    ("F0 range of happy, share of the true change", "f0_range_share", "target", "happy", 100, "%"),
    (
        "F0 span of happy (percentiles 20 to 80), share of the true change",
        "f0_span_share",
        "target",
        "happy",
        100,
        "%",
    ),
    ("level shift of happy, share of the true one", "level_share", "target", "happy", 100, "%"),
    ("duration ratio of happy, share of the true one", "duration_share", "target", "happy", 100, "%"),
    ("PER by the tokenizer (self-graded), angry", "per.tokenizer", "target", "angry", 100, "%"),
    ("F0 range of angry, share of the true change", "f0_range_share", "target", "angry", 100, "%"),
    (
        "F0 span of angry (percentiles 20 to 80), share of the true change",
        "f0_span_share",
        "target",
        "angry",
        100,
        "%",
    ),
    ("level shift of angry, share of the true one", "level_share", "target", "angry", 100, "%"),
    ("duration ratio of angry, share of the true one", "duration_share", "target", "angry", 100, "%"),
    ("speaker top-1 (Resemblyzer), all emotions", "speaker_top1", "target", "all", 100, "%"),
    ("speaker top-1 (Resemblyzer), sad", "speaker_top1", "target", "sad", 100, "%"),
    ("speaker top-1 (Resemblyzer), happy", "speaker_top1", "target", "happy", 100, "%"),
    ("similarity, calibrated, neutral", "similarity_calibrated", "target", "neutral", 1, ""),
    ("similarity, calibrated, sad", "similarity_calibrated", "target", "sad", 1, ""),
    ("nearer to the target than to the clip's speaker, sad", "timbre_won", "target", "sad", 100, "%"),
    ("F0 strictly monotone over strength, sad", "strength_monotone.f0", "target", "sad", 100, "%"),
    ("level strictly monotone over strength, sad", "strength_monotone.level", "target", "sad", 100, "%"),
    ("stopped by itself", "stopped", "all", "all", 100, "%"),
    ("broken outputs that were not reported", "unreported_breakdown", "all", "all", 100, "%"),
    ("emotion from the style vector, speakers held out", "style_emotion", "all", "all", 100, "%"),
    ("speaker from the style vector, above chance", "style_speaker_leak_above_chance", "all", "all", 100, "points"),
    ("real-time factor, one thread", "rtf", "all", "all", 1, ""),
)


def figures(run: Path) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Figures of a run by (name, group, emotion); points of the strength curve are left out."""
    if not (run / "scores.json").is_file():
        sys.exit(f"error: {run}: no scores.json, expected the folder of a finished run")
    scores = json.loads((run / "scores.json").read_text(encoding="utf-8"))
    return {(f["name"], f["group"], f["emotion"]): f for f in scores["figures"] if f.get("strength") is None}


def cell(figure: dict[str, Any] | None, scale: float) -> str:
    """Estimate and interval."""
    if figure is None or figure["value"] is None:
        return "not measured"
    low, high = figure["low"] * scale, figure["high"] * scale
    return f"{figure['value'] * scale:.3g} [{low:.3g}, {high:.3g}]"


def main(runs: list[Path]) -> None:
    """Print the table."""
    tables = [figures(run) for run in runs]
    seeds = " | ".join(f"run {i + 1}" for i in range(len(runs)))
    print(f"| figure | unit | mean | {seeds} | true recordings |")
    print("|---" * (4 + len(runs)) + "|")
    for label, name, group, emotion, scale, unit in ROWS:
        found = [table.get((name, group, emotion)) for table in tables]
        values = [f["value"] * scale for f in found if f is not None and f["value"] is not None]
        truth = next((f["truth"] for f in found if f is not None and f.get("truth") is not None), None)
        shown = " | ".join(cell(f, scale) for f in found)
        average = f"{mean(values):.3g}" if values else "-"
        print(f"| {label} | {unit} | {average} | {shown} | {'-' if truth is None else f'{truth * scale:.3g}'} |")


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit("usage: python experiments/sad_transfer/table.py RUN...")
    main([Path(word) for word in sys.argv[1:]])
