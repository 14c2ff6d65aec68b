"""Who agreed that their voice is used, for what and until when; and that they withdrew it.

Records lie in one SQLite file. A withdrawal removes what names the person and leaves a tombstone: the id, the hash of
the recording, when and why. A recording with a tombstone is not taken again: whoever agrees anew records anew.
"""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sovits_lab.databases import opened
from sovits_lab.files import printable
from sovits_lab.types import InputError, got

CONSENT_ID = re.compile(r"consent-[0-9a-f]{16}")
REQUIRED = ("who", "purpose", "until", "version")
LONGEST_FIELD = 500
FOREVER = "forever"
TABLES = (
    """create table if not exists consents (
    id text primary key, owner text not null, clip_hash text not null, given real not null, until text not null,
    fields text not null, revoked real, reason text not null default ''
) strict""",
    "create index if not exists consents_by_clip on consents (clip_hash)",
)


class ConsentError(InputError):
    """There is no consent, or it has ended or was withdrawn."""


@dataclass(frozen=True)
class ConsentRecord:
    """What somebody agreed to.

    Attributes:
        id: `consent-` and 16 hexadecimal digits.
        owner: the tenant that it was given to; "" is whoever runs the program.
        clip_hash: SHA-256 of the recording that it is about, in hexadecimal; empty for a whole corpus.
        given: Unix time.
        until: last day, as `2027-12-31`, or `forever`.
        fields: the rest as it was given: `who`, `purpose`, `version` of the text that was agreed to, and others. Empty
            after a withdrawal.
        revoked: Unix time of the withdrawal; None while it stands.
        reason: of the withdrawal.
    """

    id: str
    owner: str
    clip_hash: str
    given: float
    until: str
    fields: Mapping[str, str]
    revoked: float | None = None
    reason: str = ""

    def why_not(self, now: float) -> str:
        """Return why it does not hold at a Unix time; empty where it holds."""
        if self.revoked is not None:
            return f"was withdrawn on {_day(self.revoked)}"
        if self.until != FOREVER and _day(now) > self.until:
            return f"ended on {self.until}"
        return ""


class ConsentLedger:
    """The records in a file, for several threads and processes at once.

    Args:
        path: of the SQLite file; it is made with the first record.
        clock: Unix time in seconds.
    """

    def __init__(self, path: Path | str, clock: Callable[[], float] = time.time) -> None:
        self.path, self.clock = Path(path), clock

    def grant(self, fields: Mapping[str, Any], clip_hash: str = "", owner: str = "") -> ConsentRecord:
        """Keep a consent and return its record.

        Raises:
            InputError: a field that is missing or cannot be, a day that is past, or a recording whose consent was
                withdrawn before.
        """
        checked = checked_fields(fields, _day(self.clock()))
        until = checked.pop("until")
        record = ConsentRecord(
            f"consent-{secrets.token_hex(8)}", owner, clip_hash, round(self.clock(), 3), until, checked
        )
        with self._base() as base:
            if clip_hash and (stone := _tombstone(base, clip_hash)) is not None:
                raise ConsentError(
                    f"consent: the recording's earlier one {stone.why_not(self.clock())}, expected a new recording"
                )
            base.execute(
                "insert into consents (id, owner, clip_hash, given, until, fields) values (?, ?, ?, ?, ?, ?)",
                (record.id, owner, clip_hash, record.given, until, json.dumps(checked)),
            )
        return record

    def get(self, consent_id: str) -> ConsentRecord:
        """Return a record, a withdrawn one too.

        Raises:
            ConsentError: there is none of this id.
        """
        if self.path.exists():
            with self._base() as base:
                row = base.execute(f"{SELECT} where id = ?", (consent_id,)).fetchone()
            if row is not None:
                return _record(row)
        raise ConsentError(f"consent: got {printable(consent_id)[:80]!r}, expected the id of a record in {self.path}")

    def require(self, consent_id: str) -> ConsentRecord:
        """Return a record that holds now.

        Raises:
            ConsentError: there is none, it has ended or was withdrawn.
        """
        record = self.get(consent_id)
        if why := record.why_not(self.clock()):
            raise ConsentError(f"consent {consent_id}: it {why}")
        return record

    def revoke(self, consent_id: str, reason: str) -> ConsentRecord:
        """Withdraw a consent: what names the person is removed, a tombstone stays. Twice is as once.

        Raises:
            ConsentError: there is none of this id.
        """
        self.get(consent_id)
        with self._base() as base:
            base.execute(
                "update consents set revoked = ?, reason = ?, fields = '{}' where id = ? and revoked is null",
                (round(self.clock(), 3), reason[:LONGEST_FIELD], consent_id),
            )
        with self._base() as base:
            base.execute("vacuum")  # what was removed must not stay in free pages
        return self.get(consent_id)

    def discard(self, consent_id: str) -> None:
        """Delete a record whose voice could not be kept: nothing was made with it, so the recording may come again."""
        with self._base() as base:
            base.execute("delete from consents where id = ?", (consent_id,))

    def list(self, owner: str | None = None) -> list[ConsentRecord]:
        """Return all records of an owner, of all with None, the oldest first."""
        if not self.path.exists():
            return []
        with self._base() as base:
            rows = base.execute(f"{SELECT} where owner = ifnull(?, owner) order by given, id", (owner,)).fetchall()
        return [_record(row) for row in rows]

    def _base(self) -> AbstractContextManager[sqlite3.Connection]:
        return opened(self.path, "consents", TABLES)


SELECT = "select id, owner, clip_hash, given, until, fields, revoked, reason from consents"


def checked_fields(fields: Mapping[str, Any], today: str) -> dict[str, str]:
    """Return the fields of a consent as they are kept, without blanks around them.

    Raises:
        InputError: one is missing, no text, too long, or `until` no day from today on.
    """
    found = {}
    for name, value in fields.items():
        if not isinstance(value, str) or not isinstance(name, str) or len(value) > LONGEST_FIELD or len(name) > 40:
            raise got(f"consent, {str(name)[:40]}", str(value)[:80], f"a text of at most {LONGEST_FIELD} letters")
        if not name.isprintable():
            raise got("consent, field", name, "a name of printable letters")
        found[name] = printable(value.strip())
    for name in REQUIRED:
        if not found.get(name):
            raise got(f"consent, {name}", "nothing", f"all of {', '.join(REQUIRED)}")
    if len(found) > 20:
        raise got("consent", f"{len(found)} fields", "at most 20")
    if found["until"] != FOREVER:
        found["until"] = _checked_day(found["until"], today)
    return found


def _checked_day(text: str, today: str) -> str:
    try:
        day = date.fromisoformat(text).isoformat()
    except ValueError:
        raise got("consent, until", text, f"a day such as 2027-12-31, or {FOREVER}") from None
    if day < today:
        raise got("consent, until", text, f"a day from {today} on")
    return day


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).date().isoformat()


def _tombstone(base: sqlite3.Connection, clip_hash: str) -> ConsentRecord | None:
    row = base.execute(f"{SELECT} where clip_hash = ? and revoked is not null limit 1", (clip_hash,)).fetchone()
    return None if row is None else _record(row)


def _record(row: tuple[Any, ...]) -> ConsentRecord:
    consent_id, owner, clip_hash, given, until, fields, revoked, reason = row
    return ConsentRecord(consent_id, owner, clip_hash, given, until, json.loads(fields), revoked, reason)
