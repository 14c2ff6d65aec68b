"""Rows kept between runs: the same judge on the same audio is asked once, and a killed run goes on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from evaluation.scoring.measurements import Measurement


class NoCache:
    """Keeps nothing."""

    def rows(self, key: str) -> list[Measurement] | None:
        return None

    def keep(self, key: str, rows: Sequence[Measurement]) -> None:
        """Keep nothing."""


class RowCache:
    """An append-only JSONL file: one line per scorer and sample, written as soon as it is known.

    The key is a hash over judge, its weights and version, the bytes of the audio and what was to be said, so a row is
    never served for anything else. A last line cut short by a killed run is ignored.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.hits = 0
        self._rows: dict[str, list[Measurement]] = {}
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        whole = text[: text.rfind("\n") + 1]
        for line in whole.splitlines():
            record = json.loads(line)
            self._rows[record["key"]] = [Measurement(**row) for row in record["rows"]]
        if whole != text:
            path.write_text(whole, encoding="utf-8")

    def rows(self, key: str) -> list[Measurement] | None:
        """Return the rows under a key, or None."""
        found = self._rows.get(key)
        self.hits += found is not None
        return found

    def keep(self, key: str, rows: Sequence[Measurement]) -> None:
        """Append rows and flush them."""
        self._rows[key] = list(rows)
        record = {"key": key, "rows": [asdict(row) for row in rows]}
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(record, allow_nan=False) + "\n")
