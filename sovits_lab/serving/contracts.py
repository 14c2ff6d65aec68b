"""What the service asks of voices, of marks and of the audit log; each has a null object for tests and for a lab.

`conf/serving` names the class that fills each of them. All are called from several threads at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sovits_lab.provenance.notice import AudibleNotice
from sovits_lab.types import InputError

Container = Literal["wav", "flac", "mp3", "ogg", "aac", "pcm"]  # opus is in ogg; aac and pcm have no place for labels
Wave = NDArray[np.float32]


class UnknownVoiceError(InputError):
    """No such voice of this owner; the message names those that there are."""


class RevokedVoiceError(InputError):
    """The consent was withdrawn or has ended: the voice is not spoken with any more."""


class UnforgottenVoiceError(InputError):
    """A voice was revoked, but something that keeps data of it could not delete them yet."""


class RefusedClipError(InputError):
    """A recording that cannot be enrolled; the message says why, one reason after another."""


@dataclass(frozen=True)
class RegisteredVoice:
    """A voice that was enrolled, as the service speaks with it.

    Attributes:
        id: of `[a-z0-9_-]`, at most 64 letters; looked up in a table, never joined to a path.
        name: as people see it.
        owner: the tenant whose keys may use it; "" is everybody.
        clip: who speaks: the recording.
        clip_hash: SHA-256 of the recording's bytes, in hexadecimal; caches and clusters know the clip by it.
        clip_text: what is said in it, where that is known; voices of the released family go on from it.
        styles: recordings of emotions, by the emotion's name: how this voice sounds when it is sad, and so on.
        languages: that it was enrolled for; empty is any.
        consent_id: the consent record that allows it.
        revoked: it may not be spoken with.
        created: Unix time.
        remarks: what another recording would do better, in words.
    """

    id: str
    name: str
    owner: str
    clip: Path | bytes
    clip_hash: str
    clip_text: str | None = None
    styles: Mapping[str, Path | bytes] = field(default_factory=dict)
    languages: tuple[str, ...] = ()
    consent_id: str = ""
    revoked: bool = False
    created: float = 0.0
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChallengeAnswer:
    """Bytes of a recording, the sentence that it shall say, and the sentence's language."""

    recording: bytes
    sentence: str
    language: str


@dataclass(frozen=True)
class VoiceUpload:
    """What somebody uploads to have a voice.

    Attributes:
        name: as people shall see it.
        clip: bytes of a recording of 3 to 30 s.
        consent: fields of the consent record: `who`, `purpose`, `until` (a date), `version` of the text agreed to.
        text: what is said in the recording, which is then compared.
        styles: bytes of recordings of emotions.
        languages: that it is for.
        challenge: what the same person said when the service drew a sentence.
    """

    name: str
    clip: bytes
    consent: Mapping[str, str]
    text: str | None = None
    styles: Mapping[str, bytes] = field(default_factory=dict)
    languages: tuple[str, ...] = ()
    challenge: ChallengeAnswer | None = None


@runtime_checkable
class KeepsVoiceData(Protocol):
    """Whatever keeps something of a voice: caches, finished jobs."""

    def forget_voice(self, voice_id: str) -> int:
        """Delete all that was spoken with a voice or derived from it; return how many things were deleted."""


@runtime_checkable
class VoiceRegistry(Protocol):
    """The voices that were enrolled."""

    def list(self, owner: str) -> Sequence[RegisteredVoice]:
        """Return the voices that an owner may speak with, the oldest first, without revoked ones and recordings."""

    def get(self, owner: str, voice_id: str) -> RegisteredVoice:
        """Return one voice.

        Raises:
            UnknownVoiceError: none of this owner's, also when another owner has one of that name.
            RevokedVoiceError: its consent was withdrawn or has ended.
        """

    def enrol(self, owner: str, upload: VoiceUpload) -> RegisteredVoice:
        """Check a recording and its consent, and keep them.

        Raises:
            RefusedClipError: a recording that cannot be used, with every reason.
            InputError: consent that is not complete, or a name that is taken.
        """

    def revoke(self, owner: str, voice_id: str, reason: str) -> None:
        """Delete clip and vectors, tell all that watch, leave a tombstone.

        Raises:
            UnknownVoiceError: none of this owner's.
            UnforgottenVoiceError: it is revoked, but not everything of it is deleted.
        """

    def watch(self, keeper: KeepsVoiceData) -> None:
        """Let a keeper of voice data know of every revocation; it is called before `revoke` returns."""


@dataclass(frozen=True)
class MarkFacts:
    """What a mark or label may say of the speech that carries it.

    Attributes:
        request_id: of the request; the audit log has the same.
        model: hash of the bundle.
        voice_id: who speaks.
        consent_id: the consent that allows it; "" for a voice of the bundle.
    """

    request_id: str
    model: str
    voice_id: str
    consent_id: str = ""


class ShownMarks(NamedTuple):
    """What a reply carries that says that it is synthetic; "none" where it carries none.

    Attributes:
        mark: in the sound, with its version.
        label: "aigc", in the file.
        signature: "c2pa", over the file.
    """

    mark: str = "none"
    label: str = "none"
    signature: str = "none"

    def headers(self) -> dict[str, str]:
        """Return it as headers of a reply."""
        return {"X-Mark": self.mark, "X-Label": self.label, "X-Signature": self.signature}


@runtime_checkable
class OutputMarker(Protocol):
    """Marks every output as synthetic."""

    def mark(self, wav: Wave, sample_rate: int, facts: MarkFacts) -> Wave:
        """Return the waveform with an inaudible mark, of equal length; pieces of a stream come alone, in order."""

    def notice(self, sample_rate: int) -> AudibleNotice:
        """Return what is heard before and after the speech, to be marked with it; empty where nothing is."""

    def label(self, data: bytes, container: Container, facts: MarkFacts) -> bytes:
        """Return a whole file with its metadata label; of a container without a place for one, the bytes unchanged."""

    def metadata(self, facts: MarkFacts) -> Mapping[str, str]:
        """Return the label as names and values, which streams of `LABELLED` containers carry in their first bytes."""

    def shown(self, container: Container, whole: bool) -> ShownMarks:
        """Return what a reply says of its marks; a stream is not whole, and is not signed."""

    @property
    def name(self) -> str:
        """What is embedded, with its version, for the reply's header and the audit log; "none" for nothing."""


@runtime_checkable
class AuditLog(Protocol):
    """An append-only record of what was done with which voice."""

    def append(self, event: Mapping[str, Any]) -> str:
        """Record an event of plain JSON values, and return the id of its entry.

        Every event has `kind` ("speech", "speech_end", "enrol_begun", "enrol", "revoke", "setting"), `request_id`,
        `owner` and `key_id`;
        speech also has `voice_id`, `consent_id`, `model`, `mark`, `text_sha256`, `text_length`, `seconds`, `seed`,
        `flags`, `degraded`, and `text` only where the configuration asks for it. It never has the sound. The log
        itself adds the time.

        Raises:
            StoreError: when it cannot be written; what is not recorded is not spoken.
        """


class Unmarked:
    """A marker that leaves speech as it is; only for tests and for a lab, never by default."""

    name = "none"

    def mark(self, wav: Wave, sample_rate: int, facts: MarkFacts) -> Wave:
        """Return the waveform unchanged."""
        return wav

    def notice(self, sample_rate: int) -> AudibleNotice:
        """Return the empty notice."""
        return AudibleNotice()

    def label(self, data: bytes, container: Container, facts: MarkFacts) -> bytes:
        """Return the file unchanged."""
        return data

    def metadata(self, facts: MarkFacts) -> Mapping[str, str]:
        """Return no label."""
        return {}

    def shown(self, container: Container, whole: bool) -> ShownMarks:
        """Return that outputs have no marks."""
        return ShownMarks()
