"""Read a `.wandb` file: a log of protobuf records in LevelDB's format (blocks of 32 KiB; crc, length, kind, data)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HEADER = b":W&B"
BLOCK = 32768
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def chunks(data: bytes) -> Iterator[bytes]:
    """The records' bytes; a last one cut short by a kill is left out."""
    assert data.startswith(HEADER) or not data
    at, parts = 7, b""
    while at + 7 <= len(data):
        if BLOCK - at % BLOCK < 7:  # too little is left for another head: the rest of the block is padding
            at += BLOCK - at % BLOCK
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        piece = data[at + 7 : at + 7 + length]
        if kind not in (FULL, FIRST, MIDDLE, LAST) or len(piece) < length:
            return
        at += 7 + length
        parts = piece if kind in (FULL, FIRST) else parts + piece
        if kind in (FULL, LAST):
            yield parts


@dataclass
class Logged:
    """What a file says, merged in its order."""

    run: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    preempting: bool = False
    exit_code: int | None = None

    def steps(self, name: str, axis: str) -> list[tuple[Any, Any]]:
        """(place on its axis, value) of every row of history that holds a value."""
        return [(row[axis], row[name]) for row in self.history if name in row]


def read(path: Path) -> Logged:
    """Everything in a `.wandb` file."""
    from wandb.proto import wandb_internal_pb2 as pb

    found = Logged()
    for chunk in chunks(path.read_bytes()):
        record = pb.Record.FromString(chunk)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            found.run = {key: getattr(record.run, key) for key in ("run_id", "run_group", "project", "job_type")}
            found.run["tags"] = list(record.run.tags)
            found.config |= _values(record.run.config.update)
        elif kind == "config":
            found.config |= _values(record.config.update)
        elif kind == "metric":
            one = record.metric
            wanted = [word for word in ("min", "max", "last") if getattr(one.summary, word)]
            found.metrics[one.name or one.glob_name] = {"axis": one.step_metric, "summary": wanted}
        elif kind == "history":
            found.history.append(_values(record.history.item))
        elif kind == "summary":
            found.summary |= _values(record.summary.update)
        elif kind == "files":
            found.files |= {one.path for one in record.files.files}
        elif kind == "preempting":
            found.preempting = True
        elif kind == "exit":
            found.exit_code = record.exit.exit_code
    return found


def read_ended(path: Path, patience: float = 120.0) -> Logged:
    """As `read`, of a run that was told to finish: its service writes the last block in its own time."""
    until = time.monotonic() + patience
    while (found := read(path)).exit_code is None and time.monotonic() < until:
        time.sleep(0.05)
    return found


def _values(items: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in items:
        name, *inner = one.nested_key or [one.key]
        into = found.setdefault(name, {}) if inner else found
        into["/".join(inner) or name] = json.loads(one.value_json)
    return found
