"""Students beside their teacher: paired differences, intervals, equivalence.

    python experiments/students/table.py TEACHER STUDENT...     folders of arm.py: results/main.csv, and the table
    python experiments/students/table.py                        the table alone, from results/main.csv

Statistics are those of `python -m evaluation compare`: pairs by speaker and sentence, crossed random effects, two-way
bootstrap intervals, two one-sided tests within the margins.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from evaluation.compare.arms import check_comparable, read_arm
from evaluation.compare.paired import ComparedFigure, measure_difference
from evaluation.suite.run_estimates import find_figure
from experiments.measuring import run_script

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "main.csv"
COLUMNS = ("student", "figure", "teacher", "value", "difference", "low", "high", "margin", "equivalent", "n")
FIGURES = {  # label -> figure of scores.json, emotion, scale, margin
    "F0 shift, % of the true": ("f0_share", "sad", 100, 5.0),
    "level shift, % of the true": ("level_share", "sad", 100, 5.0),
    "tempo, % of the true": ("duration_share", "sad", 100, 5.0),
    "phones misread, neutral, %": ("per.tokenizer", "neutral", 100, 2.0),
    "phones misread, sad, %": ("per.tokenizer", "sad", 100, 2.0),
    "similarity (CAM++), neutral": ("similarity", "neutral", 1, 0.02),
    "similarity (CAM++), sad": ("similarity", "sad", 1, 0.02),
    "bad cases, %": ("unreported_breakdown", "all", 100, None),
    "stopped by itself, %": ("stopped", "all", 100, None),
}
SPEED = {
    "tokens_per_second": "tokens a processor second",
    "first_ms": "first sound, chunks of 8 tokens, processor ms",
    "rtf": "RTF of the processor",
    "peak_mb": "peak memory, MB",
    "weights_mb": "weights, MB",
}


def rows_of(teacher: Path, student: Path) -> list[dict[str, Any]]:
    """Hold a student against its teacher."""
    one, two = read_arm(teacher), read_arm(student)
    check_comparable([one, two])
    rows = []
    for label, (name, emotion, scale, margin) in FIGURES.items():
        found = [find_figure(arm.report["figures"], name, "target", emotion) for arm in (one, two)]
        values = [None if figure is None or figure["value"] is None else scale * figure["value"] for figure in found]
        judge = "" if found[0] is None else found[0]["judge"]
        told = measure_difference(one, two, ComparedFigure(name, judge, "target", emotion), margin and margin / scale)
        difference = {key: None if told[key] is None else scale * told[key] for key in ("difference", "low", "high")}
        rows.append(
            {"student": two.label, "figure": label, "teacher": values[0], "value": values[1], **difference,
             "margin": margin, "equivalent": told["equivalent"], "n": told["n"]}
        )  # fmt: skip
    speeds = [json.loads((folder / "speed.json").read_text(encoding="utf-8")) for folder in (teacher, student)]
    for key, label in SPEED.items():
        rows.append({"student": two.label, "figure": label, "teacher": speeds[0][key], "value": speeds[1][key]})
    return rows


def number(text: str) -> str:
    """Print three digits."""
    return f"{float(text):.3g}" if abs(float(text)) < 1000 else f"{float(text):.0f}"


def make_table(rows: list[dict[str, str]]) -> list[str]:
    """Make the table: a line for each figure, a column for each student."""
    students, figures = (list(dict.fromkeys(row[key] for row in rows)) for key in ("student", "figure"))
    lines = ["| figure | teacher | " + " | ".join(students) + " |", "|---" * (len(students) + 2) + "|"]
    for figure in figures:
        mine = {row["student"]: row for row in rows if row["figure"] == figure}
        cells = [cell_of(mine[student]) for student in students]
        lines.append(f"| {figure} | {number(next(iter(mine.values()))['teacher'])} | {' | '.join(cells)} |")
    return lines


def cell_of(row: dict[str, str]) -> str:
    """Say the value; where it was paired the difference, its interval, and whether it is equivalent."""
    value = number(row["value"])
    if not row["difference"]:
        return value
    told = f"{value}: {float(row['difference']):+.3g} ({number(row['low'])} to {number(row['high'])})"
    return f"{told} **=**" if row["equivalent"] == "True" else told


def main(argv: list[str]) -> None:
    """Write the results of arms, and print the table."""
    if argv:
        teacher, *students = map(Path, argv)
        made = [row for student in students for row in rows_of(teacher, student)]
        with RESULTS.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(made)
    with RESULTS.open(encoding="utf-8", newline="") as file:
        print("\n".join(make_table(list(csv.DictReader(file)))))


if __name__ == "__main__":
    run_script(main)
