"""Figures of one arm against its base: the share of the true shift, and what became of voice and words.

    python experiments/released_emotion/table.py ARM SCORES SAMPLES results/main.csv

An arm's own samples at strength 0 are the base (the same text, speaker and seed). Differences are paired; intervals of
95 % resample texts and speakers crossed; `equivalent`: whether that of 90 % lies within the margin, which is
two one-sided tests.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

MARGINS = {"similarity": 0.02, "per": 0.02}
SHIFTS = ("f0_median", "level", "duration")  # semitones, dB, natural logarithm of seconds
DRAWS = 2000


def measurements(folder: Path) -> dict[tuple[str, str], dict[str, float]]:
    """Return (metric, of output or a truth) -> sample -> value."""
    found: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for line in (folder / "measurements.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["value"] is not None:
            value = float(np.log(row["value"])) if row["metric"] == "duration" else row["value"]
            found[row["metric"], row["of"]][row["id"]] = value
    return found


def resampled(values: dict[tuple[str, str], float], level: float) -> tuple[float, float, float]:
    """Return the mean of values by (speaker, text) and an interval, both factors drawn again."""
    rng = np.random.default_rng(0)
    speakers, texts = (sorted({key[i] for key in values}) for i in (0, 1))
    means = []
    for _ in range(DRAWS):
        drawn = [values.get((a, b)) for a in rng.choice(speakers, len(speakers)) for b in rng.choice(texts, len(texts))]
        there = [value for value in drawn if value is not None]
        if there:
            means.append(np.mean(there))
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(np.mean(list(values.values()))), float(low), float(high)


def main(arm: str, scores: Path, samples: Path, out: Path) -> None:
    """Append the arm's rows to the table."""
    items = [json.loads(line) for line in (samples / "samples.jsonl").read_text().splitlines()]
    sad = {(i["speaker"], i["text"]): i["id"] for i in items if i["emotion"] == "sad" and i["strength"] == 1}
    base = {(i["speaker"], i["text"]): i["id"] for i in items if i["emotion"] == "sad" and i["strength"] == 0}
    found, rows = measurements(scores), []

    def valued(metric: str, of: str, names: dict[tuple[str, str], str]) -> dict[tuple[str, str], float]:
        return {key: found[metric, of][name] for key, name in names.items() if name in found[metric, of]}

    def less(a: dict[tuple[str, str], float], b: dict[tuple[str, str], float]) -> dict[tuple[str, str], float]:
        return {key: a[key] - b[key] for key in a if key in b}

    for metric in SHIFTS:
        true = less(valued(metric, "truth", sad), valued(metric, "truth_neutral", sad))
        made = less(valued(metric, "output", sad), valued(metric, "output", base))
        whole = np.mean(list(true.values()))
        rows.append([arm, f"{metric}: true shift", len(true), *resampled(true, 0.95), ""])
        rows.append(
            [arm, f"{metric}: share of it", len(made), *resampled({k: v / whole for k, v in made.items()}, 0.95), ""]
        )
    for metric, margin in MARGINS.items():
        zero = valued(metric, "output", base)
        both = less(valued(metric, "output", sad), zero)
        _, low, high = resampled(both, 0.90)
        true = valued(metric, "truth", sad)
        rows.append([arm, f"{metric}: truth", len(true), *resampled(true, 0.95), ""])
        rows.append([arm, f"{metric}: at 0", len(zero), *resampled(zero, 0.95), ""])
        rows.append(
            [arm, f"{metric}: at 1 minus at 0", len(both), *resampled(both, 0.95), -margin < low and high < margin]
        )
    fresh = not out.exists()
    with out.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if fresh:
            writer.writerow(["arm", "figure", "n", "mean", "low", "high", "equivalent"])
        writer.writerows([[f"{v:.4f}" if isinstance(v, float) else v for v in row] for row in rows])


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:5]))
