"""Speech over HTTP: what OpenAI's clients send, what they get, and what a request may not do.

The Python blocks of docs/serving.md talk to a running service: their calls are made here, and by `VoiceClient` in
`test_conformance.py`.
"""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest
import soundfile

from sovits_lab import Synthesizer
from sovits_lab.provenance.labels import read_labels
from sovits_lab.provenance.notice import audible_notice
from sovits_lab.provenance.watermark import NAME
from sovits_lab.types import InputError
from sovits_lab.weights import CATALOGUE, present
from tests.inference.voices import clip
from tests.serving.servers import LABELS, PATIENCE, PLAIN, Deployment, RunningService, running

TEXT = "The river is cold."


def spoken(client: httpx.Client, **more: Any) -> httpx.Response:
    return client.post("/v1/audio/speech", json={"input": TEXT, "voice": "ann", "seed": 4, **more})


def samples(data: bytes) -> np.ndarray:
    return soundfile.read(io.BytesIO(data), dtype="int16")[0]


@pytest.fixture(scope="module")
def client(served: RunningService) -> Any:
    with served.client() as made:
        yield made


def test_the_speech_is_the_librarys_own(client: httpx.Client, voice_folder: Path) -> None:
    reply = spoken(client, response_format="wav", emotion="sad", strength=0.5)
    assert reply.status_code == 200, reply.text
    own = Synthesizer.load(voice_folder).speak(
        TEXT, "ann", emotion="sad", strength=0.5, seed=int(reply.headers["x-seed"])
    )
    assert np.array_equal(samples(reply.content), (own.wav.clip(-1, 1) * 32767).astype("<i2"))
    assert float(reply.headers["x-audio-seconds"]) == pytest.approx(len(own.wav) / own.sample_rate, abs=1e-3)
    assert reply.headers["x-request-id"].startswith("req_") and len(reply.headers["x-model"]) == 16


@pytest.mark.parametrize("form", ["wav", "mp3", "flac", "opus", "aac", "pcm"])
def test_every_format_holds_the_whole_speech(client: httpx.Client, form: str) -> None:
    import av

    reply = spoken(client, response_format=form)
    seconds = float(reply.headers["x-audio-seconds"])
    if form == "pcm":
        assert len(reply.content) / 2 / 24_000 == pytest.approx(seconds, abs=0.01)
        return
    with av.open(io.BytesIO(reply.content)) as file:
        got = sum(frame.samples for frame in file.decode(audio=0)) / file.streams.audio[0].rate
    assert got == pytest.approx(seconds, abs=0.15)


def enrolled(client: httpx.Client, name: str, hertz: float) -> httpx.Response:
    """Enrol a recording of this pitch under a name; the voice's id is the name in small letters."""
    wav = io.BytesIO()
    soundfile.write(wav, clip(3.2, hertz), 16_000, format="WAV")
    consent = json.dumps({"who": name, "purpose": "tests", "until": "2999-01-01", "version": "1"})
    fields = {"name": name, "consent": consent}
    made = client.post("/v1/voices", files={"clip": ("a.wav", wav.getvalue())}, data=fields)
    assert made.status_code == 201, made.text
    return made


def test_fifty_at_once_of_eight_voices_are_each_as_if_alone(deployment: Deployment) -> None:
    with deployment.client() as client:
        fifty_at_once(client)


def fifty_at_once(client: httpx.Client) -> None:
    """Ask for fifty of eight voices one by one, then all at once, and compare the bytes."""
    names = [f"Guest{number}" for number in range(6)]
    for number, name in enumerate(names):
        enrolled(client, name, 110.0 + 17 * number)
    voices = ["ann", "bob", *(name.lower() for name in names)]
    asked = [
        {"input": f"Number {i} is cold.", "voice": voices[i % 8], "seed": i // 8, "response_format": "wav",
         "emotion": ("sad", "neutral", {"sad": 0.5, "neutral": 0.5})[i % 3],
         "stream_format": "audio" if i % 5 == 0 else None}
        for i in range(50)
    ]  # fmt: skip
    serial = [client.post("/v1/audio/speech", json=one) for one in asked]
    with ThreadPoolExecutor(50) as pool:
        replies = list(pool.map(lambda one: client.post("/v1/audio/speech", json=one), asked))
    assert {reply.status_code for reply in replies} == {200}
    assert [reply.content for reply in replies] == [reply.content for reply in serial]
    assert len({reply.content for reply in replies}) == 50
    for name in names:
        client.delete(f"/v1/voices/{name.lower()}").raise_for_status()


def test_the_official_client_speaks_streams_and_is_told_what_is_wrong(served: RunningService, tmp_path: Path) -> None:
    client = openai.OpenAI(api_key=served.key, base_url=f"{served.url}/v1", max_retries=0)
    speech = client.audio.speech.create(
        model="gpt-4o-mini-tts", voice="ann", input=TEXT, response_format="wav", instructions="Speak in a sad tone.",
        extra_body={"seed": 4},
    )  # fmt: skip
    assert len(samples(speech.read())) > 1000
    how = {"model": "tts-1", "voice": "bob", "input": TEXT, "response_format": "pcm"}
    with client.audio.speech.with_streaming_response.create(**how, extra_body={"stream_format": "audio"}) as stream:
        stream.stream_to_file(tmp_path / "speech.pcm")
        assert stream.headers["x-sample-rate"] == "24000"
    assert (tmp_path / "speech.pcm").stat().st_size > 1000
    assert client.models.list().data[1].id == "tts-1"
    with pytest.raises(openai.BadRequestError, match="expected one of ann, bob"):
        client.audio.speech.create(model="tts-1", voice="alloy", input=TEXT)
    with pytest.raises(openai.AuthenticationError, match="not known here"):
        openai.OpenAI(api_key="sk-wrong", base_url=f"{served.url}/v1", max_retries=0).models.list()


def test_events_joined_are_the_stream_and_end_with_the_facts(client: httpx.Client) -> None:
    more = {"response_format": "pcm", "chunk": 8}
    body = {"input": TEXT, "voice": "ann", "seed": 4, "stream_format": "sse", **more}
    with client.stream("POST", "/v1/audio/speech", json=body) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        events = [json.loads(line[6:]) for line in reply.iter_lines() if line.startswith("data: ")]
    assert [event["type"] for event in events[-1:]] == ["speech.audio.done"]
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"} and len(events) > 3
    joined = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert joined == spoken(client, stream_format="audio", **more).content
    assert events[-1]["facts"]["seconds"] == pytest.approx(len(joined) / 2 / 24_000, abs=0.01)
    assert events[-1]["usage"]["total_tokens"] > events[-1]["usage"]["input_tokens"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
def test_curl_speaks(served: RunningService, tmp_path: Path) -> None:
    body = json.dumps({"input": TEXT, "voice": "ann", "response_format": "flac"})
    done = subprocess.run(
        ["curl", "-sS", "-f", f"{served.url}/v1/audio/speech", "-H", f"Authorization: Bearer {served.key}",
         "-H", "Content-Type: application/json", "-d", body,
         "-o", str(tmp_path / "a.flac")],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert soundfile.info(tmp_path / "a.flac").frames > 1000


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        ({"voice": "../../etc/passwd"}, 422, "pattern"),
        ({"voice": "carl"}, 400, "expected one of ann, bob"),
        ({"style_reference": "carl"}, 400, "style_reference: got 'carl', expected"),
        ({"emotion": "angry"}, 400, "emotion: got 'angry', expected one of neutral, sad"),
        ({"input": "[laugh] Yes."}, 400, "markup at position 0"),
        ({"input": "Yes [emotion:furious]now[/emotion]."}, 400, "furious"),
        ({"input": "Yes [pause:99]"}, 400, "markup at position 4"),
        ({"input": "[pause:1]Yes.", "tags": ["emotion"]}, 400, "expected one of the tags emotion"),
        ({"input": "x" * 5000}, 400, "at most 4096"),
        ({"input": ""}, 422, "input"),
        ({"input": "..."}, 400, ""),
        ({"speed": 9}, 422, "speed"),
        ({"model": "other"}, 400, "model: got 'other'"),
        ({"reference_audio": "http://169.254.169.254/"}, 422, "reference_audio"),
        ({"f0": [float(i) for i in range(9)], "stream_format": "audio", "pitch_shift": 99}, 422, "pitch_shift"),
    ],
)
def test_a_mistake_is_one_sentence_with_the_requests_id(
    client: httpx.Client, more: dict[str, Any], status: int, said: str
) -> None:
    for stream in ({}, {"stream_format": "audio"}):
        reply = spoken(client, **{**more, **stream})
        assert reply.status_code == status, reply.text
        assert reply.headers["content-type"] == "application/problem+json"
        told = reply.json()
        assert said in told["detail"] and told["request_id"] == reply.headers["x-request-id"]
        assert told["error"]["message"] == told["detail"] and "Traceback" not in reply.text


@pytest.mark.parametrize(
    ("body", "media", "said"),
    [
        (b"hello", "application/json", "the body is no JSON: Expecting value (letter 0)"),
        (b'{"input": "Yes."', "application/json", "the body is no JSON"),
        (b'{"input": "Yes.", "voice": "ann"}', "text/plain", "Content-Type: application/json` is missing"),
        (b"[]", "application/json", "the body is no JSON object"),
        (b"[" * 100_000, "application/json", "nested too deeply"),
        (b'{"input": ' + b"9" * 5000 + b"}", "application/json", "a number of thousands of digits"),
        (b"\x1f\x8b", "application/json", "no UTF-8"),
        (
            b'{"input": "Yes.", "voice": "ann", "emotion": {"sad": NaN}}',
            "application/json",
            "emotion.sad: Input should",
        ),
    ],
)
def test_a_body_that_is_no_json_is_said_to_be_none(client: httpx.Client, body: bytes, media: str, said: str) -> None:
    reply = client.post("/v1/audio/speech", content=body, headers={"Content-Type": media})
    assert reply.status_code in (400, 422) and said in reply.json()["detail"], reply.text


def test_text_of_a_language_model_obeys_only_what_was_allowed(client: httpx.Client) -> None:
    wild = "[laugh][voice:bob]The [emotion:furious]river[/emotion] is [emotion:sad]cold.[/emotion][pause:0.5]"
    plain = spoken(client, input="The river is [emotion:sad]cold.[/emotion]", response_format="wav")
    kept = spoken(client, input=wild, markup="forgiving", tags=["emotion"], response_format="wav")
    assert kept.status_code == 200 and kept.content == plain.content
    literal = spoken(client, input="[emotion:sad]Go[/emotion]", markup="none", response_format="wav")
    assert literal.status_code == 200 and literal.content != spoken(client, input="[emotion:sad]Go[/emotion]").content


def test_a_voice_is_enrolled_spoken_with_and_revoked(served: RunningService, client: httpx.Client) -> None:
    made = enrolled(client, "Dora", 130)
    assert "dora" in [one["id"] for one in client.get("/v1/audio/voices").json()["voices"]]
    assert spoken(client, voice="dora", response_format="wav").status_code == 200
    with served.client(served.more_keys("eve", "speak", "voices:write")) as stranger:
        assert spoken(stranger, voice="dora").status_code == 400
        assert stranger.delete("/v1/voices/dora").status_code == 404
    assert client.delete("/v1/voices/dora").json() == {"id": "dora", "revoked": True}
    replies = [spoken(client, voice="dora") for _ in range(100)]
    assert {reply.status_code for reply in replies} == {410}
    assert served.service.dispatcher.engine.clips.forget([made.json()["clip_sha256"]]) == 0
    kinds = [event["kind"] for event in served.service.audit.events]  # type: ignore[attr-defined]
    assert "enrol" in kinds and "revoke" in kinds
    assert TEXT not in json.dumps(served.service.audit.events)  # type: ignore[attr-defined]


def test_health_and_counts(client: httpx.Client, served: RunningService) -> None:
    assert client.get("/health/live").json() == {"status": "live"}
    assert client.get("/health/ready").json()["status"] == "ready"
    text = client.get("/metrics").text
    for name in (
        "queue_depth",
        "first_audio_seconds",
        "real_time_factor",
        "cancels",
        "retries",
        "degraded",
        "bad_cases",
    ):
        assert f"sovits_lab_{name}" in text
    assert client.get("/health/state").json()["engine"]["workers"] == 1
    with served.client(served.more_keys("carl")) as other:
        assert other.get("/metrics").status_code == 403


@pytest.mark.skipif(not present("perth"), reason=f"`{CATALOGUE['perth'].install}` brings the weights")
def test_a_stream_carries_mark_and_label_and_says_that_it_is_not_signed(voice_folder: Path, tmp_path: Path) -> None:
    with running(voice_folder, tmp_path, plain=(PLAIN[0], PLAIN[2])) as served, served.client() as client:
        mark = {"x-mark": NAME, "x-label": "aigc", "x-signature": "none"}
        form = {"response_format": "wav"}
        whole, stream = spoken(client, **form), spoken(client, stream_format="audio", chunk=8, **form)
        for reply in (whole, stream):
            assert {name: reply.headers[name] for name in mark} == mark
            assert read_labels(reply.content).synthetic
            assert len(samples(reply.content)) > 1000
        body = {"input": TEXT, "voice": "ann", "stream_format": "sse", "response_format": "pcm"}
        last = client.post("/v1/audio/speech", json=body).text.strip().splitlines()[-1]
        facts = json.loads(last.removeprefix("data: "))["facts"]
        assert (facts["mark"], facts["label"], facts["signature"]) == (NAME, "none", "none")


def test_a_notice_is_heard_around_speech_where_it_is_configured(voice_folder: Path, tmp_path: Path) -> None:
    with running(voice_folder, tmp_path, LABELS, "+marker.place=both") as served, served.client() as client:
        whole = spoken(client, response_format="wav")
        stream = spoken(client, response_format="wav", stream_format="audio")
        own = Synthesizer.load(voice_folder).speak(TEXT, "ann", seed=4)
        heard = audible_notice(own.sample_rate, "both")
        expected = np.concatenate([heard.before, own.wav, heard.after])
        for reply in (whole, stream):
            assert np.array_equal(samples(reply.content), (expected.clip(-1, 1) * 32767).astype("<i2"))
        assert float(whole.headers["x-audio-seconds"]) == pytest.approx(len(expected) / own.sample_rate, abs=1e-3)
        ends = [event["seconds"] for event in served.service.audit.events if event["kind"] != "setting"]  # type: ignore[attr-defined]
        assert ends[0] == pytest.approx(len(expected) / own.sample_rate, abs=1e-3)


def test_texts_are_logged_only_where_that_is_asked_for(voice_folder: Path, tmp_path: Path) -> None:
    with running(voice_folder, tmp_path, "log_texts=true") as served, served.client() as client:
        assert spoken(client).status_code == 200
        assert served.service.audit.events[-1]["text"] == TEXT  # type: ignore[attr-defined]
    with (
        pytest.raises(InputError, match="log_texts: got 'maybe', expected true or false"),
        running(voice_folder, tmp_path, "log_texts=maybe"),
    ):
        pass


def test_a_stream_says_what_speaks_in_place_of_the_model(
    voice_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(voice_folder, tmp_path) as served, served.client() as client:
        monkeypatch.setattr(served.service.dispatcher.engine, "slots", lambda: 0)  # as when every worker is lost
        assert spoken(client, stream_format="audio").headers["x-degraded"] == "espeak"
        told = spoken(client, stream_format="sse").text.strip().splitlines()[-1]
        assert json.loads(told.removeprefix("data: "))["facts"]["degraded"] == "espeak"
        assert spoken(client, stream_format="audio", allow_light=False).json()["error"]["code"] == "no_worker"
