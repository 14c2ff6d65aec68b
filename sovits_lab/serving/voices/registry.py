"""Enrolled voices in one SQLite file: recordings, names, consent, tombstones. Owners see their own voices alone."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import re
import secrets
import sqlite3
import threading
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from sovits_lab.databases import opened
from sovits_lab.files import printable, reason_of
from sovits_lab.provenance.consent import ConsentError, ConsentLedger
from sovits_lab.serving.contracts import (
    KeepsVoiceData,
    RegisteredVoice,
    RevokedVoiceError,
    UnforgottenVoiceError,
    UnknownVoiceError,
    VoiceUpload,
)
from sovits_lab.serving.voices.acceptance import ClipAcceptance
from sovits_lab.types import InputError, got

log = logging.getLogger(__name__)
VOICE_ID = re.compile(r"[a-z0-9_-]{1,64}")
LANGUAGE = re.compile(r"[a-z]{2,3}")
LABEL = re.compile(r"[a-z][a-z0-9_-]{0,31}")
LONGEST_NAME, LONGEST_TEXT, MOST_STYLES, MOST_LANGUAGES = 80, 1000, 16, 16
MOST_VOICES = 1000  # of one owner
STYLE_SECONDS = (1.0, 30.0)
TABLES = (
    """create table if not exists voices (
    id text primary key, owner text not null, name text not null, clip blob, clip_hash text not null, clip_text text,
    languages text not null, consent text not null, remarks text not null, created real not null, revoked real,
    reason text not null default ''
) strict""",
    """create table if not exists styles (
    voice text not null, emotion text not null, clip blob not null, primary key (voice, emotion)
) strict""",
    "create unique index if not exists voices_by_name on voices (owner, name) where revoked is null",
)
COLUMNS = "id, name, owner, clip, clip_hash, clip_text, languages, consent, remarks, created, revoked"
LISTED = COLUMNS.replace(" clip,", " null,")  # recordings are megabytes, and lists need none


class SqliteVoices:
    """The registry of voices; for several threads and processes at once.

    Args:
        path: of the SQLite file.
        ledger: the consents. A voice whose consent ends or is withdrawn there is deleted when it is next asked for.
        acceptance: what decides on recordings.
        most: voices of one owner.
    """

    def __init__(
        self, path: Path | str, ledger: ConsentLedger, acceptance: ClipAcceptance, most: int = MOST_VOICES
    ) -> None:
        self.path, self.ledger, self.acceptance, self.most = Path(path), ledger, acceptance, most
        self._keepers: list[KeepsVoiceData] = []
        self._listening = threading.Lock()  # the networks of the acceptance hear one clip at a time

    def list(self, owner: str) -> Sequence[RegisteredVoice]:
        """Return the voices that an owner may speak with, see `VoiceRegistry`: its own and everybody's."""
        holding = {
            one.id for who in {owner, ""} for one in self.ledger.list(who) if not one.why_not(self.ledger.clock())
        }
        which = "owner in (?, '') and revoked is null"
        with self._base() as base:
            rows = base.execute(f"select {LISTED} from voices where {which} order by created, id", (owner,)).fetchall()  # noqa: S608
            query = f"select voice, emotion from styles join voices on voice = id where {which} order by emotion"  # noqa: S608
            styles = base.execute(query, (owner,)).fetchall()
        found = [_voice(row, {emotion: b"" for voice, emotion in styles if voice == row[0]}) for row in rows]
        return [voice for voice in found if voice.consent_id in holding or not self._ended(voice)]

    def get(self, owner: str, voice_id: str) -> RegisteredVoice:
        """Return one voice, see `VoiceRegistry`."""
        row = self._row(owner, voice_id)
        if row is None:
            known = ", ".join(voice.id for voice in self.list(owner)) or "none yet"
            raise UnknownVoiceError(f"voice: got {printable(voice_id)[:80]!r}, expected one of: {known}")
        voice = self._voice(row)
        if voice.revoked or self._ended(voice):
            raise RevokedVoiceError(f"voice {voice_id}: its consent was withdrawn or has ended, expected another voice")
        return voice

    def enrol(self, owner: str, upload: VoiceUpload) -> RegisteredVoice:
        """Check a recording and its consent, and keep them, see `VoiceRegistry`."""
        name, languages, text = checked_name(upload.name), _languages(upload), _text(upload)
        self._require_free(owner, name)
        language = languages[0] if languages else None
        with self._listening:
            accepted = self.acceptance.accept("clip", upload.clip, text, language)
            consent = _given(upload.consent)
            if upload.challenge is not None:
                likeness = self.acceptance.same_person(accepted.clip, upload.challenge)
                consent |= {"challenge": upload.challenge.sentence, "challenge_likeness": f"{likeness:.3f}"}
            styles = self._styles(upload.styles)
        clip = accepted.clip.stored()
        digest = hashlib.sha256(clip).hexdigest()
        record = self.ledger.grant(consent, digest, owner)
        voice = RegisteredVoice(
            id=_new_id(name), name=name, owner=owner, clip=clip, clip_hash=digest, clip_text=text, styles=styles,
            languages=languages, consent_id=record.id, created=record.given, remarks=accepted.remarks,
        )  # fmt: skip
        try:
            self._insert(voice)
        except InputError:
            self.ledger.discard(record.id)
            raise
        return voice

    def revoke(self, owner: str, voice_id: str, reason: str) -> None:
        """Delete a voice and leave a tombstone, see `VoiceRegistry`. Twice is as once."""
        row = self._row(owner, voice_id)
        if row is None or self._voice(row).owner != owner:
            self.get(owner, voice_id)  # says which voices there are
            raise UnknownVoiceError(f"voice {voice_id}: it is everybody's, expected a voice of your own")
        voice = self._voice(row)
        with contextlib.suppress(ConsentError):  # a ledger that was begun anew knows it no more
            self.ledger.revoke(voice.consent_id, reason)
        self._purge(voice, reason)

    def watch(self, keeper: KeepsVoiceData) -> None:
        """Let a keeper of voice data know of every revocation."""
        self._keepers.append(keeper)

    def _ended(self, voice: RegisteredVoice) -> bool:
        """Whether its consent holds no more; the voice is then deleted."""
        try:
            self.ledger.require(voice.consent_id)
        except ConsentError as error:
            self._purge(voice, str(error))
            return True
        return False

    def _purge(self, voice: RegisteredVoice, reason: str) -> None:
        """Take the recordings away, then let every keeper forget the voice."""
        with self._base() as base:
            base.execute(
                "update voices set clip = null, clip_text = null, name = '', remarks = '[]', reason = ?, "
                "revoked = ifnull(revoked, ?) where id = ?",
                (reason[:500], self.ledger.clock(), voice.id),
            )
            base.execute("delete from styles where voice = ?", (voice.id,))
        with self._base() as base:
            base.commit()
            base.execute("vacuum")  # what was deleted must not stay in free pages
        failed = []
        for keeper in self._keepers:
            try:
                keeper.forget_voice(voice.id)
            except Exception as error:  # whatever a keeper stumbles over, the others must forget, too
                failed.append(f"{type(keeper).__name__} ({reason_of(error)})")
        if failed:
            log.error("voice %s: not forgotten by %s", voice.id, ", ".join(failed))
            raise UnforgottenVoiceError(
                f"voice {voice.id}: it is revoked and not spoken with, but not all of it is deleted; revoke it again"
            )

    def _styles(self, clips: Mapping[str, bytes]) -> dict[str, bytes]:
        if len(clips) > MOST_STYLES:
            raise got("styles", f"{len(clips)} recordings", f"at most {MOST_STYLES}")
        kept = {}
        for emotion, data in clips.items():
            if not LABEL.fullmatch(emotion):
                raise got("styles, emotion", emotion[:80], "a word of small letters, such as sad")
            kept[emotion] = self.acceptance.accept(f"style {emotion}", data, seconds=STYLE_SECONDS).clip.stored()
        return kept

    def _insert(self, voice: RegisteredVoice) -> None:
        values = (
            voice.id, voice.owner, voice.name, voice.clip, voice.clip_hash, voice.clip_text,
            json.dumps(voice.languages), voice.consent_id, json.dumps(voice.remarks), voice.created,
        )  # fmt: skip
        with self._base() as base:
            try:
                base.execute(
                    "insert into voices (id, owner, name, clip, clip_hash, clip_text, languages, consent, remarks, "
                    "created) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    values,
                )
            except sqlite3.IntegrityError as error:
                raise _taken(voice.name) from error
            base.executemany(
                "insert into styles (voice, emotion, clip) values (?, ?, ?)",
                [(voice.id, emotion, clip) for emotion, clip in voice.styles.items()],
            )

    def _require_free(self, owner: str, name: str) -> None:
        with self._base() as base:
            rows = base.execute("select name from voices where owner = ? and revoked is null", (owner,))
            names = [taken for (taken,) in rows]
        if name in names:
            raise _taken(name)
        if len(names) >= self.most:
            raise InputError(f"voices: this account has {len(names)}, which is as many as it may; revoke one first")

    def _row(self, owner: str, voice_id: str) -> tuple[Any, ...] | None:
        if not isinstance(voice_id, str) or not VOICE_ID.fullmatch(voice_id):
            return None
        with self._base() as base:
            return base.execute(
                f"select {COLUMNS} from voices where id = ? and owner in (?, '')",  # noqa: S608  our own words
                (voice_id, owner),
            ).fetchone()

    def _voice(self, row: tuple[Any, ...]) -> RegisteredVoice:
        with self._base() as base:
            styles = base.execute("select emotion, clip from styles where voice = ? order by emotion", (row[0],))
            return _voice(row, dict(styles))

    def _base(self) -> AbstractContextManager[sqlite3.Connection]:
        return opened(self.path, "voices", TABLES)


def _voice(row: tuple[Any, ...], styles: Mapping[str, bytes]) -> RegisteredVoice:
    voice_id, name, owner, clip, digest, text, languages, consent, remarks, created, revoked = row
    return RegisteredVoice(
        id=voice_id, name=name, owner=owner, clip=clip or b"", clip_hash=digest, clip_text=text, styles=styles,
        languages=tuple(json.loads(languages)), consent_id=consent, revoked=revoked is not None, created=created,
        remarks=tuple(json.loads(remarks)),
    )  # fmt: skip


def checked_name(name: str) -> str:
    """Return a name for people, without blanks around it.

    Raises:
        InputError: empty, too long, or with letters that cannot be printed.
    """
    shown = unicodedata.normalize("NFC", name.strip()) if isinstance(name, str) else ""
    if not shown or len(shown) > LONGEST_NAME or not shown.isprintable():
        raise got("voice, name", str(name)[:80], f"1 to {LONGEST_NAME} printable letters")
    return shown


def _given(consent: Mapping[str, str]) -> dict[str, str]:
    """The fields that a client gave; what the service itself found out is none of them."""
    if own := [name for name in consent if name.strip().startswith("challenge")]:
        raise got("consent, field", own[0], "fields of your own; the service writes what it heard of a challenge")
    return dict(consent)


def _languages(upload: VoiceUpload) -> tuple[str, ...]:
    if len(upload.languages) > MOST_LANGUAGES:
        raise got("voice, languages", f"{len(upload.languages)} of them", f"at most {MOST_LANGUAGES}")
    for one in upload.languages:
        if not LANGUAGE.fullmatch(one):
            raise got("voice, language", one[:80], "a code such as en")
    return tuple(dict.fromkeys(upload.languages))


def _text(upload: VoiceUpload) -> str | None:
    text = upload.text
    if text is not None and (not text.strip() or len(text) > LONGEST_TEXT or "\0" in text):
        raise got("voice, text", text[:80], f"1 to {LONGEST_TEXT} letters")
    return text


def _new_id(name: str) -> str:
    """An id that reads like the name: its plain letters, and six digits by chance."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40] or "voice"
    return f"{slug}-{secrets.token_hex(3)}"


def _taken(name: str) -> InputError:
    return got("voice, name", name, "a name that you have not used; revoke that voice first")
