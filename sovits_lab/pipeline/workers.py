"""The processes of a running stage, as the runner sees them."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any, NamedTuple

from sovits_lab.pipeline import stage_process as child
from sovits_lab.pipeline.distributed import Tasks
from sovits_lab.pipeline.fingerprint import targets
from sovits_lab.pipeline.plan import StageSpec
from sovits_lab.pipeline.signals import STOPPING
from sovits_lab.pipeline.threads import spin_briefly
from sovits_lab.types import got

LOG_LINES = 15
# When a process has failed, the others fail for want of it; so long they may still say that it was not them.
SETTLE_SECONDS = 1.0
PRELOAD_VARIABLE = "SOVITS_LAB_PRELOAD"
LONGEST_TEMPORARY = 107 - len("/pymp-12345678/listener-12345678")  # bytes; Linux' bound for the name of a socket


class StageError(RuntimeError):
    """A stage ended without its result; the message is what the user needs to see."""


def server(stages: Iterable[StageSpec]) -> ForkServerContext:
    """Return where processes of these stages come from: a server that imports their modules while the runner goes on.

    It is started where there is a stage to run.

    Raises:
        InputError: a temporary folder whose path is too long for the server's socket.
    """
    folder = tempfile.gettempdir()
    if len(os.fsencode(folder)) > LONGEST_TEMPORARY:
        raise got(
            "TMPDIR",
            folder,
            f"a path of at most {LONGEST_TEMPORARY} bytes, for sockets are made below it; such as /tmp",
        )
    context = multiprocessing.get_context("forkserver")
    modules = {target.rpartition(".")[0] for spec in stages for target in targets(spec.node)}
    spin_briefly()
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "FATAL")  # a lost connection is told by us, without C++ stacks
    os.environ[PRELOAD_VARIABLE] = ":".join(sorted(modules))
    context.set_forkserver_preload(["sovits_lab.pipeline.preload"])
    if modules:
        _start_tracker()
        forkserver.ensure_running()
    return context


def _start_tracker() -> None:
    """Start the process with which Python gives back the locks of stages that were ended at once.

    It outlives every signal to stop, else these locks would stay on the machine; and it says nothing of them, which the
    user would take for a fault.
    """
    before = os.environ.get("PYTHONWARNINGS")
    mute = "ignore::UserWarning:multiprocessing.resource_tracker"
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)  # what it starts with, it keeps
    os.environ["PYTHONWARNINGS"] = f"{before},{mute}" if before else mute
    try:
        resource_tracker.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


class Failure(NamedTuple):
    """Why a process has not done its part.

    Attributes:
        status: "input", "disk", "failed", "stopped" (by a signal), "lost" (its connection to another rank), or None for
            no word.
        text: what the user needs to see.
    """

    @property
    def innocent(self) -> bool:
        """Whether this process ended only because another one of its group had ended."""
        return self.status == "lost"

    status: str | None
    text: str


class Worker:
    """One process of a stage and the runner's end of its pipe."""

    def __init__(self, job: child.StageJob, context: ForkServerContext):
        self.job = job
        self.pipe, theirs = context.Pipe()
        self.result: dict[str, Any] = {}
        self.process: ForkServerProcess = context.Process(target=child.work, args=(job, theirs))
        self.process.start()
        theirs.close()

    def messages(self) -> Iterator[dict[str, Any]]:
        """Yield what has come in; the result is kept here."""
        try:
            while self.pipe.poll():
                message = json.loads(self.pipe.recv_bytes())
                if message["kind"] == "result":
                    self.result = message
                else:
                    yield message
        except (EOFError, OSError):
            return

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.is_alive()

    @property
    def status(self) -> str | None:
        """What it said at its end; None for no word."""
        return self.result.get("status")

    @property
    def well(self) -> bool:
        """Whether it has done its part."""
        return self.status in ("done", "reused")

    @property
    def log(self) -> Path:
        """Where the process's own output lies now."""
        finished = Path(self.job.folder) / self.job.log.name
        return finished if finished.exists() else self.job.log

    def failure(self) -> Failure:
        """Return what the user needs to see, with the end of the log."""
        code = self.process.exitcode or 0
        if code < 0:
            reason = f"ended by {signal.Signals(-code).name}" + (" (out of memory?)" if code == -signal.SIGKILL else "")
        else:
            reason = self.result.get("text") or f"ended with exit status {code} and no word"
        if self.job.world["size"] > 1:
            reason = f"rank {self.job.world['rank']}: {reason}"
        if -code in STOPPING:
            return Failure("stopped", reason)
        if self.status in ("input", "disk", "stopped"):
            return Failure(self.status, reason)
        if not self.log.is_file():  # it ended before it had one, while its modules were imported, say
            return Failure(self.status, f"{reason}; what it printed stands above")
        tail = self.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        return Failure(self.status, "\n".join([reason, *(f"    {line}" for line in tail), f"log: {self.log}"]))


class Team:
    """All processes of a stage in this task, in the order of their ranks."""

    def __init__(self) -> None:
        self.workers: list[Worker] = []
        self._over: list[Worker] = []
        self._failed_at: float | None = None

    def start(self, job: child.StageJob, indices: Iterable[int], tasks: Tasks, context: ForkServerContext) -> None:
        """Start the processes with these numbers within this task, for a job that has the place of rank 0."""
        devices = job.world["size"] // tasks.size
        for index in indices:
            place = {"rank": tasks.index * devices + index, "local": tasks.local * devices + index}
            self.workers.append(Worker(replace(job, world=job.world | place), context))

    def waitables(self) -> list[Any]:
        """Return pipes and sentinels of the processes that run, for `multiprocessing.connection.wait`."""
        return [item for each in self.workers if each.alive for item in (each.pipe, each.process.sentinel)]

    @property
    def alive(self) -> bool:
        """Whether one of them still runs."""
        return any(each.alive for each in self.workers)

    def messages(self) -> Iterator[dict[str, Any]]:
        """Yield what has come in from any of them, results apart."""
        self._over = [each for each in self.workers if not each.alive]  # before reading: no last word is lost
        for each in list(self.workers):
            yield from each.messages()

    def failures(self) -> list[Failure]:
        """Return the failures of processes that ended without doing their part, as `messages` found, once the picture
        has settled; else none.
        """
        failed = [each for each in self._over if not each.well]
        if failed and self._failed_at is None:
            self._failed_at = time.monotonic()
        settling = len(self._over) < len(self.workers) and time.monotonic() - (self._failed_at or 0) < SETTLE_SECONDS
        return [] if settling else [each.failure() for each in failed]

    def terminate(self) -> None:
        """Ask all to end; those that train save first."""
        for each in self.workers:
            each.process.terminate()

    def end(self, seconds: float) -> None:
        """Wait so long for all to end, then kill."""
        deadline = time.monotonic() + seconds
        for each in self.workers:
            each.process.join(max(0.0, deadline - time.monotonic()))
        self.kill()

    def kill(self) -> None:
        """End what still runs, and close the pipes."""
        for each in self.workers:
            if each.alive:
                each.process.kill()
            each.process.join()
            each.pipe.close()
