"""Work in numbered parts that any process may take: processes of this stage, and the same stage on other machines.

A part is a folder that appears by a rename when everything in it is on the disk. Whoever works on part i holds a lock
on byte i of the file `claims`. The system gives a lock up when its process ends, however it ends, so a part of a dead
worker is free at once (on NFS, when the machine itself died, after the server's lease: usually 90 s). The file system
must know POSIX locks across machines, as NFS 4, GPFS, CephFS and Lustre (mounted with `flock`) do.
"""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import shutil
import signal
import socket
import sys
import threading
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from multiprocessing.context import ForkContext, ForkProcess
from pathlib import Path
from typing import Any, NamedTuple

import torch

from sovits_lab.types import InputError

CLAIMS = "claims"
FOLDER = "parts"
LOOK_SECONDS = 0.1
WAIT_SECONDS = 0.5

Make = Callable[[int, Path], None]


class Work(NamedTuple):
    """So many `parts`; `make(number, folder)` writes one, from the stage's inputs alone.

    `items` and `unit` are for the progress: how many of what there are in all.
    """

    parts: int
    make: Make
    items: int
    unit: str = "utterances"


class Parts:
    """Parts 0 ... count - 1 below a folder."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.count = folder, count

    def open(self) -> None:
        """Create the folder and its file of claims, from when on workers can take parts."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / CLAIMS).touch()

    def path(self, number: int) -> Path:
        """Return the folder of a part that is there."""
        return self.folder / f"{number:06d}"

    def missing(self) -> list[int]:
        """Return the parts that are not there."""
        there = {entry.name for entry in os.scandir(self.folder)}
        return [number for number in range(self.count) if self.path(number).name not in there]

    def take(self, make: Make) -> None:
        """Make parts until all are there; waits for those in other hands and takes them over when these hands die."""
        with (self.folder / CLAIMS).open("r+b") as claims:
            while missing := self.missing():
                if not sum(self._try(claims.fileno(), number, make) for number in missing):
                    time.sleep(WAIT_SECONDS)

    @property
    def over(self) -> bool:
        """An earlier attempt has gathered the parts."""
        return self._old.exists()

    def remove(self) -> None:
        """Remove all parts, at once for everybody who looks."""
        if not self.over:
            self.folder.rename(self._old)
        shutil.rmtree(self._old)

    @property
    def _old(self) -> Path:
        return self.folder.with_name(f".{self.folder.name}")

    def _try(self, claims: int, number: int, make: Make) -> bool:
        """Make a part unless it is there or in other hands."""
        if self.path(number).exists():
            return False
        try:
            fcntl.lockf(claims, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        except BlockingIOError:
            return False
        try:
            if self.path(number).exists():  # finished since we looked
                return False
            self._make(number, make)
        finally:
            fcntl.lockf(claims, fcntl.LOCK_UN, 1, number)
        return True

    def _make(self, number: int, make: Make) -> None:
        name = self.path(number).name
        for left in self.folder.glob(f".{name}.*"):  # by a worker that died
            shutil.rmtree(left)
        partial = self.folder / f".{name}.{socket.gethostname()}.{os.getpid()}"
        partial.mkdir()
        make(number, partial)
        for each in (*partial.iterdir(), partial):
            _sync(each)
        partial.rename(self.path(number))  # fails, and loudly, where somebody made the same part without our lock
        _sync(self.folder)


class WorkerPool:
    """Worker processes of one thread each, forked: they know what this process knows.

    One that is killed leaves its part to the others; the work fails when none is left. All end with this process.
    """

    def __init__(self, parts: Parts, make: Make, processes: int) -> None:
        context: ForkContext = multiprocessing.get_context("fork")
        self.mail = context.SimpleQueue()
        self.processes: list[ForkProcess] = [
            context.Process(target=_worker, args=(parts, make, self.mail), daemon=True) for _ in range(processes)
        ]

    def work(self, look: Callable[[], None]) -> None:
        """Wait until every worker has ended, and call `look` now and then.

        Raises:
            InputError: a part's input is wrong.
            RuntimeError: a worker failed, or all were killed.
        """
        for each in self.processes:
            each.start()
        try:
            while any(each.is_alive() for each in self.processes):
                self._check()
                look()
                time.sleep(LOOK_SECONDS)
            self._check()
        finally:
            for each in self.processes:
                each.kill()
                each.join()
        codes = [each.exitcode or 0 for each in self.processes]
        if all(codes):
            names = ", ".join(sorted({signal.Signals(-c).name if c < 0 else f"status {c}" for c in codes}))
            raise RuntimeError(f"all {len(codes)} workers ended by {names} (out of memory?); finished parts are kept")

    def _check(self) -> None:
        if not self.mail.empty():
            kind, text = self.mail.get()
            raise InputError(text) if kind == "input" else RuntimeError(text)


def _worker(parts: Parts, make: Make, mail: Any) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)  # more would fight over the same cores, and might change the last bits
    try:
        parts.take(make)
    except FileNotFoundError:
        if parts.folder.exists():
            raise
        # else whoever put the parts together has taken the folder away: the work is done
    except InputError as error:
        mail.put(("input", str(error)))
        sys.exit(1)
    except Exception as error:
        traceback.print_exc()
        sys.stderr.flush()
        mail.put(("failed", f"{type(error).__name__}: {error}"))
        sys.exit(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        if path.is_file():  # some network file systems cannot sync a folder
            raise
    finally:
        os.close(handle)


class PartedStage(ABC):
    """A stage that is made in parts: killed at any moment it loses the parts in work, and several runs share them.

    Args:
        runtime: `threads` worker processes; the result does not depend on their number.
    """

    resumable = True

    def __init__(self, runtime: Mapping[str, Any] | None = None) -> None:
        self.processes: int = (runtime or {}).get("threads") or 1

    @abstractmethod
    def plan(self, inputs: Mapping[str, Path]) -> Work:
        """Return the parts; the same whoever asks."""

    @abstractmethod
    def gather(self, inputs: Mapping[str, Path], parts: Parts, out: Path, report: Any) -> None:
        """Put the result together; may come to a folder where an earlier attempt was killed."""

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Make what is missing, then gather."""
        work = self.plan(inputs)
        parts = Parts(out / FOLDER, work.parts)
        if not parts.over:
            parts.open()
            self._work(work, parts, report)
            self.gather(inputs, parts, out, report)
        parts.remove()

    def help(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Make parts of a stage that another run is building in `out`; returns when none is left to make."""
        if not (out / FOLDER / CLAIMS).exists():
            return  # not begun, or nearly done
        work = self.plan(inputs)
        try:
            self._work(work, Parts(out / FOLDER, work.parts), report)
        except FileNotFoundError:
            if (out / FOLDER).exists():
                raise

    def _work(self, work: Work, parts: Parts, report: Any) -> None:
        def look() -> None:
            done = work.parts - len(parts.missing())
            report.progress(work.items * done // max(1, work.parts), work.items, work.unit)

        if missing := parts.missing():
            WorkerPool(parts, work.make, min(self.processes, len(missing))).work(look)
        look()
