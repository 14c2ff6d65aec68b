"""Hashes of weight files, and the check against the released ones."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from sovits_lab.types import InputError
from sovits_lab.weights.catalogue import Release, ReleaseFile

BLOCK = 1 << 20


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file in hex; a file that has not changed is read once in a process."""
    stat = path.stat()
    return _hash(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _hash(path: Path, size: int, changed: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def verify(one: Release, file: ReleaseFile, path: Path, place: str) -> None:
    """Compare a file with the released one.

    Raises:
        InputError: it is another file; both hashes are named.
    """
    if file.sha256 and (found := file_hash(path)) != file.sha256:
        raise InputError(mismatch(one, file, found, place))


def mismatch(one: Release, file: ReleaseFile, found: str, place: str) -> str:
    """Return the one line about a file that is not the released one."""
    origin = one.hub or one.source
    return (
        f"weights {one.name}, {place}, {file.name}: got sha256 {found}, expected {file.sha256} "
        f"as released by {origin}; install it anew or take another source"
    )
