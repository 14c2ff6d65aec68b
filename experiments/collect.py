"""`python experiments/collect.py STUDY RUN...`: results/main.csv of a study anew from its runs, with their commits.

The figures are those that the study's file has already, by name and emotion (`per.tokenizer/sad`) of the target voices.
A commit with a plus is one whose code had been changed; a run of another experiment than the study is named by it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from experiments.results import ROOT, Result, read_results, write_results

SCALES = {"%": 100.0, "points": 100.0}


def find(figures: list[dict[str, Any]], key: str) -> dict[str, Any] | None:
    """Find a figure by `name/emotion`: of target voices where they are told apart, else of all."""
    name, _, emotion = key.rpartition("/")
    mine = [f for f in figures if f["name"] == name and f["emotion"] == emotion and f.get("strength") is None]
    return next((f for group in ("target", "all") for f in mine if f["group"] == group), None)


def commit_of(environment: Mapping[str, Any]) -> str:
    """Return the commit of a run, with a plus where its code had been changed; of an installed package, its version."""
    git = environment["git"]
    if git["commit"] is None:
        return f"version {environment['sovits_lab']}"
    return str(git["commit"])[:7] + ("+" if git["diff"] else "")


def collect(study: Path, runs: list[Path]) -> list[Result]:
    """Collect the figures of runs under the keys of the study's present file; what no run has is left out."""
    made = []
    known = read_results(study / "results" / "main.csv")
    for run in runs:
        if not (run / "scores.json").is_file():
            sys.exit(f"error: {run}: no scores.json, expected the folder of a finished run")
        figures = json.loads((run / "scores.json").read_text(encoding="utf-8"))["figures"]
        environment = json.loads((run / "environment.json").read_text(encoding="utf-8"))
        code, name = commit_of(environment), f"seed {environment['seed']}"
        if run.resolve().parent.name != study.name:
            name = f"{run.resolve().parent.name}, {name}"
        for key, rows in known.items():
            one, scale = find(figures, key), SCALES.get(rows[0].unit, 1.0)
            if one is not None and one["value"] is not None and one["low"] is not None:
                value, low, high = (f"{one[name] * scale:.3g}" for name in ("value", "low", "high"))
                truth = "" if one["truth"] is None else f"{one['truth'] * scale:.3g}"
                made.append(Result(study.name, key, rows[0].figure, rows[0].unit, name, value, low, high, truth, code))
    return made


def main(words: list[str]) -> int:
    """Write the file."""
    if len(words) < 2 or not (ROOT / words[0] / "study.yaml").is_file():
        sys.exit("usage: python experiments/collect.py STUDY RUN...")
    known = read_results(ROOT / words[0] / "results" / "main.csv")
    rows = collect(ROOT / words[0], [Path(word) for word in words[1:]])
    if not rows:
        sys.exit(f"error: none of these runs has a figure of the study, such as {next(iter(known))}")
    if lost := sorted(known.keys() - {row.key for row in rows}):
        print(f"in none of these runs, so not in the file any more: {', '.join(lost)}")
    path = write_results(words[0], rows)
    print(f"{path}: {len(rows)} figures of {len(words) - 1} runs; next: python experiments/pages.py")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
