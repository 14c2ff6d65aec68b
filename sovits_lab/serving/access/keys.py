"""API keys: made once, shown once, kept as hashes.

A key is 32 random bytes, so a plain SHA-256 cannot be searched backwards; slow password hashes are for secrets of
people.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from sovits_lab.databases import opened
from sovits_lab.serving.access.principal import SCOPES, Allowance, Principal
from sovits_lab.types import got

PREFIX = "sk-sovits-"
TABLES = (
    """CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, scopes TEXT NOT NULL, allowance TEXT NOT NULL,
    created REAL NOT NULL, disabled REAL
)""",
)


class KeyRecord(NamedTuple):
    """What is known of a key: who has it, and the Unix time at which it was taken out of use, if it was."""

    who: Principal
    disabled: float | None


class ApiKeys:
    """The keys of a service, in an SQLite file.

    Args:
        file: made where it is missing, for its owner's eyes only.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._open():
            pass  # its tables are made now, and a file that cannot be used is told now

    def __len__(self) -> int:
        with self._open() as base:
            return int(base.execute("SELECT count(*) FROM keys WHERE disabled IS NULL").fetchone()[0])

    def add(self, owner: str, scopes: Sequence[str] = ("speak",), allowance: Allowance | None = None) -> str:
        """Make a key; it is returned this once and kept as a hash only.

        Raises:
            InputError: an unknown scope, or an owner without a name.
        """
        if not owner or not owner.isprintable() or len(owner) > 64:
            raise got("owner", owner, "a name of 1 to 64 letters")
        if unknown := [scope for scope in scopes if scope not in SCOPES]:
            raise got("scopes", unknown[0], f"of {', '.join(SCOPES)}")
        key = PREFIX + secrets.token_urlsafe(32)
        row = (f"key_{secrets.token_hex(4)}", owner, _hash(key), json.dumps(sorted(scopes)),
               json.dumps(asdict(allowance or Allowance())), time.time())  # fmt: skip
        with self._open() as base:
            base.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, NULL)", row)
        return key

    def find(self, key: str) -> Principal | None:
        """Return who has this key; None for a key that is unknown or disabled."""
        with self._open() as base:
            row = base.execute(
                "SELECT owner, id, scopes, allowance FROM keys WHERE hash = ? AND disabled IS NULL", (_hash(key),)
            ).fetchone()
        if row is None:
            return None
        return Principal(row[0], row[1], frozenset(json.loads(row[2])), Allowance(**json.loads(row[3])))

    def has_ended(self, who: Principal) -> bool:
        """Return whether the key of a caller was taken out of use since it let them in."""
        with self._open() as base:
            query = "SELECT 1 FROM keys WHERE id = ? AND disabled IS NOT NULL"
            return base.execute(query, (who.key_id,)).fetchone() is not None

    def disable(self, key_id: str) -> None:
        """Take a key out of use. Raises InputError for one that is not there."""
        with self._open() as base:
            done = base.execute("UPDATE keys SET disabled = ? WHERE id = ? AND disabled IS NULL", (time.time(), key_id))
            if not done.rowcount:
                raise got("key", key_id, "the id of a key in use; `keys list` shows them")

    def listed(self) -> list[KeyRecord]:
        """Return what is known of every key, the oldest first."""
        with self._open() as base:
            rows = base.execute("SELECT id, owner, scopes, allowance, disabled FROM keys ORDER BY created").fetchall()
        return [
            KeyRecord(Principal(owner, key_id, frozenset(json.loads(scopes)), Allowance(**json.loads(allowance))), gone)
            for key_id, owner, scopes, allowance, gone in rows
        ]

    def _open(self) -> AbstractContextManager[sqlite3.Connection]:
        return opened(self._file, "keys", TABLES)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
