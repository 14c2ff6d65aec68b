"""What a score is: one row for each sample, metric, judge and recording, written as one line of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

MEASUREMENTS = "measurements.jsonl"


@dataclass(frozen=True)
class Measurement:
    """One value of one metric for one recording. `of` says which: output, truth or truth_neutral (the recording there).

    `failed` says that the recording could not be used and the value is the worst of its scale, `reason` why.
    `weight` is what the value is a mean over (reference phones of an error rate), so that totals can be formed.
    """

    id: str
    metric: str
    value: float | None
    judge: str
    judge_hash: str = ""
    of: str = "output"
    audio: str = ""
    weight: float = 1.0
    normaliser: str = ""
    reason: str = ""
    failed: bool = False


@dataclass
class MeasurementTable:
    """Rows by (sample id, metric, judge, of); a second row under the same key is a programmer's error."""

    rows: dict[tuple[str, str, str, str], Measurement] = field(default_factory=dict)

    def add(self, row: Measurement) -> None:
        key = (row.id, row.metric, row.judge, row.of)
        assert key not in self.rows, f"two rows for {key}"
        self.rows[key] = row

    def value(self, sample: str, metric: str, judge: str, of: str = "output") -> float | None:
        """Return the value under a key, or None where it is absent or could not be measured."""
        row = self.rows.get((sample, metric, judge, of))
        return None if row is None else row.value

    def __iter__(self) -> Iterator[Measurement]:
        return iter(self.rows.values())

    def write(self, path: Path) -> None:
        """Write one JSON object a line, in the order of measurement."""
        path.write_text("".join(json.dumps(asdict(row), allow_nan=False) + "\n" for row in self), encoding="utf-8")
