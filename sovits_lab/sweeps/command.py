"""`python -m sovits_lab sweeps [HASH ...] [--runs DIR]`: sweeps, and the jobs of those that are named."""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.sweeps.manifest import Manifest, State, SweepJob, sweeps
from sovits_lab.types import InputError, got

STYLES = {State.DONE: "green", State.FAILED: "bold red", State.RUNNING: "cyan", State.PRUNED: "dim", State.PENDING: ""}


@dataclass(frozen=True)
class SweepsOptions:
    """Sweeps, and the jobs of those that are named: states, times, logs."""

    names: list[str] = option("beginnings of sweeps' hashes, or experiments", [], bare=True)
    runs: Path = option("the folder of everything", Path("runs"))


def main(argv: list[str]) -> int:
    """List the sweeps; with one sweep only, or with names, the jobs too."""
    if wants_help(argv):
        print(describe(SweepsOptions, "sweeps"))
        return 0
    given = read_options(SweepsOptions, argv)
    if strange := [name for name in given.names if "=" in name]:  # paths.runs=DIR, as `train.py` says it
        raise got("sweeps", strange[0], "names of sweeps, or runs=DIR, the folder of everything")
    found = sweeps(given.runs.absolute())
    if not found:
        print(
            f"no sweeps yet in {given.runs}; `python -m sovits_lab train -m experiment=NAME KEY=VALUE,VALUE` makes one"
        )
        return 0
    chosen = [each for each in found if any(_named(each, name) for name in given.names)] if given.names else found
    if not chosen:
        known = ", ".join(f"{each.folder.parent.name}/{each.folder.name}" for each in found)
        raise InputError(f"sweep: got {' '.join(given.names)}, expected one of {known}")
    console = Console()
    console.print(_overview(chosen))
    if given.names or len(chosen) == 1:
        for each in chosen:
            console.print(_jobs(each))
            for job in each.jobs.values():
                if job.state is State.FAILED:
                    line = f"{job.arm.label}: {job.text}, log {_short(each.log(job.arm.key))}"
                    console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0


def _overview(found: list[Manifest]) -> Table:
    table = Table(Column("sweep", overflow="fold"), "jobs", "last change", Column("arguments", overflow="fold"))
    for each in found:
        count = Counter(each.stands(job) for job in each.jobs.values())
        assert each.header is not None
        table.add_row(
            f"{each.folder.parent.name}/{each.folder.name}",
            Text(", ").join(Text(f"{count[state]} {state}", STYLES[state]) for state in State if count[state]),
            _when(each.path.stat().st_mtime),
            Text(" ".join(each.header["arguments"])),
        )
    return table


def _jobs(manifest: Manifest) -> Table:
    logs = _short(manifest.log("").parent)
    arm = Column("arm", overflow="fold")
    table = Table(Column("job", no_wrap=True), arm, "state", "tries", "start", "took", "exit", title=f"{logs}/JOB.log")
    for job in manifest.jobs.values():
        state = manifest.stands(job)
        table.add_row(
            job.arm.key,
            Text(job.arm.label),
            Text(state, STYLES[state]),
            str(job.attempts),
            _when(job.start),
            _took(job, state),
            "" if job.status is None else str(job.status),
        )
    return table


def _named(manifest: Manifest, name: str) -> bool:
    experiment, _, head = name.rpartition("/")
    own = manifest.folder.parent.name
    return own == name or (manifest.folder.name.startswith(head) and experiment in ("", own))


def _when(seconds: float | None) -> str:
    return "" if seconds is None else time.strftime("%m-%d %H:%M:%S", time.localtime(seconds))


def _took(job: SweepJob, state: State) -> str:
    seconds = job.seconds()
    if seconds is None or (job.end is None and state is not State.RUNNING):
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _short(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
