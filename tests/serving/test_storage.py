"""Disks that are full, files that cannot be used: one sentence with a time to come back, nothing kept by halves."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from sovits_lab import databases
from sovits_lab.files import StoreError
from sovits_lab.provenance.consent import ConsentLedger
from sovits_lab.serving.building import make_service
from sovits_lab.serving.jobs import runner
from sovits_lab.serving.jobs.ledger import JobLedger
from sovits_lab.serving.listening import listener
from sovits_lab.serving.settings import compose_settings
from sovits_lab.types import InputError
from tests.serving.recordings import CONSENT, recording
from tests.serving.servers import PLAIN, REGISTRY, RunningService, running

BODY = {"input": "The river is cold.", "voice": "ann", "seed": 4, "response_format": "wav"}
LONG = {**BODY, "input": "The river is cold. " * 600}  # more than a page of a database


@contextmanager
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let SQLite find no room for another page, as it does on a full disk."""
    connect = sqlite3.connect

    def without_room(*values: Any, **more: Any) -> sqlite3.Connection:
        base = connect(*values, **more)
        base.execute("pragma max_page_count = 1")  # which is never less than what there is
        return base

    with monkeypatch.context() as patched:
        patched.setattr(databases.sqlite3, "connect", without_room)
        yield


def enrolment() -> dict[str, Any]:
    return {"files": {"clip": ("a.wav", recording())}, "data": {"name": "Dora", "consent": json.dumps(CONSENT)}}


def told_to_come_back(reply: httpx.Response, folder: Path) -> None:
    assert reply.status_code == 503 and int(reply.headers["retry-after"]) >= 1, reply.text
    assert reply.headers["content-type"] == "application/problem+json" and reply.json()["request_id"]
    assert str(folder) not in reply.text and "sqlite" not in reply.text.lower()


def test_a_full_disk_is_a_sentence_and_nothing_is_kept(
    voice_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(voice_folder, tmp_path, REGISTRY) as served, served.client() as client:
        assert client.get("/v1/voices").json() == {"voices": []}
        with full_disk(monkeypatch):
            told_to_come_back(client.post("/v1/audio/jobs", json=LONG, headers={"Idempotency-Key": "a"}), tmp_path)
            told_to_come_back(client.post("/v1/voices", **enrolment()), tmp_path)
        assert client.get("/v1/voices").json() == {"voices": []}
        assert ConsentLedger(tmp_path / "consents.db").list() == []
        assert JobLedger(tmp_path / "jobs.sqlite").take() is None
        again = client.post("/v1/audio/jobs", json=BODY, headers={"Idempotency-Key": "a"})
        assert again.status_code == 202, again.text
        assert client.post("/v1/voices", **enrolment()).status_code == 201


def test_what_cannot_be_recorded_is_neither_spoken_nor_enrolled(voice_folder: Path, tmp_path: Path) -> None:
    with running(voice_folder, tmp_path, REGISTRY, plain=PLAIN[:2]) as served, served.client() as client:
        (tmp_path / "audit.jsonl").unlink()
        (tmp_path / "audit.jsonl").mkdir()
        told_to_come_back(client.post("/v1/audio/speech", json=BODY), tmp_path)
        told_to_come_back(client.post("/v1/voices", **enrolment()), tmp_path)
        assert client.get("/v1/voices").json() == {"voices": []}


def test_jobs_wait_for_a_disk_that_takes_nothing(
    served: RunningService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ledger = JobLedger(tmp_path / "jobs.sqlite")
    failures = {"take": 2, "end": 2, "write": 2}

    def failing(name: str, change: Any) -> Any:
        def changed(*values: Any) -> Any:
            failures[name] -= 1
            if failures[name] >= 0:
                raise StoreError("jobs: cannot be used (database or disk is full)")
            return change(*values)

        return changed

    monkeypatch.setattr(runner, "FULL", 0.01)
    monkeypatch.setattr(runner, "LOOK", 0.01)
    monkeypatch.setattr(ledger, "take", failing("take", ledger.take))
    monkeypatch.setattr(ledger, "end", failing("end", ledger.end))
    who = {"owner": "ann", "key_id": "key_1", "scopes": ["speak"], "allowance": {}}
    job = ledger.accept(who, {"input": "Yes.", "voice": "ann", "response_format": "wav"}, "ann", None)

    async def spoken() -> None:
        async def speak(*_: Any) -> runner.SoundFile:
            return runner.SoundFile(b"sound", runner.SpeechFacts(1, 1.0))

        jobs = runner.JobRunner(speak, ledger, tmp_path / "results", 1000.0)
        monkeypatch.setattr(jobs, "_write", failing("write", jobs._write))
        await jobs.start()
        while (found := ledger.find(job.id)) is not None and found.state != "done":
            await asyncio.sleep(0.01)
        await jobs.stop()

    monkeypatch.setattr(runner, "LONGEST_PAUSE", 0.01)
    asyncio.run(asyncio.wait_for(spoken(), 60))
    assert (tmp_path / "results" / f"{job.id}.wav").read_bytes() == b"sound"
    assert all(left < 0 for left in failures.values())


def test_what_a_service_keeps_is_for_its_owner_alone(voice_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "service"
    with running(voice_folder, folder, REGISTRY) as served, served.client() as client:
        assert client.post("/v1/voices", **enrolment()).status_code == 201
        assert folder.stat().st_mode & 0o077 == 0 and (folder / "results").stat().st_mode & 0o077 == 0
        readable = [path.name for path in folder.glob("*.sqlite") if path.stat().st_mode & 0o077]
        readable += [path.name for path in folder.glob("*.db") if path.stat().st_mode & 0o077]
        assert readable == []


def test_a_folder_or_a_file_that_cannot_be_used_is_one_line(voice_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match=r"folder: got .*file', expected one that can be made"):
        make_service(compose_settings([f"bundle={voice_folder}", f"folder={tmp_path / 'file'}"]))
    (tmp_path / "keys.sqlite").write_bytes(b"no database, but long enough to be looked at" * 100)
    with pytest.raises(StoreError, match=r"keys .*cannot be used \(file is not a database\)"):
        make_service(compose_settings([f"bundle={voice_folder}", f"folder={tmp_path}", "light=none", *PLAIN]))


def test_a_service_that_cannot_start_says_so_in_one_line(
    voice_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words = [f"bundle={voice_folder}", f"folder={tmp_path}", "http.port=0", "light=none", *PLAIN]
    service = make_service(compose_settings(words))

    def load() -> Any:
        raise InputError("bundle x: its weights are cut off, expected all of them")

    service.dispatcher.engine.holder._load = load  # type: ignore[attr-defined]
    server = uvicorn.Server(listener(service))
    with caplog.at_level(logging.INFO), pytest.raises(SystemExit):
        server.run()
    assert not server.started
    errors = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert [one.getMessage() for one in errors] == [
        "the service cannot start: bundle x: its weights are cut off, expected all of them",
        "Application startup failed. Exiting.",
    ]
    assert "Traceback" not in caplog.text
