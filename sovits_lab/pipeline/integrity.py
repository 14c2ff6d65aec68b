"""What a finished stage holds: sizes and checksums, recorded when it ends and compared before its result is used."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RECORD = "stage.json"
# Beginnings of paths: what was printed, what was shown on the way, what serves to go on after a kill.
NOT_RESULTS = ("log", "media/", "checkpoints/")


def inventory(folder: Path) -> dict[str, dict[str, Any]]:
    """Return `path -> {"bytes", "sha256"}` of every file of a result; paths are relative, with forward slashes."""
    return {
        name: {"bytes": path.stat().st_size, "sha256": checksum(path)}
        for name, path in sorted((path.relative_to(folder).as_posix(), path) for path in _files(folder))
    }


def damage(folder: Path, thorough: bool = False) -> str | None:
    """Say what is wrong with a finished stage's folder, or None where nothing is.

    Sizes are compared always; with `thorough` the checksums too, which reads every byte. A record of an earlier
    version, without an inventory, is taken as it is.
    """
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        expected = record.get("files", {})
        for name, facts in expected.items():
            path = folder / name
            if not path.is_file():
                return f"{name} is missing"
            if path.stat().st_size != facts["bytes"]:
                return f"{name} has {path.stat().st_size} bytes, expected {facts['bytes']}"
            if thorough and checksum(path) != facts["sha256"]:
                return f"{name} has another checksum than was recorded"
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        return f"{RECORD} cannot be read ({type(error).__name__})"
    return None


def set_aside(folder: Path) -> Path:
    """Rename a damaged result to `NAME.damaged`, in place of one that was set aside before; return where it lies."""
    aside = folder.with_name(folder.name + ".damaged")
    shutil.rmtree(aside, ignore_errors=True)
    return folder.rename(aside)


def checksum(path: Path) -> str:
    """Return the SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not path.is_symlink() and name != RECORD and not name.startswith(NOT_RESULTS):
            yield path
