"""What networks made of recordings, kept by the hash of the recording: a restart need not hear them again.

The same file notes which recordings were spoken with for which voice. So a revocation finds the vectors, and what other
caches hold by the same hashes, also when another process, or this one before a restart, has made them.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import AbstractContextManager
from pathlib import Path

from sovits_lab.databases import opened

TABLES = (
    "create table if not exists used (voice text not null, digest text not null, primary key (voice, digest)) strict",
    """create table if not exists vectors (
    digest text not null, model text not null, data blob not null, primary key (digest, model)
) strict""",
)


class VoiceVectors:
    """Vectors of recordings in one SQLite file; for several threads and processes at once.

    Args:
        path: of the file; made where it is missing, for its owner's eyes only.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._noted: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)

    def note(self, voice_id: str, digest: str) -> None:
        """Note that a recording is spoken with for a voice. Raises InputError where that cannot be kept."""
        with self._lock:
            if (voice_id, digest) in self._noted:
                return
        with self._base() as base:
            base.execute("insert or ignore into used values (?, ?)", (voice_id, digest))
        with self._lock:
            self._noted.add((voice_id, digest))

    def digests(self, voice_id: str) -> list[str]:
        """Return the hashes of a voice's recordings that were ever spoken with."""
        with self._base() as base:
            rows = base.execute("select digest from used where voice = ? order by digest", (voice_id,))
            return [digest for (digest,) in rows]

    def get(self, digest: str, model: str) -> bytes | None:
        """Return what a model made of a recording; None where it was not kept."""
        with self._base() as base:
            found = base.execute("select data from vectors where digest = ? and model = ?", (digest, model)).fetchone()
        return None if found is None else bytes(found[0])

    def put(self, digest: str, model: str, data: bytes) -> None:
        """Keep what a model made of a recording that is noted; of others, as after a revocation, nothing is kept."""
        with self._base() as base:
            base.execute(
                "insert or replace into vectors select ?, ?, ? where exists (select 1 from used where digest = ?)",
                (digest, model, data, digest),
            )

    def forget_voice(self, voice_id: str) -> int:
        """Delete the vectors of a voice's recordings from the file; return how many there were."""
        digests = self.digests(voice_id)
        with self._lock:
            self._noted = {one for one in self._noted if one[0] != voice_id}
        with self._base() as base:
            gone = sum(base.execute("delete from vectors where digest = ?", (one,)).rowcount for one in digests)
            base.execute("delete from used where voice = ?", (voice_id,))
        return gone

    def _base(self) -> AbstractContextManager[sqlite3.Connection]:
        return opened(self.path, "vectors", TABLES)


class ModelVectors:
    """The vectors that one model made.

    Args:
        vectors: of all models.
        model: hash of the model.
    """

    def __init__(self, vectors: VoiceVectors, model: str) -> None:
        self.vectors, self.model = vectors, model

    def get(self, digest: str) -> bytes | None:
        """Return what the model made of a recording, or None."""
        return self.vectors.get(digest, self.model)

    def put(self, digest: str, data: bytes) -> None:
        """Keep what the model made of a recording."""
        self.vectors.put(digest, self.model, data)
