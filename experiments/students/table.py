"""Students beside their teacher, into results/main.csv: paired differences, intervals, equivalence.

    python experiments/students/table.py TEACHER STUDENT...     folders of arm.py; then python experiments/pages.py

Statistics are those of `python -m evaluation compare`: pairs by speaker and sentence, crossed random effects, two-way
bootstrap intervals, two one-sided tests within the margins.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from evaluation.compare.arms import check_comparable, read_arm
from evaluation.compare.paired import ComparedFigure, measure_difference
from evaluation.suite.run_estimates import find_figure
from experiments.measuring import run_script
from experiments.results import NOT_SHOWN, Result, bounded, commit_here, number, write_results

TOKENS = "tokens_per_second"
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


def rows_of(teacher: Path, student: Path, commit: str) -> list[Result]:
    """Hold a student against its teacher: values of both, and the student's differences."""
    one, two = read_arm(teacher), read_arm(student)
    check_comparable([one, two])
    rows: list[Result] = []

    def add(arm: str, figure: str, told: dict[str, str], n: str = "", verdict: str = "") -> None:
        rows.append(Result("students", f"{arm}/{figure}", figure, "", "1 run", **told, truth="", commit=commit, n=n,
                           verdict=verdict))  # fmt: skip

    for label, (name, emotion, scale, margin) in FIGURES.items():
        found = [find_figure(arm.report["figures"], name, "target", emotion) for arm in (one, two)]
        for arm, figure in zip((one, two), found, strict=True):
            if figure is not None and figure["value"] is not None:
                add(arm.label, label, bounded(scale * figure["value"]))
        judge = "" if found[0] is None else found[0]["judge"]
        told = measure_difference(one, two, ComparedFigure(name, judge, "target", emotion), margin and margin / scale)
        if told["difference"] is not None:
            verdict = "" if margin is None else "equal" if told["equivalent"] else NOT_SHOWN
            bounds = bounded(*(scale * told[key] for key in ("difference", "low", "high")))
            add(f"{two.label} less {one.label}", label, bounds, str(told["n"]), verdict)
    speeds = [json.loads((folder / "speed.json").read_text(encoding="utf-8")) for folder in (teacher, student)]
    for key, label in SPEED.items():
        for arm, speed in zip((one, two), speeds, strict=True):
            add(arm.label, label, bounded(speed[key]))
    add(f"{two.label} over {one.label}", SPEED[TOKENS], {"value": number(speeds[1][TOKENS] / speeds[0][TOKENS]),
                                                        "low": "", "high": ""})  # fmt: skip
    return rows


def main(argv: list[str]) -> None:
    """Write the results of arms."""
    teacher, *students = map(Path, argv)
    commit = commit_here()
    made = {row.key: row for student in students for row in rows_of(teacher, student, commit)}
    print(write_results("students", list(made.values()), instead_of=list(made)))


if __name__ == "__main__":
    run_script(main)
