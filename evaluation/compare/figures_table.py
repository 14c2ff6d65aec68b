"""A comparison as a table for a spreadsheet or a paper: a row for each figure of each arm."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.catalogue import direction
from evaluation.compare.best import ArmValue
from evaluation.compare.paired import ComparedFigure

OWN = ("figure", "judge", "group", "emotion", "better", "arm", "value", "low", "high", "true_recordings")
PAIRED = ("difference", "low", "high", "p", "adjusted", "n")  # of a difference from the first arm, as in compare.json


def figures_table(
    labels: Sequence[str],
    figures: Sequence[ComparedFigure],
    values: Sequence[Sequence[ArmValue]],
    differences: Sequence[Sequence[Mapping[str, Any]]],
) -> str:
    """Return the table as TSV: value and interval of a figure, then the paired difference from the first arm.

    Values are in the units of `scores.json` (shares, not percent); what is not known is empty.

    Args:
        labels: of the arms.
        figures: that every arm has.
        values: arms by figures.
        differences: of the arms but the first, by figures.
    """
    text = io.StringIO()
    writer = csv.writer(text, dialect="excel-tab", lineterminator="\n")
    writer.writerow([*OWN, *(key if key == "difference" else f"difference_{key}" for key in PAIRED)])
    first: list[Mapping[str, Any]] = [{} for _ in figures]
    for label, own, rows in zip(labels, values, [first, *differences], strict=True):
        for figure, value, row in zip(figures, own, rows, strict=True):
            about = [figure.name, figure.judge, figure.group, figure.emotion, direction(figure.name), label]
            paired = [row.get(key) for key in PAIRED] if row.get("difference") is not None else [None] * len(PAIRED)
            writer.writerow([*about, value.value, value.low, value.high, value.truth, *paired])
    return text.getvalue()
