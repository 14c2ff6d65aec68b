"""Jobs on disk, in SQLite: what was accepted is there after any kill, and ends as done or as a stated failure."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from sovits_lab.databases import opened
from sovits_lab.serving.problems import ProblemError

TABLES = (
    """CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, who TEXT NOT NULL, same TEXT, body TEXT NOT NULL, ask TEXT NOT NULL,
    voice_id TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, created REAL NOT NULL, ended REAL,
    outcome TEXT NOT NULL DEFAULT '{}', UNIQUE (owner, same)
)""",
    "CREATE INDEX IF NOT EXISTS by_state ON jobs (state, created)",
)
OPEN = ("queued", "running")
FIELDS = "id, owner, who, ask, voice_id, state, attempts, created, ended, outcome"


@dataclass(frozen=True)
class SpeechJob:
    """One job.

    Attributes:
        id: of the job; also the request's id.
        owner: whose it is.
        who: the caller as JSON values.
        ask: what is to be said; empty once it has ended.
        voice_id: with which voice.
        state: "queued", "running", "done", "failed" or "cancelled".
        attempts: how many times it was begun.
        created, ended: Unix times.
        outcome: facts of the speech, or the problem.
    """

    id: str
    owner: str
    who: dict[str, Any]
    ask: dict[str, Any]
    voice_id: str
    state: str
    attempts: int
    created: float
    ended: float | None
    outcome: dict[str, Any]


class JobLedger:
    """The jobs of a service; every method is one transaction, from any thread.

    Args:
        file: the database, made where it is missing.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        file.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as base:
            base.execute("PRAGMA journal_mode = WAL")

    def accept(self, who: Mapping[str, Any], ask: Mapping[str, Any], voice_id: str, same: str | None) -> SpeechJob:
        """Keep a job, and return it; for an idempotency key that is known, return the job that it made.

        Args:
            who: the caller as JSON values.
            ask: the request's body.
            voice_id: that it speaks with.
            same: the idempotency key.

        Raises:
            ProblemError: 409 for an idempotency key that came with another body.
        """
        text = json.dumps(ask, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        job_id = f"job_{secrets.token_hex(12)}"
        with self._open() as base:
            base.execute(
                "INSERT OR IGNORE INTO jobs (id, owner, who, same, body, ask, voice_id, state, created) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, 'queued', ?)",
                (job_id, who["owner"], json.dumps(who), same, digest, text, voice_id, time.time()),
            )
            if same is not None:
                row = base.execute("SELECT id, body FROM jobs WHERE owner = ? AND same = ?", (who["owner"], same))
                job_id, body = row.fetchone()
                if body != digest:
                    detail = "this Idempotency-Key came with another body before; use a new one"
                    raise ProblemError(HTTPStatus.CONFLICT, "idempotency_key_reused", detail)
        found = self.find(job_id)
        assert found is not None
        return found

    def knows(self, owner: str, same: str | None) -> bool:
        """Return whether an idempotency key of an owner has made a job that is still kept."""
        with self._open() as base:
            return base.execute("SELECT 1 FROM jobs WHERE owner = ? AND same = ?", (owner, same)).fetchone() is not None

    def find(self, job_id: str, owner: str | None = None) -> SpeechJob | None:
        """Return a job, of one owner where that is given; None where there is none."""
        with self._open() as base:
            row = base.execute(f"SELECT {FIELDS} FROM jobs WHERE id = ?", (job_id,)).fetchone()  # noqa: S608 - a constant
        job = None if row is None else _job(row)
        return job if job is not None and owner in (None, job.owner) else None

    def take(self) -> SpeechJob | None:
        """Take the oldest job that waits, and count an attempt; None where none waits."""
        with self._open() as base:
            row = base.execute(
                "UPDATE jobs SET state = 'running', attempts = attempts + 1 WHERE id = "  # noqa: S608 - a constant
                f"(SELECT id FROM jobs WHERE state = 'queued' ORDER BY created LIMIT 1) RETURNING {FIELDS}"
            ).fetchone()
        return None if row is None else _job(row)

    def requeue(self, job_id: str | None = None, unbegun: bool = False) -> int:
        """Let one job wait again, or all that were running when the process ended; return how many.

        One that was not begun, because nobody was there to speak it, gets its attempt back.
        """
        with self._open() as base:
            more, values = ("", ()) if job_id is None else (" AND id = ?", (job_id,))
            query = "UPDATE jobs SET state = 'queued', attempts = attempts - ? WHERE state = 'running'"
            return base.execute(query + more, (int(unbegun), *values)).rowcount

    def end(self, job_id: str, state: str, outcome: Mapping[str, Any]) -> bool:
        """End a job, once: True for the call that ended it. Its text is forgotten."""
        with self._open() as base:
            done = base.execute(
                "UPDATE jobs SET state = ?, outcome = ?, ended = ?, ask = '{}' "
                "WHERE id = ? AND state IN ('queued', 'running')",
                (state, json.dumps(outcome), time.time(), job_id),
            )
            return done.rowcount == 1

    def delete(self, job_id: str) -> None:
        """Forget a job that has ended."""
        with self._open() as base:
            base.execute("DELETE FROM jobs WHERE id = ? AND state NOT IN ('queued', 'running')", (job_id,))

    def waiting(self, owner: str) -> int:
        """Count the jobs of an owner that have not ended."""
        with self._open() as base:
            query = "SELECT count(*) FROM jobs WHERE owner = ? AND state IN ('queued', 'running')"
            return int(base.execute(query, (owner,)).fetchone()[0])

    def drop(self, voice_id: str | None = None, before: float = 0.0) -> list[str]:
        """Delete the ended jobs of a voice, or all that ended before a time; end the open ones of the voice."""
        with self._open() as base:
            if voice_id is None:
                rows = base.execute("DELETE FROM jobs WHERE ended < ? RETURNING id", (before,)).fetchall()
                return [row[0] for row in rows]
            revoked = json.dumps({"problem": {"code": "voice_revoked", "detail": "the voice was revoked"}})
            rows = base.execute(
                "UPDATE jobs SET state = 'failed', outcome = ?, ended = ?, ask = '{}' WHERE voice_id = ? RETURNING id",
                (revoked, time.time(), voice_id),
            ).fetchall()
            return [row[0] for row in rows]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with opened(self._file, "jobs", TABLES) as base:
            base.execute("PRAGMA synchronous = FULL")  # accepted means on disk
            yield base


def _job(row: tuple[Any, ...]) -> SpeechJob:
    values = dict(zip(FIELDS.split(", "), row, strict=True))
    return SpeechJob(**{k: json.loads(v) if k in ("who", "ask", "outcome") else v for k, v in values.items()})
