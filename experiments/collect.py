"""`python experiments/collect.py STUDY RUN...`: results/main.csv of a study anew from its runs, with their commits.

The figures are those that the study's file has already, by name and emotion (`per.tokenizer/sad`) of the target voices.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from experiments.pages import ROOT, Result, read_results

SCALES = {"%": 100.0, "points": 100.0}


def find(figures: list[dict[str, Any]], key: str) -> dict[str, Any] | None:
    """Find a figure by `name/emotion`: of target voices where they are told apart, else of all."""
    name, _, emotion = key.rpartition("/")
    mine = [f for f in figures if f["name"] == name and f["emotion"] == emotion and f.get("strength") is None]
    return next((f for group in ("target", "all") for f in mine if f["group"] == group), None)


def collect(study: Path, runs: list[Path]) -> list[Result]:
    """Collect the figures of runs under the keys of the study's present file."""
    made = []
    known = read_results(study / "results" / "main.csv")
    for run in runs:
        if not (run / "scores.json").is_file():
            sys.exit(f"error: {run}: no scores.json, expected the folder of a finished run")
        figures = json.loads((run / "scores.json").read_text(encoding="utf-8"))["figures"]
        environment = json.loads((run / "environment.json").read_text(encoding="utf-8"))
        commit, seed = str(environment["git"]["commit"])[:7], environment["seed"]
        for key, rows in known.items():
            one, scale = find(figures, key), SCALES.get(rows[0].unit, 1.0)
            if one is not None and one["value"] is not None and one["low"] is not None:
                value, low, high = (f"{one[name] * scale:.3g}" for name in ("value", "low", "high"))
                truth = "" if one["truth"] is None else f"{one['truth'] * scale:.3g}"
                made.append(
                    Result(
                        study.name, key, rows[0].figure, rows[0].unit, f"seed {seed}", value, low, high, truth, commit
                    )
                )
    return made


def main(words: list[str]) -> int:
    """Write the file."""
    if len(words) < 2 or not (ROOT / words[0] / "study.yaml").is_file():
        sys.exit("usage: python experiments/collect.py STUDY RUN...")
    rows = collect(ROOT / words[0], [Path(word) for word in words[1:]])
    if not rows:
        sys.exit("error: none of these runs has a figure of the study")
    path = ROOT / words[0] / "results" / "main.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(Result._fields)
        writer.writerows(rows)
    print(f"{path}: {len(rows)} figures of {len(words) - 1} runs; next: python experiments/pages.py")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
