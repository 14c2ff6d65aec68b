"""A service on a free port of the loopback interface, in a thread of the test's own process."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from sovits_lab.bench.service_stack import ServiceStack
from sovits_lab.provenance.consent import ConsentLedger
from sovits_lab.provenance.labels import AIGC, NOTE, add_labels, first_label
from sovits_lab.provenance.notice import AudibleNotice, NoticePlace, audible_notice
from sovits_lab.serving.access.principal import Allowance
from sovits_lab.serving.building import keys_of, make_service
from sovits_lab.serving.contracts import (
    Container,
    KeepsVoiceData,
    MarkFacts,
    RegisteredVoice,
    RevokedVoiceError,
    UnknownVoiceError,
    Unmarked,
    VoiceUpload,
)
from sovits_lab.serving.listening import listener
from sovits_lab.serving.marking import LABELLED
from sovits_lab.serving.service import SpeechService
from sovits_lab.serving.settings import compose_settings
from sovits_lab.serving.voices.acceptance import ClipAcceptance
from sovits_lab.serving.voices.registry import SqliteVoices


@dataclass
class PlainVoices:
    """A registry without checks, in memory: the service's side of the contract."""

    kept: dict[tuple[str, str], RegisteredVoice] = field(default_factory=dict)
    revoked: set[tuple[str, str]] = field(default_factory=set)
    keepers: list[KeepsVoiceData] = field(default_factory=list)

    def list(self, owner: str) -> Sequence[RegisteredVoice]:
        return [one for (who, _), one in self.kept.items() if who == owner]

    def get(self, owner: str, voice_id: str) -> RegisteredVoice:
        if (owner, voice_id) in self.revoked:
            raise RevokedVoiceError(f"voice {voice_id}: its consent was withdrawn")
        if (owner, voice_id) not in self.kept:
            raise UnknownVoiceError(f"voice: got {voice_id!r}, expected another")
        return self.kept[owner, voice_id]

    def enrol(self, owner: str, upload: VoiceUpload) -> RegisteredVoice:
        digest = hashlib.sha256(upload.clip).hexdigest()
        voice = RegisteredVoice(
            upload.name.lower(), upload.name, owner, upload.clip, digest, upload.text, dict(upload.styles),
            upload.languages, "consent-1", created=time.time(),
        )  # fmt: skip
        self.kept[owner, voice.id] = voice
        return voice

    def revoke(self, owner: str, voice_id: str, reason: str) -> None:
        self.get(owner, voice_id)
        del self.kept[owner, voice_id]
        self.revoked.add((owner, voice_id))
        for keeper in self.keepers:
            keeper.forget_voice(voice_id)

    def watch(self, keeper: KeepsVoiceData) -> None:
        self.keepers.append(keeper)


class MemoryAudit:
    """A log that is gone with the process; `events` are what was appended."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def append(self, event: Mapping[str, Any]) -> str:
        """Keep an event; its id is its number."""
        self.events.append(dict(event))
        return str(len(self.events))


class LabelledOnly(Unmarked):
    """Marks nothing in the sound, which needs no weights, and labels files and streams as the default does."""

    def __init__(self, place: NoticePlace | None = None) -> None:
        self.place = place

    def notice(self, sample_rate: int) -> AudibleNotice:
        return audible_notice(sample_rate, self.place) if self.place else AudibleNotice()

    def label(self, data: bytes, container: Container, facts: MarkFacts) -> bytes:
        return add_labels(data, first_label("tests", facts.request_id)) if container in LABELLED else data

    def metadata(self, facts: MarkFacts) -> Mapping[str, str]:
        return {AIGC: first_label("tests", facts.request_id).to_json(), "comment": NOTE}


def plain_registry(folder: Path) -> SqliteVoices:
    """The real registry, without networks."""
    folder.mkdir(parents=True, exist_ok=True)
    return SqliteVoices(folder / "voices.db", ConsentLedger(folder / "consents.db"), ClipAcceptance())


@dataclass
class RunningService:
    """A service that listens, and keys to it."""

    url: str
    key: str
    folder: Path
    service: SpeechService

    def client(self, key: str | None = None, **more: Any) -> httpx.Client:
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {key or self.key}"}, timeout=PATIENCE, **more
        )

    def more_keys(self, owner: str, *scopes: str, **allowance: Any) -> str:
        return keys_of(self.folder).add(owner, scopes or ("speak",), Allowance(**allowance))


Deployment = RunningService | ServiceStack  # one process, or a cluster: `url`, `key`, `folder`, `client()`
PATIENCE = 200  # seconds; a test that waits longer has failed, however busy the machine is
PLAIN = (
    "voices._target_=tests.serving.servers.PlainVoices",
    "marker._target_=sovits_lab.serving.contracts.Unmarked",
    "audit._target_=tests.serving.servers.MemoryAudit",
)
LABELS = "marker._target_=tests.serving.servers.LabelledOnly"
REGISTRY = "voices={_target_:tests.serving.servers.plain_registry}"
# Nobody is refused or spoken to by the light voice because the machine is busy; tests of that ask for it.
ROOMY = ("queue.waiting=500", "queue.waiting_per_owner=500", f"queue.patience={PATIENCE}", "load.degrade_after=10000",
         f"http.slow_seconds={PATIENCE}")  # fmt: skip


def wait_until(ready: Callable[[], Any], what: str) -> None:
    """Wait for something that happens soon on an idle machine."""
    deadline = time.monotonic() + PATIENCE
    while not ready():
        assert time.monotonic() < deadline, f"not within {PATIENCE} s: {what}"
        time.sleep(0.01)


@contextmanager
def running(bundle: Path, folder: Path, *words: str, plain: Sequence[str] = PLAIN) -> Iterator[RunningService]:
    """Start a service, and stop it; `plain` are the parts that are not on trial."""
    taken = socket.create_server(("127.0.0.1", 0))  # held from now on, so that nobody else gets this port
    port = taken.getsockname()[1]
    settings = [f"bundle={bundle}", f"folder={folder}", f"http.port={port}", *plain, *ROOMY, *words]
    service = make_service(compose_settings(settings))
    key = keys_of(folder).add("ann", ("speak", "voices:write", "admin"), Allowance(0, 0, "high"))
    server = uvicorn.Server(listener(service))
    thread = threading.Thread(target=server.run, args=([taken],), daemon=True)
    thread.start()
    wait_until(lambda: server.started or not thread.is_alive(), "a service that started")
    assert server.started, "the service did not start"
    try:
        yield RunningService(f"http://127.0.0.1:{port}", key, folder, service)
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
