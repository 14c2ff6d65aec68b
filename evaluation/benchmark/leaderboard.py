"""`python -m evaluation leaderboard ENTRY ...`: all entries of one language on one page, paired with the first."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from evaluation.benchmark.entry import ENTRY
from evaluation.benchmark.tables import put_tables
from evaluation.compare.arms import ScoredRun, read_arm
from evaluation.compare.paired import ComparedFigure, measure_difference
from evaluation.intelligibility.words import MAIN
from evaluation.report.wording import change, number
from evaluation.scoring.samples import NEUTRAL
from evaluation.statistics import adjust
from sovits_lab.files import read_json, write_whole
from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.types import got

MOST = 32 << 20


class Column(NamedTuple):
    """A figure of the table: its heading, its name (judges' names may follow), and of which emotion."""

    heading: str
    name: str
    emotion: str = "all"


@dataclass(frozen=True)
class LeaderboardOptions:
    """Make one page of entries that were scored by `submit`, with paired differences from the first of them."""

    entries: list[str] = option("folders of `submit`", bare=True)
    out: Path = option("folder of the page", Path("runs/benchmark/leaderboard"))
    document: Path | None = option("a Markdown file that gets the tables between its comments of the language", None)


def main(argv: list[str]) -> int:
    """Write `leaderboard.html` and `leaderboard.json`."""
    if not argv or wants_help(argv):
        print(describe(LeaderboardOptions, "leaderboard", program="python -m evaluation"))
        return 0
    given = read_options(LeaderboardOptions, argv)
    content = make_content([Path(one) for one in given.entries])
    page = write_leaderboard(content, given.out)
    if given.document is not None:
        put_tables(given.document, content)
    print(f"page: {page}")
    return 0


def list_columns(language: str) -> list[Column]:
    """List what the table shows, best known constructs first."""
    unit = "cer" if language == "zh" else "wer"
    emotional = [Column(f"F0 of {name}, st", "f0_shift", name) for name in ("sad", "happy", "angry")]
    return [
        Column(f"{unit.upper()}, %", f"{unit}.{MAIN}"),
        Column("bad cases, %", "bad_case"),
        Column("voice kept in sad", "similarity", "sad"),
        *emotional,
        Column("length of sad, times neutral", "duration_ratio", "sad"),
        Column("emotions told apart, %", "emotions_apart"),
    ]


def read_entries(folders: Sequence[Path]) -> list[dict[str, Any]]:
    """Read entries of one language that were asked the same.

    Raises:
        InputError: none, another language, or other prompts than the first entry's.
    """
    if not folders:
        raise got("leaderboard", None, "folders of `submit`")
    entries = [read_json(folder / ENTRY, "entry of the benchmark", MOST) for folder in folders]
    for folder, one in zip(folders, entries, strict=True):
        for key in ("version", "language", "prompts"):
            if one.get(key) != entries[0].get(key):
                raise got(f"{folder / ENTRY}, {key}", one.get(key), f"{entries[0].get(key)!r}, that of {folders[0]}")
    return entries


def find_cell(entry: Mapping[str, Any], column: Column) -> Mapping[str, Any] | None:
    """Find the figure of a column; its judge's name may follow the figure's."""
    for one in entry["figures"]:
        named = one["name"] == column.name or one["name"] == f"{column.name}.{one['judge']}"
        if named and one["emotion"] == column.emotion and one["value"] is not None:
            return dict(one)
    return None


def make_content(folders: Sequence[Path]) -> dict[str, Any]:
    """Return what the page shows of entries, as plain JSON types."""
    entries = read_entries(folders)
    columns = list_columns(entries[0]["language"])
    rows = [
        {"system": entry["system"], "cells": [_shown(find_cell(entry, column), column) for column in columns]}
        for entry in entries
    ]
    arms = [read_arm(folder, entry["system"]["name"]) for folder, entry in zip(folders, entries, strict=True)]
    return {
        "language": entries[0]["language"],
        "prompts": entries[0]["prompts"],
        "columns": [column.heading for column in columns],
        "rows": rows,
        "curves": [_curve(entry) for entry in entries],
        "differences": compare_entries(arms, entries, columns),
        "judges": entries[0]["judges"],
        "other_judges": [e["system"]["name"] for e in entries if e["judges"] != entries[0]["judges"]],
    }


def write_leaderboard(content: Mapping[str, Any], out: Path) -> Path:
    """Write the page and its JSON; return the page."""
    from evaluation.report.template import render

    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
    write_whole(out / "leaderboard.json", (text + "\n").encode())
    page = out / "leaderboard.html"
    write_whole(page, render("leaderboard.html", {"content": content}).encode())
    return page


def _shown(figure: Mapping[str, Any] | None, column: Column) -> dict[str, str]:
    if figure is None:
        return {"value": "–", "interval": "not offered or not measured", "n": ""}
    low, high = (None if figure[key] is None else number(figure["name"], figure[key]) for key in ("low", "high"))
    interval = f"{low} to {high}" if low and high else str(figure["reason"] or "no interval")
    return {"value": number(figure["name"], figure["value"]), "interval": interval, "n": str(figure["n"])}


def _curve(entry: Mapping[str, Any]) -> dict[str, Any]:
    """F0 shift at each strength, by emotion: is more asked for, more heard?"""
    points: dict[str, list[tuple[float, float]]] = {}
    for one in entry["curve"]:
        if one["name"] == "f0_shift" and one["group"] != "target" and one["value"] is not None:
            points.setdefault(one["emotion"], []).append((one["strength"], round(one["value"], 2)))
    return {"system": entry["system"]["name"], "points": {name: sorted(mine) for name, mine in points.items()}}


def compare_entries(
    arms: Sequence[ScoredRun], entries: Sequence[Mapping[str, Any]], columns: Sequence[Column]
) -> list[dict[str, str]]:
    """Compare every entry with the first, paired by voice and sentence; p-values are corrected (Holm).

    Raises:
        InputError: other weights of a judge, or another normaliser, than the first entry's.
    """
    found: list[tuple[str, Column, dict[str, Any]]] = []
    for arm in arms[1:]:
        for column in columns:
            first = find_cell(entries[0], column)
            if first is not None and column.name != "f0_shift":
                # what a neutral-only system also offers is compared in neutral, so that like meets like
                emotion = column.emotion if column.emotion != "all" else NEUTRAL
                figure = ComparedFigure(first["name"], first["judge"], "all", emotion)
                row = measure_difference(arms[0], arm, figure)
                if row["apart"]:
                    expected = f"that of {arms[0].label}: submit both again"
                    raise got(f"{figure.name} of {arm.label}", row["reason"], expected)
                if row["difference"] is not None:
                    found.append((arm.label, column, row))
    p = {str(i): row["p"] for i, (_, _, row) in enumerate(found) if row["p"] is not None}
    corrected = adjust(p, list(p))
    made = []
    for i, (label, column, row) in enumerate(found):
        known = corrected.get(str(i))
        low, high = (change(row["name"], row[key]) if row[key] is not None else "–" for key in ("low", "high"))
        made.append(
            {
                "system": label,
                "figure": f"{column.heading} ({row['emotion']})",
                "difference": change(row["name"], row["difference"]),
                "interval": f"{low} to {high}",
                "p": "–" if known is None else f"{known.adjusted:.2g}",
                "n": str(row["n"]),
            }
        )
    return made
