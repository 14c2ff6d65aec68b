"""Signals that end a run in order, so that it can go on later.

A cluster sends a signal to every process of a job: the runner, the stages, and what they have started. So the runner
treats a stage that was ended by one of these signals as its own being asked to stop, the server that stages are forked
from takes no notice, and neither do processes that load batches.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import NoReturn

# What clusters send before they take a machine away: SIGTERM by Slurm itself, the others as `sbatch --signal` says.
PREEMPTING = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
# What a terminal sends to everybody that it started: Ctrl-C, Ctrl-\\, and that it is closed.
TERMINAL = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
STOPPING = (*TERMINAL, *PREEMPTING)


class Stopped(BaseException):
    """The command was asked to end by a signal."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.number = number


class Interrupts:
    """While this is open, the first of the stopping signals raises `Stopped`; those after it change nothing."""

    def __init__(self) -> None:
        self._over = False
        self._holding = 0
        self._waiting: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> Interrupts:
        heeded = [
            n for n in STOPPING if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN
        ]  # nohup ignores it
        self._before = {number: signal.signal(number, self._come) for number in heeded}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def stop(self, number: int) -> NoReturn:
        """End the run as if this signal had come."""
        self._over = True
        raise Stopped(number)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let nothing be torn apart that a signal would leave half done: it is raised when the block is over.

        What is started meanwhile does not get these signals, as a logger's own process that has to be told the end.
        """
        self._holding += 1
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        try:
            yield
        finally:
            self._holding -= 1
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        if self._waiting is not None and not self._holding and not self._over:
            self.stop(self._waiting)

    def _come(self, number: int, frame: FrameType | None) -> None:
        if self._over:
            return
        if self._holding:
            self._waiting = self._waiting or number
        else:
            self.stop(number)


def ignore(*numbers: int) -> None:
    """Take no notice of these signals from now on, nor in processes started from here."""
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)


def obey(*numbers: int) -> None:
    """Be ended at once by any of these signals."""
    for number in numbers:
        signal.signal(number, signal.SIG_DFL)
