"""What was made of a recording outlives a restart, and does not outlive the voice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sovits_lab.inference import references
from sovits_lab.serving.access.principal import Principal
from sovits_lab.serving.asks import SpeechAsk
from sovits_lab.serving.contracts import RevokedVoiceError, VoiceUpload
from sovits_lab.serving.voices.vectors import ModelVectors, VoiceVectors
from sovits_lab.types import InputError
from tests.serving.recordings import CONSENT, recording
from tests.serving.servers import REGISTRY, RunningService, running

BODY = {"input": "The river is cold.", "seed": 4, "response_format": "wav"}


def enrolled(service: RunningService) -> dict[str, Any]:
    """Enrol a recording; the voice as the service tells it."""
    fields = {"name": "Dora", "consent": json.dumps(CONSENT)}
    with service.client() as client:
        made = client.post("/v1/voices", files={"clip": ("a.wav", recording())}, data=fields)
    assert made.status_code == 201, made.text
    return dict(made.json())


def spoken(service: RunningService, voice: str) -> Any:
    with service.client() as client:
        return client.post("/v1/audio/speech", json={**BODY, "voice": voice})


def on_disk(folder: Path, needle: bytes) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and needle in path.read_bytes()]


def test_a_restart_need_not_hear_a_voice_again_and_a_revocation_leaves_nothing(
    voice_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(voice_folder, tmp_path, REGISTRY) as service:
        voice = enrolled(service)
        first = spoken(service, voice["id"])
        assert first.status_code == 200
        model = first.headers["x-model"]
    kept = VoiceVectors(tmp_path / "vectors.sqlite")
    assert kept.digests(voice["id"]) == [voice["clip_sha256"]]
    vector = kept.get(voice["clip_sha256"], model)
    assert vector is not None
    needle = vector[-400:-200]
    assert on_disk(tmp_path, needle) == ["vectors.sqlite"]

    def deaf(*_: Any) -> Any:
        raise AssertionError("the recording is heard again")

    monkeypatch.setattr(references, "clip_speaker", deaf)
    with running(voice_folder, tmp_path, REGISTRY) as service:
        assert spoken(service, voice["id"]).content == first.content
    with running(voice_folder, tmp_path, REGISTRY) as service:  # one that has never spoken with the voice revokes it
        with service.client() as client:
            assert client.delete(f"/v1/voices/{voice['id']}").status_code == 200
        assert {spoken(service, voice["id"]).status_code for _ in range(100)} == {410}
    assert kept.get(voice["clip_sha256"], model) is None and kept.digests(voice["id"]) == []
    assert on_disk(tmp_path, needle) == []


def test_a_recording_that_was_revoked_while_it_was_asked_for_is_not_left_with_the_workers(
    served: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, who = served.service, Principal("ann", "key", frozenset({"speak"}))
    voice = service.voices.enrol("ann", VoiceUpload("Dora", recording(), CONSENT))
    keep = service.dispatcher.keep_clip

    def late(voice_id: str, digest: str, data: bytes) -> None:
        service.voices.revoke("ann", voice_id, "")
        keep(voice_id, digest, data)

    monkeypatch.setattr(service.dispatcher, "keep_clip", late)
    with pytest.raises(RevokedVoiceError):
        service.desk.order(who, SpeechAsk(voice=voice.id, **BODY), "req")
    assert not service.dispatcher.vectors.digests(voice.id)
    with pytest.raises(InputError, match="revoked"):
        service.dispatcher.engine.clips.get(voice.clip_hash)


def test_nothing_is_kept_of_a_recording_that_was_revoked_while_it_was_heard(tmp_path: Path) -> None:
    vectors = VoiceVectors(tmp_path / "v.sqlite")
    vectors.note("ann-1", "aa")
    assert vectors.forget_voice("ann-1") == 0
    ModelVectors(vectors, "m").put("aa", b"late")
    assert ModelVectors(vectors, "m").get("aa") is None


def test_vectors_are_of_one_model_and_of_one_voice(tmp_path: Path) -> None:
    vectors = VoiceVectors(tmp_path / "v.sqlite")
    for voice, digest in (("ann-1", "aa"), ("bob-2", "bb")):
        vectors.note(voice, digest)
        vectors.put(digest, "m", digest.encode())
    assert ModelVectors(vectors, "other").get("aa") is None
    assert vectors.forget_voice("ann-1") == 1
    assert vectors.get("aa", "m") is None and vectors.get("bb", "m") == b"bb"
    assert (tmp_path / "v.sqlite").stat().st_mode & 0o077 == 0


def test_a_file_that_is_no_store_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "v.sqlite").write_bytes(b"no database, but long enough to be looked at" * 100)
    with pytest.raises(InputError, match="cannot be used"):
        VoiceVectors(tmp_path / "v.sqlite").get("aa", "m")
