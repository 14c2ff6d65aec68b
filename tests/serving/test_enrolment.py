"""Enrolling over HTTP: every field of the form arrives, and enrolments keep nobody else waiting."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from sovits_lab.serving.service import ENROLLING_PER_OWNER
from sovits_lab.serving.voices.registry import SqliteVoices
from sovits_lab.types import InputError
from tests.serving.recordings import CONSENT, recording
from tests.serving.servers import REGISTRY, RunningService, running


@pytest.fixture(scope="module")
def enrolling(voice_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    with running(voice_folder, tmp_path_factory.mktemp("enrolling"), REGISTRY) as service:
        yield service


def enrol(client: httpx.Client, name: str, seed: int = 0, styles: tuple[str, ...] = (), **more: str) -> httpx.Response:
    files = [("clip", ("a.wav", recording(seed=seed)))]
    files += [("styles", (style, recording(seed=seed + 1))) for style in styles]
    return client.post("/v1/voices", files=files, data={"name": name, "consent": json.dumps(CONSENT), **more})


def test_every_field_of_the_form_arrives(enrolling: RunningService) -> None:
    with enrolling.client() as client:
        more = {"text": "The river is cold.", "languages": "en, de"}
        made = enrol(client, "Dora", styles=("sad.wav",), **more)
        assert made.status_code == 201, made.text
        kept = enrolling.service.voices.get("ann", made.json()["id"])
        assert (kept.clip_text, kept.languages, set(kept.styles)) == ("The river is cold.", ("en", "de"), {"sad"})
        form = client.get("/openapi.json").json()
        assert "parameters" not in form["paths"]["/v1/voices"]["post"]
        assert "text" in form["components"]["schemas"]["Body_enrol_v1_voices_post"]["properties"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"text": "a\0b"}, "voice, text: got"),
        ({"styles": ("sad.wav", "sad.mp3")}, "styles: got \"two recordings of 'sad'\""),
        ({"consent": json.dumps(CONSENT)[:-1] + ', "until": "forever"}'}, "'until' twice"),
        ({"consent": json.dumps(CONSENT | {"\x1b[2J": "a"})}, "consent, field: got"),
    ],
)
def test_what_is_ambiguous_or_cannot_be_printed_is_refused(
    enrolling: RunningService, more: dict[str, Any], said: str
) -> None:
    with enrolling.client() as client:
        before = client.get("/v1/voices").json()
        refused = enrol(client, "Eva", 7, **more)
        assert refused.status_code == 400 and said in refused.json()["detail"], refused.text
        assert client.get("/v1/voices").json() == before


def test_enrolments_wait_for_one_another_and_nobody_else_waits_for_them(
    enrolling: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()

    def late(*_: Any) -> Any:
        let_go.wait(60)
        raise InputError("nothing needs to be enrolled")

    monkeypatch.setattr(SqliteVoices, "enrol", late)
    bob = enrolling.more_keys("bob", "speak", "voices:write")
    with enrolling.client() as client, enrolling.client(bob) as other, ThreadPoolExecutor(12) as pool:
        try:
            count = ENROLLING_PER_OWNER
            asked = [pool.submit(enrol, who, f"Voice {i}") for who in (client, other) for i in range(count + 1)]
            spoken = client.post("/v1/audio/speech", json={"input": "Yes.", "voice": "ann"}, timeout=30)
            assert spoken.status_code == 200
        finally:
            let_go.set()
        codes = sorted(one.result().status_code for one in asked)
    assert codes == [400] * 2 * ENROLLING_PER_OWNER + [429] * 2
