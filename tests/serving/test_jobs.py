"""Jobs and batches: accepted means spoken or a stated failure, once, also after kills; links expire."""

from __future__ import annotations

import base64
import io
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import soundfile

from sovits_lab.serving.building import keys_of
from sovits_lab.serving.jobs.ledger import JobLedger
from sovits_lab.serving.jobs.signing import LinkSigner
from sovits_lab.serving.order import VoiceOrder
from sovits_lab.serving.problems import ProblemError
from sovits_lab.serving.task import OrderTask
from tests.serving.servers import PATIENCE, RunningService, running

BODY = {"input": "The river is cold.", "voice": "ann", "seed": 4, "response_format": "wav"}


def ended(client: httpx.Client, job: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE
    while (found := client.get(f"/v1/audio/jobs/{job}").json())["status"] in ("queued", "running"):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def test_a_job_is_accepted_looked_at_and_fetched_by_whoever_has_its_link(client: httpx.Client, folder: Path) -> None:
    url = str(client.base_url).rstrip("/")
    accepted = client.post("/v1/audio/jobs", json=BODY)
    assert accepted.status_code == 202 and accepted.headers["location"].endswith(accepted.json()["id"])
    done = ended(client, accepted.json()["id"])
    assert done["status"] == "done" and done["facts"]["seed"] == 4 and done["expires"] > time.time()
    sound = httpx.get(url + done["url"])
    assert sound.content == client.post("/v1/audio/speech", json=BODY).content
    assert httpx.get(url + done["url"][:-4] + "beef").json()["error"]["code"] == "link_forged"
    old = LinkSigner.of(folder).sign(done["id"], -5)
    assert httpx.get(f"{url}/v1/audio/results/{done['id']}", params=old).json()["error"]["code"] == "link_expired"
    eve = {"Authorization": f"Bearer {keys_of(folder).add('eve')}"}
    assert httpx.get(f"{url}/v1/audio/jobs/{done['id']}", headers=eve).status_code == 404
    assert client.delete(f"/v1/audio/jobs/{done['id']}").json()["status"] == "deleted"
    assert httpx.get(url + done["url"]).status_code == 404
    assert client.get(f"/v1/audio/jobs/{done['id']}").status_code == 404  # and not a job with a link that leads nowhere


def test_the_same_key_is_the_same_job_and_another_body_is_refused(client: httpx.Client) -> None:
    headers = {"Idempotency-Key": "order-1"}
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: client.post("/v1/audio/jobs", json=BODY, headers=headers), range(8)))
    assert len({reply.json()["id"] for reply in replies}) == 1
    other = client.post("/v1/audio/jobs", json={**BODY, "seed": 5}, headers=headers)
    assert other.status_code == 409 and other.json()["error"]["code"] == "idempotency_key_reused"
    assert client.post("/v1/audio/jobs", json=BODY, headers={"Idempotency-Key": ""}).status_code == 422


def test_a_job_that_is_asked_for_again_is_paid_for_once(served: RunningService) -> None:
    body = {**BODY, "input": "The river is cold, and nobody went there any more, and nobody asked why."}
    with served.client(served.more_keys("frugal", seconds_per_day=10)) as client:
        same = [client.post("/v1/audio/jobs", json=body, headers={"Idempotency-Key": "one"}) for _ in range(5)]
        assert {reply.status_code for reply in same} == {202} and len({reply.json()["id"] for reply in same}) == 1
        another = client.post("/v1/audio/jobs", json=body, headers={"Idempotency-Key": "two"})
        assert another.status_code == 429 and another.json()["error"]["code"] == "quota"


def test_mistakes_are_told_before_a_job_is_accepted(client: httpx.Client) -> None:
    for long in (
        {"input": "The river is cold. " * 1600},
        {"input": "河水很冷。" * 900},
        {"input": "Yes. " * 800, "speed": 0.25},
    ):
        told = client.post("/v1/audio/jobs", json={**BODY, **long})
        assert told.status_code == 400 and "at most 900 s at once; speak it in parts" in told.json()["detail"]
    assert client.post("/v1/audio/jobs", json={**BODY, "voice": "carl"}).status_code == 400
    assert client.get("/v1/audio/jobs/job_000000000000000000000000").status_code == 404
    assert client.get("/v1/audio/jobs/..%2f..%2fetc").status_code in (404, 422)


def test_a_job_that_cannot_be_spoken_ends_as_a_stated_failure(client: httpx.Client) -> None:
    job = client.post("/v1/audio/jobs", json={**BODY, "input": "Yes [emotion:furious]now[/emotion]."}).json()["id"]
    failed = ended(client, job)
    assert failed["status"] == "failed" and "furious" in failed["problem"]["detail"]


def test_items_of_a_batch_fail_alone(client: httpx.Client) -> None:
    items = [BODY, {**BODY, "voice": "carl"}, {**BODY, "seed": 5, "response_format": "flac"}]
    told = client.post("/v1/audio/batch", json={"items": items}).json()["items"]
    assert [one["status"] for one in told] == [200, 400, 200] and [one["index"] for one in told] == [0, 1, 2]
    assert base64.b64decode(told[0]["audio"]) == client.post("/v1/audio/speech", json=BODY).content
    assert soundfile.info(io.BytesIO(base64.b64decode(told[2]["audio"]))).format == "FLAC"
    assert "expected one of ann, bob" in told[1]["problem"]["detail"]


def test_upstreams_clients_are_answered_without_paths(client: httpx.Client) -> None:
    asked = {"text": "The river is cold.", "text_lang": "en", "ref_audio_path": "ann", "prompt_lang": "en",
             "seed": 4, "batch_size": 1, "text_split_method": "cut5", "top_p": 1}  # fmt: skip
    own = client.post("/v1/audio/speech", json={**BODY, "language": "en", "top_p": 1}).content
    assert client.post("/tts", json=asked).content == own
    assert client.get("/tts", params=asked).content == own
    raw = client.post("/tts", json={**asked, "media_type": "raw", "streaming_mode": 2})
    assert raw.status_code == 200 and raw.headers["x-sample-rate"] == "16000"
    for path in ("/etc/passwd", "http://169.254.169.254/a.wav", "..\\a.wav"):
        refused = client.post("/tts", json={**asked, "ref_audio_path": path})
        assert refused.status_code == 400 and "opens no files" in refused.json()["detail"]
    for words in (
        {"text_lang": ""},
        {"text_lang": "english"},
        {"text": "a" * 100_000},
        {"emotion": ""},
        {"top_k": 100},
    ):
        assert client.post("/tts", json={**asked, **words}).status_code in (200, 400, 413), words
    assert client.post("/tts", json={**asked, "seed": 2**32}).status_code in (200, 400, 422)
    assert client.get("/control", params={"command": "exit"}).status_code == 404


def test_what_was_accepted_before_a_kill_is_spoken_after_it(voice_folder: Path, tmp_path: Path) -> None:
    ledger = JobLedger(tmp_path / "jobs.sqlite")
    who = {"owner": "ann", "key_id": "key_1", "scopes": ["speak"], "allowance": {}}
    jobs = [ledger.accept(who, {**BODY, "seed": i}, "ann", None).id for i in range(3)]
    assert ledger.take() is not None  # the one that was running when the process was killed
    with running(voice_folder, tmp_path) as service, service.client() as client:
        for job in jobs:
            assert ended(client, job)["status"] == "done"
        files = sorted(file.name for file in (tmp_path / "results").iterdir())
        assert files == sorted(f"{job}.wav" for job in jobs)
        service.service.jobs.forget_voice("ann")
        assert list((tmp_path / "results").iterdir()) == []
        assert client.get(f"/v1/audio/jobs/{jobs[0]}").json()["problem"]["code"] == "voice_revoked"


@pytest.mark.parametrize(("code", "status"), [("no_worker", "done"), ("worker_lost", "failed")])
def test_a_job_waits_for_workers_that_are_not_there_and_gives_up_on_what_ends_them(
    served: RunningService, alone: httpx.Client, monkeypatch: pytest.MonkeyPatch, code: str, status: str
) -> None:
    submit, calls = served.service.dispatcher.submit, []

    def refused(order: VoiceOrder) -> OrderTask:
        calls.append(order.request_id)
        if len(calls) <= 8:
            raise ProblemError(503, code, "not now", 0.01)
        return submit(order)

    monkeypatch.setattr(served.service.dispatcher, "submit", refused)
    job = alone.post("/v1/audio/jobs", json=BODY).json()["id"]
    assert ended(alone, job)["status"] == status
    assert calls == [job] * (9 if status == "done" else 5)


def test_a_job_ends_once_and_its_text_is_forgotten(tmp_path: Path) -> None:
    ledger = JobLedger(tmp_path / "jobs.sqlite")
    job = ledger.accept({"owner": "ann"}, BODY, "ann", "same")
    assert ledger.end(job.id, "done", {"format": "wav"}) and not ledger.end(job.id, "failed", {})
    found = ledger.find(job.id)
    assert found is not None and found.state == "done" and found.ask == {}
    assert BODY["input"].encode() not in (tmp_path / "jobs.sqlite").read_bytes()
    with pytest.raises(ProblemError, match="another body"):
        ledger.accept({"owner": "ann"}, {}, "ann", "same")
    assert ledger.accept({"owner": "bob"}, {}, "ann", "same").id != job.id
    assert json.loads(json.dumps(found.outcome)) == {"format": "wav"}
