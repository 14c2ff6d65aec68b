"""What a sweep was asked and how its jobs stand: one file of appended lines, written by whoever knows something new.

A line is one JSON object and one write under a lock, so a kill costs at most the line that was being written; readers
pass over such a line. The state of a job is what its lines say, the last one last.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sovits_lab.sweeps.locks import is_held

MANIFEST = "manifest.jsonl"
SWEEPS = "sweeps"


class State(StrEnum):
    """How a job stands. `PENDING` also when it was stopped and will go on; `PRUNED` when a search ended it early."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    PRUNED = "pruned"


@dataclass(frozen=True)
class SweepArm:
    """One point of a sweep.

    Attributes:
        key: head of the run's digest, which covers resolved config, inputs and code: arms of one key are one job.
        label: what tells it from the other arms.
        overrides: of its command line.
        config: hash of the resolved config alone, without the code.
        run: the run folder, relative to the folder of all runs.
    """

    key: str
    label: str
    overrides: tuple[str, ...]
    config: str
    run: str


@dataclass
class SweepJob:
    """How an arm's job stands; times are seconds since 1970."""

    arm: SweepArm
    state: State = State.PENDING
    attempts: int = 0
    start: float | None = None
    end: float | None = None
    status: int | None = None
    text: str = ""
    host: str | None = None
    pid: int | None = None
    slurm: str | None = None
    gpus: str | None = None

    def take(self, event: Mapping[str, Any]) -> None:
        """Apply one event of the manifest to the job's state."""
        self.state = State(event["state"])
        self.text = event.get("text", "")
        self.status = event.get("status")
        self.slurm = event.get("slurm", self.slurm)
        if self.state is State.RUNNING:
            self.attempts += 1
            self.start, self.end = event["time"], None
            self.host, self.pid, self.gpus = event["host"], event["pid"], event.get("gpus")
        elif "status" in event:
            self.end = event["time"]

    def seconds(self) -> float | None:
        """Return the duration of the last attempt, so far if it has not ended."""
        if self.start is None:
            return None
        return (time.time() if self.end is None else self.end) - self.start


class Manifest:
    """`<runs>/sweeps/<experiment>/<hash>/manifest.jsonl`, read as it grows.

    Attributes:
        header: what the sweep is; None before it is written.
        jobs: those of the sweep's last command, by key.
    """

    def __init__(self, folder: Path):
        self.folder, self.path = folder, folder / MANIFEST
        self.header: dict[str, Any] | None = None
        self.jobs: dict[str, SweepJob] = {}
        self.earlier: dict[str, SweepJob] = {}
        self._offset = 0
        self.refresh()

    @property
    def runs(self) -> Path:
        """The folder that holds all runs, stages and sweeps."""
        return self.folder.parents[2]

    def log(self, key: str) -> Path:
        """Return where a job's output goes, of all attempts."""
        return self.folder / "logs" / f"{key}.log"

    def lock(self, key: str) -> Path:
        """Return the lock that is held while the job runs; one for all sweeps, since two may share a job."""
        return self.runs / SWEEPS / ".locks" / key

    def config(self, digest: str) -> Path:
        """Return where an arm's resolved config is kept."""
        return self.folder / "configs" / f"{digest}.json"

    def stands(self, job: SweepJob) -> State:
        """Return the state as it is to be understood: a job that says it runs, but that no process holds, is
        pending.
        """
        gone = job.state is State.RUNNING and job.slurm is None and not is_held(self.lock(job.arm.key))
        return State.PENDING if gone else job.state

    def create(self, **header: Any) -> None:
        """Say what the sweep is; once."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._append({"kind": "sweep", "format": 1, **header})

    def begin(self, keep: bool, **content: Any) -> None:
        """Take the sweep up: its jobs are those that the command adds, and with `keep` the earlier ones."""
        self._append({"kind": "begin", "keep": keep, "pid": os.getpid(), "host": os.uname().nodename, **content})

    def add(self, arm: SweepArm) -> SweepJob:
        """Name one of the sweep's jobs; what is known of it from earlier commands stays."""
        if arm.key not in self.jobs:
            self._append({"kind": "arm", **asdict(arm)})
        return self.jobs[arm.key]

    def note(self, key: str, state: State, **content: Any) -> None:
        """Append an event that a job is in a state, with what is known about it."""
        self._append({"kind": "state", "job": key, "state": str(state), **content})

    def refresh(self) -> None:
        """Read what has been appended since."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._offset)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue  # cut short by a kill: nobody has relied on it
            self._take(event)

    def _append(self, event: Mapping[str, Any]) -> None:
        line = json.dumps({"time": round(time.time(), 2), **event}, ensure_ascii=False).encode() + b"\n"
        with self.path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            size = file.seek(0, os.SEEK_END)
            if size:
                file.seek(size - 1)
                line = line if file.read(1) == b"\n" else b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self.refresh()

    def _take(self, event: dict[str, Any]) -> None:
        kind = event.pop("kind")
        if kind == "sweep":
            self.header = event
        elif kind == "begin":
            self.earlier.update(self.jobs)
            if not event["keep"]:
                self.jobs.clear()
        elif kind == "arm":
            names = ("key", "label", "config", "run")
            arm = SweepArm(**{name: event[name] for name in names}, overrides=tuple(event["overrides"]))
            self.jobs[arm.key] = known = self.earlier.get(arm.key) or SweepJob(arm)
            known.arm = arm
        elif kind == "state" and (job := self.jobs.get(event["job"]) or self.earlier.get(event["job"])):
            job.take(event)


def sweeps(runs: Path) -> list[Manifest]:
    """Return every sweep below a folder of runs, the newest last."""
    found = [Manifest(path.parent) for path in (runs / SWEEPS).glob(f"*/*/{MANIFEST}")]
    return sorted((each for each in found if each.header), key=lambda each: each.path.stat().st_mtime)
