"""`python -m evaluation compare A B [out=DIR] [primary=METRIC ...] [margin=METRIC:VALUE ...]`

Paired differences B minus A of two scored folders (each with report.json or scores.json and items.jsonl): default test
(crossed random effects), two-way bootstrap interval, win rate, smallest detectable difference; Holm over the primaries,
q-values over the rest; equivalence where a margin is declared. One page, one JSON. Refuses judges that differ.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evaluation.arguments import parse
from evaluation.statistics import (
    adjust,
    bootstrap_interval,
    crossed_test,
    equivalence_test,
    minimal_detectable_difference,
    sign_flip_test,
    win_rate,
)
from evaluation.suite import INDEX
from sovits_lab.types import got

LOWER = ("per", "wer", "cer", "rtf", "f0_rmse", "mel_cepstral", "substitutions", "deletions", "insertions", "swallowed",
         "repeated", "leaked", "clipping", "silence")  # fmt: skip
NEUTRAL_METRICS = ("f0_median", "f0_range", "level", "duration", "similarity_style_speaker", "similarity_stranger")
CELL = ("speaker", "text", "emotion", "strength")


class Value(NamedTuple):
    """One output's score and what it may be compared under."""

    value: float
    hash: str
    normaliser: str


@dataclass(frozen=True)
class Scored:
    """A scored folder: scores by (metric, judge) and cell; samples of one cell (several seeds) are averaged."""

    folder: Path
    scores: dict[tuple[str, str], dict[tuple[Any, ...], list[Value]]]

    @classmethod
    def read(cls, folder: Path) -> Scored:
        """Read a folder.

        Raises:
            InputError: a file is missing, or the report was written without an index of its samples.
        """
        reports = [folder / name for name in ("report.json", "scores.json") if (folder / name).is_file()]
        if not reports or not (folder / "items.jsonl").is_file():
            raise got("scored folder", folder, "items.jsonl and report.json (or scores.json) in it")
        index = json.loads(reports[0].read_text(encoding="utf-8")).get("index")
        if index is None:
            raise got(f"{reports[0]}, index of samples", None, "a report of this version: score again")
        scores: dict[tuple[str, str], dict[tuple[Any, ...], list[Value]]] = {}
        for line in (folder / "items.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["of"] == "output" and row["value"] is not None:
                known = dict(zip(INDEX, index[row["id"]], strict=True))
                cell = tuple(known[key] for key in CELL)
                found = scores.setdefault((row["metric"], row["judge"]), {}).setdefault(cell, [])
                found.append(Value(row["value"], row["judge_hash"], row["normaliser"]))
        return cls(folder, scores)


def compare(
    first: Scored, second: Scored, primaries: Sequence[str] = (), margins: Mapping[str, float] | None = None
) -> list[dict[str, Any]]:
    """Second minus first for every metric that both have, as plain JSON rows.

    Raises:
        InputError: nothing in common, a judge's weights or a normaliser differ, or a primary was not measured.
    """
    shared = [place for place in first.scores if place in second.scores]
    rows, p_values = [], {}
    for metric, judge in shared:
        one, two = first.scores[metric, judge], second.scores[metric, judge]
        _same_judge(metric, judge, one, two)
        cells = sorted(set(one) & set(two), key=str)
        if not cells:
            continue
        row = _paired(metric, judge, one, two, cells, (margins or {}).get(metric))
        p_values[f"{metric} ({judge})"] = math.nan if row["p"] is None else row["p"]
        rows.append(row)
    if not rows:
        raise got("compared folders", f"{first.folder} and {second.folder}", "metrics and samples that both have")
    named = [name for name in p_values if name.split(" (")[0] in primaries]
    for wanted in primaries:
        if not any(name.split(" (")[0] == wanted for name in p_values):
            raise got("primary metric", wanted, f"one of {', '.join(sorted({row['metric'] for row in rows}))}")
    corrected = adjust(p_values, named)
    for row in rows:
        found = corrected[f"{row['metric']} ({row['judge']})"]
        row["family"], row["m"] = found.family, found.m
        row["adjusted"] = None if math.isnan(found.adjusted) else found.adjusted
    return sorted(rows, key=lambda row: (row["family"] != "primary", row["metric"], row["judge"]))


def _same_judge(metric: str, judge: str, one: Mapping[Any, list[Value]], two: Mapping[Any, list[Value]]) -> None:
    for field in ("hash", "normaliser"):
        seen = [{getattr(value, field) for values in side.values() for value in values} for side in (one, two)]
        if seen[0] != seen[1]:
            told = " against ".join(", ".join(sorted(side)) or "none" for side in seen)
            raise got(f"{metric} by {judge}, {field} of the judge", told, "the same on both sides: score both again")


def _paired(
    metric: str,
    judge: str,
    one: Mapping[tuple[Any, ...], list[Value]],
    two: Mapping[tuple[Any, ...], list[Value]],
    cells: Sequence[tuple[Any, ...]],
    margin: float | None,
) -> dict[str, Any]:
    a, b = (np.array([np.mean([v.value for v in side[cell]]) for cell in cells]) for side in (one, two))
    speakers, texts = [str(cell[0]) for cell in cells], [str(cell[1]) for cell in cells]
    test = crossed_test(b - a, speakers, texts)
    ci = bootstrap_interval(b - a, speakers, texts)
    higher = not metric.startswith(LOWER)
    wins = win_rate(b, a, speakers, texts, higher_is_better=higher)
    smallest = minimal_detectable_difference(test)
    flipped = sign_flip_test(b - a, speakers)
    equal = equivalence_test(test, margin) if margin is not None else None
    row: dict[str, Any] = {
        "metric": metric,
        "judge": judge,
        "first": float(a.mean()),
        "second": float(b.mean()),
        "difference": float((b - a).mean()),
        "low": ci.low,
        "high": ci.high,
        "p": test.p,
        "p_sign_flip": flipped.p,
        "smallest_detectable": smallest,
        "win_rate": None if metric in NEUTRAL_METRICS else wins.rate.estimate,
        "better": "none" if metric in NEUTRAL_METRICS else "higher" if higher else "lower",
        "equivalent": None if equal is None else equal.equivalent,
        "n": len(cells),
        "speakers": len(set(speakers)),
        "sentences": len(set(texts)),
        "unpaired": len(set(one) ^ set(two)),
        "note": "; ".join(note for note in (test.note, ci.note) if note),
    }
    return {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in row.items()}


def main(argv: list[str]) -> int:
    """Compare two scored folders; print the primaries and where the page lies."""
    folders = [Path(word) for word in argv if "=" not in word and not word.startswith("-")]
    options = [word for word in argv if "=" in word or word.startswith("-")]
    given = parse(options, __doc__ or "", {"out": "runs/evaluation/compare", "primary": [], "margin": []})
    if given is None:
        return 0
    if len(folders) != 2:
        raise got("compare, folders", [str(one) for one in folders], "two scored folders")
    margins = dict(_margin(word) for word in given["margin"])
    rows = compare(Scored.read(folders[0]), Scored.read(folders[1]), given["primary"], margins)
    out = Path(given["out"])
    out.mkdir(parents=True, exist_ok=True)
    content = {"first": str(folders[0]), "second": str(folders[1]), "rows": rows}
    (out / "compare.json").write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    from evaluation.report.template import render

    (out / "index.html").write_text(render("compare.html", content), encoding="utf-8")
    for row in rows:
        if row["family"] == "primary" or not given["primary"]:
            p = "no test" if row["adjusted"] is None else f"adjusted p {row['adjusted']:.3g}"
            print(f"{row['metric']} ({row['judge']}): {row['difference']:+.4g}, {p}, n {row['n']}")
    print(f"page: {out / 'index.html'}")
    return 0


def _margin(word: str) -> tuple[str, float]:
    name, _, text = word.rpartition(":")
    try:
        return name, float(text)
    except ValueError as error:
        raise got("margin", word, "METRIC:NUMBER") from error
