"""Writing so that a file under its final name is always whole, and telling a full disk from other trouble."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
FULL_WORDS = tuple(os.strerror(number) for number in sorted(FULL))  # of a writer that has no number, or another process
NEARLY_NOTHING = 1 << 20


def write_text(path: Path, text: str) -> None:
    """Write beside `path`, flush to the disk, then rename over it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON by `write_text`."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def sync_folder(path: Path) -> None:
    """Make renames in a folder survive a power failure, where the file system can."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot sync a folder
            raise
    finally:
        os.close(handle)


def disk_full(error: BaseException, path: Path) -> str | None:
    """Return the one line for a full disk, or None when `error` is about something else.

    Libraries wrap the system's error in their own, or repeat its words, so a disk without space counts too.
    """
    for each in _chain(error):
        if (isinstance(each, OSError) and each.errno in FULL) or any(words in str(each) for words in FULL_WORDS):
            place = getattr(each, "filename", None) or path
            return f"{place}: the disk is full ({_free(path)} free): make room and run again"
    if isinstance(error, OSError | RuntimeError) and _free_bytes(path) < NEARLY_NOTHING:
        return f"{path}: the disk is full ({_free(path)} free): make room and run again"
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _free_bytes(path: Path) -> int:
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    return shutil.disk_usage(existing).free


def _free(path: Path) -> str:
    return f"{_free_bytes(path) / 2**20:.1f} MiB"
