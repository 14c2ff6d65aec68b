"""Clients that do not get on: nothing said, half a header, nothing read, accounts with much to say."""

from __future__ import annotations

import asyncio
import resource
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from sovits_lab.serving.connections import ConnectionPatience, PatientConnection, allow_many_files
from sovits_lab.serving.engines.models import BundleModel
from sovits_lab.serving.order import VoiceOrder
from sovits_lab.serving.queue import FairQueue, QueueLimits
from sovits_lab.serving.task import OrderTask
from sovits_lab.types import InputError
from tests.serving.servers import PATIENCE, RunningService, running, wait_until

IDLE = 300


@pytest.fixture(scope="module")
def hasty(voice_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    folder = tmp_path_factory.mktemp("hasty")
    with running(voice_folder, folder, "http.slow_seconds=0.5", "serving.engine.streams=2") as service:
        yield service


@contextmanager
def connected(url: str, **options: int) -> Iterator[socket.socket]:
    with socket.socket() as one:
        for name, value in options.items():
            one.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
        one.settimeout(PATIENCE)
        one.connect((httpx.URL(url).host, httpx.URL(url).port))
        yield one


def left(one: socket.socket) -> bytes:
    """What comes until the other side closes."""
    parts = []
    try:
        while part := one.recv(1 << 16):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def test_hundreds_that_say_nothing_keep_nobody_out_and_are_closed(hasty: RunningService) -> None:
    with ExitStack() as opened, hasty.client() as client:
        idle = [opened.enter_context(connected(hasty.url)) for _ in range(IDLE)]
        assert client.get("/health/live").status_code == 200
        assert [left(one) for one in idle] == [b""] * IDLE


@pytest.mark.parametrize("before", [b"", b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n"], ids=["first", "second"])
def test_half_a_header_is_not_waited_for(hasty: RunningService, before: bytes) -> None:
    with connected(hasty.url) as slow:
        slow.sendall(before + b"GET /health/live HTTP/1.1\r\n")
        told = left(slow)
    assert told.count(b"HTTP/1.1 200") == bool(before)


@pytest.mark.parametrize("part", [b"a" * 1000, b"a\r\nX: "], ids=["long", "many"])
def test_a_header_that_does_not_end_is_not_kept(hasty: RunningService, part: bytes) -> None:
    with connected(hasty.url) as one:
        try:
            one.sendall(b"GET /health/live HTTP/1.1\r\nX: " + part * (1_000_000 // len(part)))
        except (BrokenPipeError, ConnectionResetError):
            return
        assert left(one)[:12] in (b"HTTP/1.1 431", b"")


def test_a_connection_is_kept_for_the_next_request(hasty: RunningService) -> None:
    with connected(hasty.url) as one:
        for _ in range(3):
            one.sendall(b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n")
            assert one.recv(4096).startswith(b"HTTP/1.1 200")


class Endless:
    """An application that sends until its client has left."""

    def __init__(self) -> None:
        self.gone = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        await receive()
        leaving = asyncio.create_task(receive())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not leaving.done():
            await send({"type": "http.response.body", "body": bytes(1 << 16), "more_body": True})
            await asyncio.sleep(0)
        self.gone.set()


def test_a_client_that_does_not_read_is_broken_off_and_one_that_reads_slowly_is_not() -> None:
    endless = Endless()
    http: Any = partial(PatientConnection, ConnectionPatience(PATIENCE, 1.0))
    taken = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(endless, http=http, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, args=([taken],), daemon=True)
    thread.start()
    try:
        with connected(url, SO_RCVBUF=4096) as one:
            one.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            for _ in range(20):
                assert one.recv(1 << 20)
                assert not endless.gone.wait(0.1)  # two seconds, each of which it has taken something in
            assert endless.gone.wait(PATIENCE)
    finally:
        server.should_exit = True
        thread.join(PATIENCE)


def test_as_many_files_may_be_open_as_the_system_allows() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[0] // 2, before[1]))
    try:
        found = allow_many_files()
        assert found == resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= min(before[0], 65_536)
        assert allow_many_files() == found
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_owners_can_be_passed_over() -> None:
    async def turns() -> list[str | None]:
        queue = FairQueue(QueueLimits())
        for owner in ("ann", "ann", "bob"):
            queue.put(OrderTask(VoiceOrder("req", owner, "key", "x" * 140, "ann", speaker="ann")), 0.1)
        popped = [queue.pop({"ann"}), queue.pop({"ann"}), queue.pop(), queue.pop(), queue.pop()]
        return [task.order.owner if task else None for task in popped]

    assert asyncio.run(turns()) == ["bob", None, "ann", "ann", None]


def test_an_account_without_work_does_not_wait_for_the_long_texts_of_another(
    hasty: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()

    def late(*_: Any) -> Any:
        let_go.wait(PATIENCE)
        raise InputError("nothing needs to be spoken")

    monkeypatch.setattr(BundleModel, "stream", late)
    dispatcher = hasty.service.dispatcher
    long = {"input": "The river is cold, and nobody went there any more. " * 5, "voice": "ann"}
    with hasty.client() as ann, hasty.client(hasty.more_keys("bob")) as bob, ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ann.post, "/v1/audio/speech", json=long) for _ in range(4)]
        wait_until(lambda: (len(dispatcher.running), len(dispatcher.queue)) == (2, 2), "two in work, two that wait")
        asked += [pool.submit(bob.post, "/v1/audio/speech", json=long) for _ in range(2)]
        wait_until(lambda: (len(dispatcher.running), len(dispatcher.queue)) == (3, 3), "one of another account in work")
        assert {task.order.owner for task in dispatcher.running} == {"ann", "bob"}
        let_go.set()
        assert [one.result().status_code for one in asked] == [400] * 6
