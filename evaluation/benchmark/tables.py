"""The leaderboard as Markdown, and its place in a document: no number of a page is typed by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.report.documents import make_markdown_table, put_between

BEGIN, END = "<!-- leaderboard {language} -->", "<!-- end of leaderboard {language} -->"


def make_tables(content: Mapping[str, Any]) -> str:
    """Make Markdown of what `leaderboard.json` holds: the systems, F0 by strength, paired differences."""
    rows = [
        [
            row["system"]["name"],
            *(_cell_text(cell, heading) for cell, heading in zip(row["cells"], content["columns"], strict=True)),
        ]
        for row in content["rows"]
    ]
    curves = [
        [one["system"], emotion, ", ".join(f"{value:+.1f}" for _, value in points)]
        for one in content["curves"]
        for emotion, points in one["points"].items()
        if len(points) > 1
    ]
    keys = ("system", "figure", "difference", "interval", "p", "n")
    differences = [[one[key] for key in keys] for one in content["differences"]]
    parts = [make_markdown_table(["system", *content["columns"]], rows)]
    if curves:
        strengths = ", ".join(f"{strength:g}" for strength, _ in _longest(content["curves"]))
        parts.append(
            make_markdown_table(["system", "emotion", f"F0 at strengths {strengths}, st against neutral"], curves)
        )
    if differences:
        first = content["rows"][0]["system"]["name"]
        parts.append(
            make_markdown_table([f"against {first}", "figure", "difference", "95 %", "p (Holm)", "pairs"], differences)
        )
    return "\n\n".join(parts)


def put_tables(path: Path, content: Mapping[str, Any]) -> None:
    """Put the tables between the two comments of their language in a Markdown file.

    Raises:
        InputError: the file has no such place, or several.
    """
    begin, end = (mark.format(language=content["language"]) for mark in (BEGIN, END))
    put_between(path, begin, end, make_tables(content))


def _cell_text(cell: Mapping[str, str], heading: str) -> str:
    """A figure with its interval, without the unit that stands in the heading after a comma."""
    if not cell["n"]:
        return "–"
    _, comma, unit = heading.rpartition(", ")
    text = f"{cell['value']} ({cell['interval']})"
    return text.replace(f" {unit}", "") if comma and " " not in unit else text


def _longest(curves: Sequence[Mapping[str, Any]]) -> Sequence[tuple[float, float]]:
    return max((points for one in curves for points in one["points"].values()), key=len)
