"""`python experiments/judges/collect.py JUDGES.json...`: results/main.csv of `python -m evaluation judges`.

Rows of other judges, and those of `same_person.py`, stay. Of a judge that stands in several files the first counts,
which should be that with the most recordings.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.measuring import run_script
from experiments.results import Result, bounded, commit_here, write_results
from sovits_lab.types import got


def rows_of(judge: dict[str, Any], about: str, commit: str) -> list[Result]:
    """Return the rows of one judge, `JUDGE/FIGURE`, in percent: what it hears, and what may be concluded."""
    rows: list[Result] = []

    def add(key: str, figure: str, bounds: list[float | None], truth: float | None, n: int, verdict: str = "") -> None:
        told = bounded(*(float("nan") if one is None else 100 * one for one in bounds))
        chance = "" if truth is None else f"{100 * truth:g}"
        rows.append(Result("judges", f"{judge['judge']}/{key}", figure, "%", about, **told, truth=chance,
                           commit=commit, n=str(n), verdict=verdict))  # fmt: skip

    for name, before, words in (("triplets", "", "triplets"), ("anchored", "anchored, ", "from the own neutral")):
        for one in judge[name]:
            bounds = [one[part] for part in ("share", "low", "high")]
            figure = f"{words}, {one['shared']} shared"
            add(f"{before}{one['shared']}", figure, bounds, 0.5, one["anchors"], one["verdict"])
    for key in ("neutral", "congruent", "incongruent"):
        told = judge[key]
        bounds = [told[name] for name in ("estimate", "low", "high")]
        add(f"tone, {key}", f"tone told, {key} words", bounds, judge["chance"], told["n"])
    add("pull", "pull of the words", judge["pull"], None, judge["incongruent"]["n"], judge["verdict"])
    return rows


def main(argv: list[str]) -> None:
    """Write the rows of all judges."""
    if not argv or not all(Path(word).is_file() for word in argv):
        raise got("files", " ".join(argv), "judges.json of `python -m evaluation judges`, one or more")
    found: dict[str, list[Result]] = {}
    for word in argv:
        told = json.loads(Path(word).read_text(encoding="utf-8"))
        for judge in told["judges"]:
            found.setdefault(judge["judge"], rows_of(judge, told["about"], commit_here()))
    rows = [row for each in found.values() for row in each]
    print(write_results("judges", rows, instead_of=[f"{judge}/" for judge in found]))


if __name__ == "__main__":
    run_script(main)
