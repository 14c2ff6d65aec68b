"""SQLite files of ours, which their owner alone may read; opened for one change at a time, by several processes."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from sovits_lab.files import StoreError, printable, reason_of

PATIENCE = 10.0  # seconds for another process to finish its change


@contextlib.contextmanager
def opened(path: Path, what: str, tables: Sequence[str]) -> Iterator[sqlite3.Connection]:
    """Open a file whose changes are kept together or not at all, and whose deleted rows are overwritten.

    Args:
        path: of the file, which is made where it is missing.
        what: it holds, for errors.
        tables: statements that make those that are missing.

    Raises:
        StoreError: it cannot be used.
    """
    _make(path, what)
    try:
        base = sqlite3.connect(path, timeout=PATIENCE)
        try:
            base.execute("pragma secure_delete = on")
            with base:
                for table in tables:
                    base.execute(table)
            with base:
                yield base
        finally:
            base.close()
    except sqlite3.Error as error:
        raise unusable(path, what, error) from error


def unusable(path: Path, what: str, error: sqlite3.Error | OSError) -> StoreError:
    """Return the error that names the file and the words of the database or the system."""
    return StoreError(f"{what} {printable(path)}: cannot be used ({reason_of(error)})")


def _make(path: Path, what: str) -> None:
    """Make a file that nobody but its owner may read; SQLite gives its journals the same permissions."""
    if not path.exists():
        try:
            path.touch(mode=0o600)
        except OSError as error:
            raise unusable(path, what, error) from error
