"""Workers mark what they speak, so that a gateway does not mark for all of them; what they leave is marked there."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from sovits_lab.bench.service_stack import ServiceStack
from sovits_lab.serving.cluster.wire import unpack_event
from sovits_lab.serving.cluster.worker import RelayedTask
from sovits_lab.serving.contracts import MarkFacts, Unmarked, Wave
from sovits_lab.serving.marking import MARKED_AT_ONCE, WatermarkedOutput
from sovits_lab.serving.order import SpeechFacts, VoiceOrder
from sovits_lab.serving.task import OrderTask, PieceEvent, SpokenWhole
from sovits_lab.weights import CATALOGUE, present
from tests.serving.servers import PLAIN, RunningService, running, wait_until

RATE = 16_000
BODY = {"input": "The river is cold.", "voice": "ann", "seed": 4, "response_format": "pcm"}


class Halved(Unmarked):
    """A mark that anybody can see: half of the sound."""

    name = "half"

    def mark(self, wav: Wave, sample_rate: int, facts: MarkFacts) -> Wave:
        return wav / 2


class Sent:
    """Takes what a worker sends to Redis."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def xadd(self, stream: str, fields: dict[str, Any]) -> None:
        plain = {key.encode(): value.encode() if isinstance(value, str) else value for key, value in fields.items()}
        self.events.append(unpack_event(plain))


def order(mark: str) -> VoiceOrder:
    return VoiceOrder("req", "ann", "key", "Yes.", "ann", mark=mark)


@pytest.mark.parametrize(
    ("wanted", "seconds", "marked"),
    [("half", 1.0, True), ("none", 1.0, False), ("another", 1.0, False), ("half", MARKED_AT_ONCE + 1, False)],
)
def test_a_worker_marks_what_asks_for_its_mark_and_is_not_too_long(wanted: str, seconds: float, marked: bool) -> None:
    sent: Any = Sent()
    wav = np.ones(round(seconds * RATE), np.float32)
    RelayedTask(VoiceOrder.of(order(wanted).values()), "one", "gate", sent, Halved()).tell(PieceEvent(wav, RATE))
    (event,) = sent.events
    assert event.mark == ("half" if marked else "none")
    assert np.array_equal(event.wav, wav / 2 if marked else wav)


def test_what_was_cancelled_is_neither_marked_nor_sent() -> None:
    class Never(Halved):
        def mark(self, wav: Wave, sample_rate: int, facts: MarkFacts) -> Wave:
            raise AssertionError("marked")

    sent: Any = Sent()
    task = RelayedTask(order("half"), "one", "gate", sent, Never())
    task.cancel()
    task.tell(PieceEvent(np.ones(RATE, np.float32), RATE))
    assert sent.events == []


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("mark", ["half", "none", "another"])
def test_a_gateway_marks_only_what_comes_without_its_mark(
    served: RunningService, monkeypatch: pytest.MonkeyPatch, mark: str, streamed: bool
) -> None:
    monkeypatch.setattr(served.service, "marker", Halved())

    async def spoken() -> Wave:
        task = OrderTask(order("half"))
        task.tell(PieceEvent(np.ones(RATE, np.float32), RATE, mark=mark))
        task.tell(SpokenWhole(SpeechFacts(1, 1.0)))
        if streamed:
            return np.concatenate([piece.wav async for piece in served.service.pieces(task)])
        return (await served.service.whole(task)).wav

    assert np.array_equal(asyncio.run(spoken()), np.full(RATE, 1.0 if mark == "half" else 0.5, np.float32))


@pytest.mark.skipif(not present("perth"), reason=f"`{CATALOGUE['perth'].install}` brings the weights")
def test_a_cluster_marks_as_one_process_does_and_its_gateway_marks_nothing(
    stack: ServiceStack, voice_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workers are processes of their own; a second gateway, in this one, asks them for the released mark."""
    real = (PLAIN[0], PLAIN[2])
    asked = [BODY, BODY | {"stream_format": "audio", "chunk": 8}]
    with running(voice_folder, tmp_path / "alone", plain=real) as served, served.client() as client:
        alone = [client.post("/v1/audio/speech", json=one) for one in asked]
    words = ("serving=cluster", f"serving.engine.redis={stack.redis}", "light=none")
    with running(voice_folder, tmp_path / "gateway", *words, plain=real) as served, served.client() as client:

        def never(*given: Any) -> Wave:
            raise AssertionError("the gateway marks")

        monkeypatch.setattr(WatermarkedOutput, "mark", never)
        wait_until(lambda: client.get("/health/ready").status_code == 200, "the gateway sees a worker")
        replies = [client.post("/v1/audio/speech", json=one) for one in asked]
    assert [one.status_code for one in replies] == [200, 200], replies[0].text
    assert [one.headers["x-mark"] for one in replies] == [one.headers["x-mark"] for one in alone] != ["none", "none"]
    for reply, other in zip(replies, alone, strict=True):  # sums of other numbers of threads differ by rounding
        assert np.abs(samples(reply) - samples(other)).max() <= 1


def samples(reply: httpx.Response) -> NDArray[np.int32]:
    """The samples of PCM."""
    return np.frombuffer(reply.content, "<i2").astype(np.int32)
