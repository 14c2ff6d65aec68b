"""A service on a free port of the loopback interface, in a thread of the test's own process."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from sovits_lab.bench.service_stack import free_port
from sovits_lab.serving.access.principal import Allowance
from sovits_lab.serving.building import keys_of, make_service
from sovits_lab.serving.contracts import (
    KeepsVoiceData,
    RegisteredVoice,
    RevokedVoiceError,
    UnknownVoiceError,
    VoiceUpload,
)
from sovits_lab.serving.listening import listener
from sovits_lab.serving.service import SpeechService
from sovits_lab.serving.settings import composed


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


@dataclass
class RunningService:
    """A service that listens, and keys to it."""

    url: str
    key: str
    folder: Path
    service: SpeechService

    def client(self, key: str | None = None, **more: Any) -> httpx.Client:
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {key or self.key}"}, timeout=60, **more
        )

    def more_keys(self, owner: str, *scopes: str, **allowance: Any) -> str:
        return keys_of(self.folder).add(owner, scopes or ("speak",), Allowance(**allowance))


PLAIN = (
    "voices._target_=tests.serving.servers.PlainVoices",
    "marker._target_=sovits_lab.serving.contracts.Unmarked",
    "audit._target_=sovits_lab.serving.contracts.MemoryAudit",
)


@contextmanager
def running(bundle: Path, folder: Path, *words: str, plain: Sequence[str] = PLAIN) -> Iterator[RunningService]:
    """Start a service, and stop it; `plain` are the parts that are not on trial."""
    port = free_port()
    service = make_service(composed([f"bundle={bundle}", f"folder={folder}", f"http.port={port}", *plain, *words]))
    key = keys_of(folder).add("ann", ("speak", "voices:write", "admin"), Allowance(0, 0, "high"))
    server = uvicorn.Server(listener(service))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started and thread.is_alive() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.started, "the service did not start"
    try:
        yield RunningService(f"http://127.0.0.1:{port}", key, folder, service)
    finally:
        server.should_exit = True
        thread.join(15)
