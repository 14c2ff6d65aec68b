"""`logger=csv`: tables for a spreadsheet or pandas."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sovits_lab.tracking.contract import NOT_VALUES, RunInfo
from sovits_lab.tracking.results import FIGURE_COLUMNS, Results

METRIC_COLUMNS = ("stage", "step", "seconds", "name", "value")
MEDIA_COLUMNS = ("stage", "step", "type", "name", "path", "caption")


class CsvLogger:
    """`<run>/csv`: `metrics.csv` and `media.csv` (a row per value or file, as it comes), `scores.csv` at the end.

    Written anew at each start from what the stages have recorded.
    """

    def __init__(self) -> None:
        self._folder = Path()

    def open(self, run: RunInfo) -> str:
        """Create the tables; those of an earlier start of this run are written anew."""
        self._folder = run.folder / "csv"
        self._folder.mkdir(parents=True, exist_ok=True)
        for old in self._folder.glob("*.csv"):
            old.unlink()
        self._add("metrics", METRIC_COLUMNS, [])
        return f"tables in {self._folder}"

    def known(self) -> Mapping[str, int]:
        """Return nothing: the files are new."""
        return {}

    def metrics(self, record: Mapping[str, Any]) -> None:
        """Write a row for each value; it is empty where the value is not finite."""
        place = [record[key] for key in ("stage", "step", "seconds")]
        self._add("metrics", METRIC_COLUMNS, ([*place, k, v] for k, v in record.items() if k not in NOT_VALUES))

    def media(self, stage: str, message: Mapping[str, Any]) -> None:
        """Write a row for each file."""
        self._add("media", MEDIA_COLUMNS, [[stage, *(message[key] for key in MEDIA_COLUMNS[1:])]])

    def finished(self, stage: str, folder: Path) -> None:
        """Write every figure of the scores."""
        figures = Results.read(folder).figures
        if figures:
            self._add("scores", FIGURE_COLUMNS, ([one[key] for key in FIGURE_COLUMNS] for one in figures))

    def close(self, status: int) -> None:
        """Do nothing: no file is open between two rows."""

    def _add(self, name: str, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
        path = self._folder / f"{name}.csv"
        new = not path.exists()
        with path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(columns)
            writer.writerows(rows)
