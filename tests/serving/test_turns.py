"""Long work of one caller leaves others their turn, and nothing is done for a caller who has left."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from sovits_lab.inference.streaming import SpokenPiece
from sovits_lab.inference.synthesizer import Request
from sovits_lab.inference.timings import Timings
from sovits_lab.serving.contracts import MarkFacts, Unmarked, Wave
from sovits_lab.serving.encoding import PieceEncoder, encoder_of
from sovits_lab.serving.engines.models import BundleModel
from sovits_lab.serving.order import VoiceOrder
from sovits_lab.serving.routes import speech
from tests.serving.servers import RunningService, wait_until

LONG = "The river is cold, and nobody went there any more, and nobody asked why it was so. " * 4
BODY = {"input": LONG, "voice": "ann", "seed": 4, "response_format": "wav"}


class HeldBack:
    """Long speech that lasts until it is cancelled or let go of; what was begun and ended is counted.

    Until then it gives no piece, or with `sounding` one after another, between which others are spoken.
    """

    def __init__(self) -> None:
        self.begun, self.ended, self.sounding = 0, 0, False
        self.go_on = threading.Event()

    def stream(self, request: Request, chunk: int | None, cancelled: Callable[[], bool], timed: bool) -> Any:
        """Speak in place of a model."""
        self.begun += 1
        piece = SpokenPiece(np.full(800, 0.1, np.float32), Timings())
        while request.text == LONG and not cancelled() and not self.go_on.wait(0.01):
            if self.sounding:
                yield piece
        self.ended += 1
        yield piece
        return ()


@pytest.fixture
def held(served: RunningService, monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldBack]:
    made = HeldBack()
    monkeypatch.setattr(BundleModel, "stream", lambda _, *given: made.stream(*given))
    yield made
    made.go_on.set()


@pytest.mark.parametrize("more", [{}, {"stream_format": "audio"}, {"stream_format": "sse"}])
def test_what_a_caller_waits_for_who_leaves_is_not_spoken(
    served: RunningService, held: HeldBack, more: dict[str, str]
) -> None:
    with served.client() as client, pytest.raises(httpx.ReadTimeout):
        client.post("/v1/audio/speech", json=BODY | more, timeout=1)
    wait_until(lambda: held.begun == held.ended and not served.service.dispatcher.running, "nothing in work")
    assert not held.go_on.is_set()


def test_the_items_of_a_batch_whose_caller_leaves_are_not_spoken(served: RunningService, held: HeldBack) -> None:
    with served.client() as client, pytest.raises(httpx.ReadTimeout):
        client.post("/v1/audio/batch", json={"items": [BODY] * 12}, timeout=1)
    wait_until(lambda: held.begun == held.ended and not served.service.dispatcher.running, "nothing in work")
    assert not held.go_on.is_set() and held.begun <= 4


def test_an_item_of_a_batch_is_sent_before_the_last_is_spoken(served: RunningService, held: HeldBack) -> None:
    held.sounding = True
    items = [{**BODY, "input": "The river is cold."}, BODY]
    with served.client() as client, client.stream("POST", "/v1/audio/batch", json={"items": items}) as reply:
        parts = reply.iter_raw()
        first = next(parts)
        assert first.startswith(b'{"items":[{"index": 0, "status": 200')  # the other cannot have ended
        held.go_on.set()
        whole = json.loads(first + b"".join(parts))
    assert [one["status"] for one in whole["items"]] == [200, 200] and reply.headers[
        "content-type"
    ] == "application/json"


class Lengths(Unmarked):
    """Notes how long what it marks is."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def mark(self, wav: Wave, sample_rate: int, facts: MarkFacts) -> Wave:
        time.sleep(0.05)
        self.seconds.append(len(wav) / sample_rate)
        return wav


def test_a_long_speech_is_marked_in_parts_between_which_others_have_their_turn(
    served: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = Lengths()
    monkeypatch.setattr(served.service, "marker", marker)
    long, short = np.arange(16_000 * 65, dtype=np.float32), np.ones(16_000, np.float32)
    order = VoiceOrder("req", "ann", "key", "Yes.", "ann")

    async def both() -> tuple[Wave, Wave]:
        first = asyncio.create_task(served.service.mark(long, 16_000, order))
        await asyncio.sleep(0)  # it is there before the other
        return await asyncio.gather(first, served.service.mark(short, 16_000, order))

    marked = asyncio.run(both())
    assert np.array_equal(marked[0], long) and np.array_equal(marked[1], short)
    assert marker.seconds.index(1.0) <= 1 and max(marker.seconds) <= 25 and sum(marker.seconds) == pytest.approx(66)


@pytest.mark.parametrize("kind", ["audio", "sse"])
def test_pieces_are_encoded_beside_the_event_loop(
    served: RunningService, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    threads: list[str] = []

    class Watched:
        def __init__(self, own: PieceEncoder) -> None:
            self.own = own

        def encode(self, wav: Wave) -> bytes:
            threads.append(threading.current_thread().name)
            return self.own.encode(wav)

        def finish(self) -> bytes:
            threads.append(threading.current_thread().name)
            return self.own.finish()

    def watched(*given: Any, **more: Any) -> Watched:
        return Watched(encoder_of(*given, **more))

    monkeypatch.setattr(speech, "encoder_of", watched)
    with served.client() as client:
        body = {**BODY, "input": "The river is cold.", "response_format": "mp3", "stream_format": kind}
        assert client.post("/v1/audio/speech", json=body).status_code == 200
    assert len(threads) >= 2 and all(name.startswith("encoding") for name in threads)
