"""The SQLite files of voices: opened for one change at a time, by several threads and processes."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from sovits_lab.files import printable, reason_of
from sovits_lab.types import InputError

PATIENCE = 10.0  # seconds for another process to finish its change


@contextlib.contextmanager
def opened(path: Path, what: str, tables: Sequence[str]) -> Iterator[sqlite3.Connection]:
    """Open a file whose changes are kept together or not at all, and whose deleted rows are overwritten.

    Args:
        path: of the file.
        what: it holds, for errors.
        tables: statements that make those that are missing.

    Raises:
        InputError: it cannot be used.
    """
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


def unusable(path: Path, what: str, error: sqlite3.Error) -> InputError:
    """Return the refusal that names the file and the database's own words."""
    return InputError(f"{what} {printable(path)}: cannot be used ({reason_of(error)})")
