"""`python -m sovits_lab runs [list|verify] [NAME ...] [runs=DIR]`: what each run was asked, and is it whole?

`list` shows each run's state, arguments and report. `verify` reads every byte of the stages that the named runs use (of
all runs, where none is named) and compares them with the checksums recorded when they ended; the exit status is 1 where
one differs.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.text import Text

from sovits_lab.files import read_object
from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.pipeline.integrity import damage
from sovits_lab.pipeline.run_folder import STAGES
from sovits_lab.types import InputError, got


class RunRecord(NamedTuple):
    """A run folder as it stands: its stages' folders by name, and what the last start was asked."""

    folder: Path
    stages: dict[str, Path]
    start: dict[str, Any]

    @property
    def name(self) -> str:
        """Experiment and hash, as `runs` prints and takes them."""
        return f"{self.folder.parent.name}/{self.folder.name}"

    @property
    def done(self) -> int:
        """Number of stages whose results are there."""
        return sum(path.is_dir() for path in self.stages.values())


@dataclass(frozen=True)
class RunsOptions:
    """Runs, what each was asked, and whether it is whole.

    `verify` reads every byte of the stages that the named runs use and compares them with the checksums recorded when
    they ended; the exit status is 1 where one differs.
    """

    action: str = option("what is done", "list", choices=["list", "verify"], bare=True)
    names: list[str] = option("experiments, EXPERIMENT/HASH, or beginnings of hashes", [], shown="all", bare=True)
    runs: Path = option("the folder of everything", Path("runs"))


def main(argv: list[str]) -> int:
    """List runs, or verify them."""
    if wants_help(argv):
        print(describe(RunsOptions, "runs"))
        return 0
    given = read_options(RunsOptions, argv)
    found = sorted(_records(given.runs.absolute()), key=lambda each: each.start.get("time", ""))
    if not found:
        print(f"no runs yet in {given.runs}; `python -m sovits_lab train experiment=NAME` makes one")
        return 0
    chosen = [each for each in found if not given.names or any(_is_named(each, name) for name in given.names)]
    if not chosen:
        known = ", ".join(each.name for each in found)
        raise InputError(f"run: got {' '.join(given.names)}, expected one of {known}")
    console = Console(soft_wrap=True)
    if given.action == "verify":
        return _verify(chosen, console)
    for record in chosen:
        for line in _lines(record):
            console.print(line, highlight=False)
    return 0


def _records(runs: Path) -> Iterator[RunRecord]:
    for path in runs.glob(f"*/*/{STAGES}"):
        places = read_object(path, "stages of a run")
        if strange := [name for name, place in places.items() if not isinstance(place, str)]:
            raise got(f"stages of a run {path}: {strange[0]}", places[strange[0]], "a folder")
        stages = {name: path.parent / place for name, place in places.items()}
        environment = path.parent / "environment.json"
        starts = read_object(environment, "environment of a run").get("starts", []) if environment.is_file() else []
        yield RunRecord(path.parent, stages, starts[-1] if starts else {})


def _is_named(record: RunRecord, name: str) -> bool:
    experiment, _, head = name.rpartition("/")
    own = record.folder.parent.name
    return own == name or (record.folder.name.startswith(head) and experiment in ("", own))


def _lines(record: RunRecord) -> Iterator[Text]:
    """A run as its name and state, what it was asked, and its page; nothing is cut, so that it can be pasted."""
    whole = record.done == len(record.stages)
    state = Text(f"{record.done} of {len(record.stages)} stages", "green" if whole else "yellow")
    yield Text.assemble((record.name, "bold"), "  ", record.start.get("time", "")[:16].replace("T", " "), "  ", state)
    if arguments := record.start.get("arguments"):
        yield Text(f"  {shlex.join(arguments)}")
    page = record.folder / "report" / "index.html"
    if page.is_file():
        yield Text(f"  report: {page}")


def _verify(records: list[RunRecord], console: Console) -> int:
    folders = {path.resolve(): name for each in records for name, path in each.stages.items() if path.is_dir()}
    bad = 0
    for folder, name in sorted(folders.items()):
        wrong = damage(folder, thorough=True)
        bad += wrong is not None
        console.print(f"{name}: {folder.name}: {wrong or 'whole'}", markup=False, highlight=False)
    if bad:
        console.print(
            f"{bad} of {len(folders)} damaged; remove a damaged folder and run its command again", markup=False
        )
    return 1 if bad else 0
