"""The client speaks text that is still being written: what arrives when, what is refused, and what ends it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import httpx
import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve

from sovits_lab.serving.client import AsyncVoiceClient, ServiceError, VoiceClient
from sovits_lab.serving.client.live import LONGEST, WAITING
from tests.serving.servers import PATIENCE, RunningService

TEXT = "The river is cold. Nobody went there. "


def test_the_first_sentence_is_heard_before_the_second_is_written(served: RunningService) -> None:
    heard = threading.Event()

    def written() -> Iterator[str]:
        yield "The river is co"
        yield "ld. Nob"
        assert heard.wait(PATIENCE)
        yield "ody went there."

    sound = b""
    with VoiceClient(served.url, served.key) as client:
        for samples in client.stream_text(written(), "ann", seed=4):
            heard.set()
            sound += samples
        whole = b"".join(client.stream("The river is cold.", "ann", seed=4))
    assert len(sound) > len(whole) and len(sound) % 2 == 0
    start = len(whole) // 4  # of the first sentence, before what resampling makes of its end
    assert np.array_equal(*(np.frombuffer(one[:start], "<i2") for one in (sound, whole)))


def test_more_text_than_the_service_keeps_waits_with_the_client(
    served: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sovits_lab.serving.client.live.WAITING", 100)
    monkeypatch.setattr("sovits_lab.serving.live.context.AHEAD", 1000.0)  # nobody listens
    monkeypatch.setattr("sovits_lab.serving.routes.stream.MOST_TEXT", 400)
    assert WAITING + LONGEST < 20_000

    async def written() -> AsyncIterator[str]:
        for _ in range(20):
            yield TEXT

    async def run() -> int:
        async with AsyncVoiceClient(served.url, served.key) as client:
            return sum([len(one) async for one in client.stream_text(written(), "ann")])

    assert asyncio.run(run()) > 20 * 10_000


def test_refusals_and_faults_of_the_writer_are_raised(served: RunningService) -> None:
    def fails() -> Iterator[str]:
        yield TEXT
        raise ConnectionError("the writer fails")

    with VoiceClient(served.url, served.key) as client:
        with pytest.raises(ServiceError, match="expected one of ann, bob") as refused:
            list(client.stream_text([TEXT], "carl"))
        assert refused.value.code == "unknown_voice" and refused.value.request_id
        with pytest.raises(ConnectionError, match="the writer fails"):
            list(client.stream_text(fails(), "ann"))
        assert list(client.stream_text([], "ann")) == []
        assert list(client.stream_text(["", ""], "ann")) == []
        with pytest.raises(ServiceError, match="invalid_message"):
            list(client.stream_text([TEXT], "ann", strength=99))
        for _ in client.stream_text([TEXT] * 100, "ann"):  # leaving it early ends it
            break
    with VoiceClient(served.url, "wrong") as client, pytest.raises(ServiceError, match="opens no socket") as refused:
        list(client.stream_text([TEXT], "ann"))
    assert refused.value.status == 403
    with VoiceClient("http://127.0.0.1:1", "key") as client, pytest.raises(httpx.ConnectError):
        list(client.stream_text([TEXT], "ann"))


@pytest.mark.parametrize(
    "pieces", [["Yes. "], [TEXT * 1000]]
)  # one that waits for more, one that waits for the service
def test_a_service_that_goes_away_is_told_and_nobody_waits(pieces: list[str]) -> None:
    async def leaves(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.recv()
        await socket.close(1001, "going away")

    async def written() -> AsyncIterator[str]:
        for piece in pieces:
            yield piece
        await asyncio.Event().wait()

    async def run() -> None:
        async with serve(leaves, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            async with AsyncVoiceClient(f"http://127.0.0.1:{port}", "key") as client:
                with pytest.raises(httpx.RemoteProtocolError):
                    async with asyncio.timeout(PATIENCE):
                        [one async for one in client.stream_text(written(), "ann")]

    asyncio.run(run())
