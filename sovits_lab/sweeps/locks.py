"""Locks of whole files that last exactly as long as a process, and the processes that it hands them to, live."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def held(path: Path) -> Iterator[int]:
    """Wait for the lock and hold it; gives the file's handle, which a child may inherit and so hold it too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:  # never deleted: a lock on a deleted file would lock nothing
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


@contextmanager
def try_lock(path: Path) -> Iterator[bool]:
    """Hold the lock if it is free; gives whether it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def is_held(path: Path) -> bool:
    """Return whether some process holds the lock now."""
    if not path.exists():
        return False
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
