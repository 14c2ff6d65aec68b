"""The same service as processes: nginx, a gateway, Redis, Celery workers; and what happens when one is killed."""

from __future__ import annotations

import io
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import soundfile
from redis import Redis
from websockets.sync.client import connect

from sovits_lab.bench.service_stack import ServiceStack, until
from sovits_lab.serving.building import keys_of
from sovits_lab.serving.cluster.worker import SpeechWorker
from sovits_lab.serving.engines.models import BundleModel
from tests.inference.voices import clip
from tests.serving.servers import PATIENCE, running, wait_until

BODY = {"input": "The river is cold.", "voice": "ann", "seed": 4, "response_format": "wav"}
pytestmark = pytest.mark.timeout(900)
LONG = "The river is cold and nobody went there any more, and nobody asked why. " * 8


def test_what_is_spoken_is_what_one_process_speaks(stack: ServiceStack, voice_folder: Path, tmp_path: Path) -> None:
    asked = [
        {**BODY, "seed": i, "voice": ("ann", "bob")[i % 2], "emotion": ("sad", "neutral")[i // 2 % 2],
         "stream_format": "audio" if i % 3 == 0 else None}
        for i in range(20)
    ]  # fmt: skip
    with stack.client() as client, ThreadPoolExecutor(20) as pool:
        spoken = list(pool.map(lambda one: client.post("/v1/audio/speech", json=one), asked))
    assert {reply.status_code for reply in spoken} == {200}, [reply.text for reply in spoken if reply.is_error][:1]
    with running(voice_folder, tmp_path) as alone, alone.client() as client:
        assert [reply.content for reply in spoken] == [
            client.post("/v1/audio/speech", json=one).content for one in asked
        ]
    wait_until(
        lambda: not Redis.from_url(stack.redis).keys("speech:events:*"), "a Redis without sound that was fetched"
    )


def test_nginx_passes_streams_on_and_hides_the_inside(stack: ServiceStack) -> None:
    with stack.client() as client:
        assert client.get("/metrics").status_code == 404 and client.get("/health/state").status_code == 404
        assert client.get("/health/ready").status_code == 200
        body = {**BODY, "input": LONG * 6, "stream_format": "audio", "chunk": 8, "response_format": "pcm"}

        def begun(_: int) -> int:
            with client.stream("POST", "/v1/audio/speech", json=body) as reply:
                next(reply.iter_raw(64))
                return int(stack.state()["running"])

        with ThreadPoolExecutor(8) as pool:
            assert max(pool.map(begun, range(8))) >= 1  # a first piece is there while others are made
    wait_until(lambda: stack.state()["running"] == 0, "an order that ended with its caller")
    assert httpx.get(f"{stack.url}/v1/models").status_code == 401


def test_a_cancel_reaches_the_worker(stack: ServiceStack) -> None:
    url = stack.url.replace("http", "ws") + "/v1/audio/stream"
    with connect(url, additional_headers={"Authorization": f"Bearer {stack.key}"}) as socket:
        socket.send(json.dumps({"type": "session.update", "voice": "ann"}))
        for turn in range(5):
            socket.send(json.dumps({"type": "input_text.append", "text": LONG * 6, "context_id": f"t{turn}"}))
            while json.loads(socket.recv(timeout=PATIENCE))["type"] != "speech.audio.delta":
                pass
            socket.send(json.dumps({"type": "cancel", "context_id": f"t{turn}"}))
            while (told := json.loads(socket.recv(timeout=PATIENCE)))["type"] != "context.cancelled":
                pass
            assert len(told["spoken_text"]) < len(LONG * 6)
            wait_until(lambda: stack.state()["running"] == 0, "an idle worker")


def counts(stack: ServiceStack) -> tuple[int, int]:
    """Orders in work and orders that wait."""
    state = stack.state()
    return state["running"], state["waiting"]


def test_an_account_without_work_does_not_wait_for_the_long_texts_of_another(stack: ServiceStack) -> None:
    long = {**BODY, "input": LONG * 6, "stream_format": "audio", "chunk": 1, "response_format": "pcm"}
    let_go = threading.Event()
    bob = {"Authorization": f"Bearer {keys_of(stack.folder).add('bob')}"}

    def listen(client: httpx.Client) -> None:
        with client.stream("POST", "/v1/audio/speech", json=long) as reply:
            assert reply.status_code == 200
            for _ in reply.iter_raw(64):
                if let_go.is_set():
                    return

    with stack.client() as client, ThreadPoolExecutor(10) as pool:
        try:
            listening = [pool.submit(listen, client) for _ in range(10)]
            wait_until(lambda: counts(stack) == (8, 2), "eight in work, two that wait")
            for seed in range(3):
                spoken = client.post("/v1/audio/speech", json={**BODY, "seed": seed}, headers=bob)
                assert spoken.status_code == 200, spoken.text
                assert counts(stack) == (8, 2)  # all of the other account still are
        finally:
            let_go.set()
        for one in listening:
            one.result()
    wait_until(lambda: stack.state()["running"] == 0, "orders that ended with their caller")


def test_a_recording_reaches_the_worker_and_is_gone_after_revocation(stack: ServiceStack) -> None:
    wav = io.BytesIO()
    soundfile.write(wav, clip(3.2, 130), 16_000, format="WAV")
    consent = json.dumps({"who": "Dora", "purpose": "tests", "until": "2999-01-01", "version": "1"})
    with stack.client() as client:
        more: dict[str, Any] = {
            "files": {"clip": ("a.wav", wav.getvalue())},
            "data": {"name": "Dora", "consent": consent},
        }
        made = client.post("/v1/voices", **more)
        assert client.post("/v1/audio/speech", json={**BODY, "voice": "dora"}).status_code == 200
        kept, digest = Redis.from_url(stack.redis), made.json()["clip_sha256"]
        assert kept.exists(f"speech:clip:{digest}") and kept.hlen(f"speech:vector:{digest}") == 1
        assert client.delete("/v1/voices/dora").status_code == 200
        assert not kept.exists(f"speech:clip:{digest}", f"speech:vector:{digest}")
        again = [client.post("/v1/audio/speech", json={**BODY, "voice": "dora"}) for _ in range(100)]
        assert {reply.status_code for reply in again} == {410}
        assert not kept.exists(f"speech:clip:{digest}", f"speech:vector:{digest}")


def states(client: httpx.Client, jobs: list[str]) -> list[dict[str, Any]]:
    return [client.get(f"/v1/audio/jobs/{job}").json() for job in jobs]


def test_a_killed_worker_redis_and_gateway_lose_no_accepted_job(stack: ServiceStack) -> None:
    with stack.client() as client:
        jobs = [client.post("/v1/audio/jobs", json={**BODY, "input": LONG, "seed": i}).json()["id"] for i in range(6)]
        until(lambda: any(one["status"] == "running" for one in states(client, jobs)), PATIENCE, "a job in work")
        stack.kill("worker-0")
        stack.start_worker("worker-0")
        time.sleep(0.5)
        stack.kill("redis")
        time.sleep(0.5)
        refused = client.post("/v1/audio/speech", json=BODY)
        assert refused.status_code == 503 and int(refused.headers["retry-after"]) >= 1, refused.text
        stack.start_redis()
        stack.kill("gateway")
        stack.start_gateway()
        stack.wait_ready(2)
        until(lambda: all(one["status"] in ("done", "failed") for one in states(client, jobs)), PATIENCE, "all jobs")
        ended = states(client, jobs)
        assert [one["status"] for one in ended] == ["done"] * 6, ended
        sounds = {httpx.get(stack.url + one["url"]).content for one in ended}
        assert len(sounds) == 6


WORN = [({}, False), ({"recycle_megabytes": 1.0}, True), ({"recycle_megabytes": 1e9}, False),
        ({"recycle_after": 3}, True)]  # fmt: skip


@pytest.mark.parametrize(("more", "worn"), WORN)
def test_a_worker_ends_after_so_many_orders_or_megabytes(more: dict[str, Any], worn: bool) -> None:
    worker = SpeechWorker("redis://127.0.0.1:1/0", lambda: BundleModel("none"), **more)
    worker.holder.served = 3
    assert worker._is_worn() is worn
