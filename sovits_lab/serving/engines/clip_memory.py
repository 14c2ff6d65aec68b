"""Recordings in the memory of one process."""

from __future__ import annotations

import threading
from collections import OrderedDict

from sovits_lab.types import InputError

KEPT = 256  # recordings of at most 30 s: some 2 MB each


class ClipMemory:
    """Recordings by their hash; those that nobody asked for the longest leave first."""

    def __init__(self) -> None:
        self._clips: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, digest: str, data: bytes) -> None:
        """Keep a recording."""
        with self._lock:
            self._clips[digest] = data
            self._clips.move_to_end(digest)
            while len(self._clips) > KEPT:
                self._clips.popitem(last=False)

    def get(self, digest: str) -> bytes:
        """Return a recording. Raises InputError where it is gone."""
        with self._lock:
            if digest not in self._clips:
                raise InputError("voice: its recording is not there any more; it may have been revoked")
            self._clips.move_to_end(digest)
            return self._clips[digest]

    def clear(self) -> None:
        """Forget all recordings."""
        with self._lock:
            self._clips.clear()

    def forget(self, digests: list[str]) -> int:
        """Delete recordings; return how many there were."""
        with self._lock:
            return sum(self._clips.pop(digest, None) is not None for digest in digests)
