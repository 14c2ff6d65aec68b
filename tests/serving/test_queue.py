"""The queue and the workers: fair, bounded, honest about waiting; what a lighter model says is marked so."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from sovits_lab.serving.engines.clip_memory import ClipMemory
from sovits_lab.serving.engines.light import EspeakLight, installed_light
from sovits_lab.serving.engines.models import BundleModel, ModelHolder
from sovits_lab.serving.engines.stepping import SteppedOrder
from sovits_lab.serving.order import VoiceOrder
from sovits_lab.serving.problems import ProblemError
from sovits_lab.serving.quality import QualityGate, gate_of
from sovits_lab.serving.queue import FairQueue, QueueLimits
from sovits_lab.serving.settings import RequestLimits, compose_settings
from sovits_lab.serving.task import OrderTask, SpokenNot, SpokenWhole
from sovits_lab.text.limits import TextLimits
from sovits_lab.types import InputError
from tests.serving.servers import PATIENCE, running, wait_until

LONG = "The river is cold and nobody went there any more. " * 3


def order(owner: str = "ann", letters: int = 140, **more: Any) -> VoiceOrder:
    return VoiceOrder("req", owner, "key", "x" * letters, "ann", speaker="ann", **more)


def test_limits_of_markup_travel_with_an_order() -> None:
    markup = RequestLimits(pauses=3).markup(letters=10)
    made = VoiceOrder.of(json.loads(json.dumps(order(markup=markup).values())))
    assert made.request(lambda _: b"").markup == TextLimits(20, 1000, 3, 120.0)


async def served(queue: FairQueue, *orders: VoiceOrder) -> list[str]:
    for one in orders:
        queue.put(OrderTask(one), 0.1)
    return [task.order.owner + task.order.priority[0] for task in iter(queue.pop, None)]


def test_an_owner_with_many_requests_delays_another_by_one() -> None:
    many = [order("ann") for _ in range(6)] + [order("bob"), order("bob")]
    assert asyncio.run(served(FairQueue(QueueLimits()), *many))[:4] == ["annn", "bobn", "annn", "bobn"]


def test_priorities_share_and_starve_nobody() -> None:
    mixed = [order("ann", priority="low") for _ in range(8)] + [order("ann", priority="high") for _ in range(8)]
    turns = asyncio.run(served(FairQueue(QueueLimits()), *mixed))
    assert turns[:6].count("annh") >= 4 and "annl" in turns[:6]


def test_long_texts_cost_more_turns_than_short_ones() -> None:
    both = [order("ann", 1400) for _ in range(3)] + [order("bob", 140) for _ in range(12)]
    turns = asyncio.run(served(FairQueue(QueueLimits()), *both))
    assert turns[:12].count("bobn") >= 9


def test_a_full_queue_says_when_to_come_back() -> None:
    async def filled() -> None:
        queue = FairQueue(QueueLimits(waiting=3, waiting_per_owner=2))
        for owner in ("ann", "ann"):
            queue.put(OrderTask(order(owner)), 1.0)
        with pytest.raises(ProblemError, match="as many as may") as of_owner:
            queue.put(OrderTask(order("ann")), 1.0)
        queue.put(OrderTask(order("bob")), 1.0)
        with pytest.raises(ProblemError, match="the queue is full: 3") as full:
            queue.put(OrderTask(order("carl")), 1.0)
        assert (of_owner.value.status, full.value.status) == (429, 503)
        assert full.value.headers()["Retry-After"] == "31"  # three of ten seconds, and one
        assert queue.pop() is not None and len(queue) == 2
        task = OrderTask(order("carl"))
        queue.put(task, 1.0)
        task.cancel()
        assert queue.expired() == [task]

    asyncio.run(filled())


def test_nothing_follows_the_first_ending() -> None:
    async def twice() -> list[Any]:
        task = OrderTask(order())
        task.tell(SpokenNot(ProblemError(500, "first", "first")))
        task.tell(SpokenNot(ProblemError(500, "second", "second")))
        return [event async for event in task.events()]

    events = asyncio.run(twice())
    assert len(events) == 1 and events[0].problem.code == "first" and not isinstance(events[0], SpokenWhole)


@pytest.mark.parametrize(
    ("wav", "text", "flag"),
    [
        (np.full(16_000, np.nan, np.float32), "Yes.", "not_finite"),
        (np.zeros(16_000, np.float32), "Yes.", "silence"),
        (np.full(1600, 0.1, np.float32), "The river is cold.", "too_quick"),
        (np.full(160_000, 0.1, np.float32), "The river is cold.", "too_slow"),
    ],
)
def test_the_gate_names_what_is_wrong(wav: np.ndarray, text: str, flag: str) -> None:
    gate = QualityGate()
    assert flag in gate.flags(wav, 16_000, text, ()) and gate.is_bad([flag])
    assert gate.flags(np.full(16_000, 0.1, np.float32), 16_000, "The river is cold.", ("low_rate",)) == ("low_rate",)
    assert not gate.is_bad(["low_rate"])


def test_asked_pauses_and_digits_are_no_faults_of_the_speech() -> None:
    gate = QualityGate()
    speech, silence = np.full(32_000, 0.1, np.float32), np.zeros(160_000, np.float32)
    paused = np.concatenate([speech, silence])
    assert gate.flags(paused, 16_000, "The river is cold.", (), pauses=10.0) == ()
    assert set(gate.flags(paused, 16_000, "The river is cold.", ())) == {"silence", "too_slow"}
    assert gate.flags(np.tile(speech, 4), 16_000, "12,345,678,901,234", ()) == ()  # eight seconds of words


def test_a_pause_is_not_spoken_again(voice_folder: Path, tmp_path: Path) -> None:
    with running(voice_folder, tmp_path) as service, service.client() as client:
        reply = ask(client, 4, input="The river is cold. [pause:9] The boat is old.")
    assert (reply.headers["x-attempts"], reply.headers["x-flags"]) == ("1", "")
    assert float(reply.headers["x-audio-seconds"]) > 9.0


def test_digits_and_ideographs_take_longer_than_letters() -> None:
    digits, han = replace(order(), text="2" * 100), replace(order(), text="河" * 100)
    assert digits.estimated_seconds == pytest.approx(400 / 14) and han.estimated_seconds == pytest.approx(300 / 14)


def test_a_recogniser_has_its_say_where_there_is_one() -> None:
    asked: list[str | None] = []

    def transcribe(wav: np.ndarray, language: str | None) -> str:
        asked.append(language)
        return "The river is old."

    gate, wav = QualityGate(transcribe=transcribe), np.full(16_000, 0.1, np.float32)
    assert gate.flags(wav, 16_000, "The river is cold.", (), "en") == () and asked == ["en"]
    found = gate.flags(wav, 16_000, "Nobody asked a thing about it.", ())
    assert found == ("misheard",) and gate.is_bad(found)
    assert gate.flags(np.zeros(16_000, np.float32), 16_000, "Yes.", ()) == ("silence",) and len(asked) == 2
    with pytest.raises(InputError, match="whisper-none"):
        gate_of("whisper-none")


def test_bad_speech_is_spoken_again_with_another_seed_that_is_told(voice_folder: Path, tmp_path: Path) -> None:
    with running(voice_folder, tmp_path) as service, service.client() as client:
        bench = service.service.dispatcher.engine.bench  # type: ignore[attr-defined]
        usual = QualityGate()
        seen: list[int] = []

        class Once(QualityGate):
            def flags(self, *given: Any) -> tuple[str, ...]:
                seen.append(1)
                return ("silence",) if len(seen) == 1 else usual.flags(*given)

        bench.gate = Once()
        reply = client.post("/v1/audio/speech", json={"input": "The river is cold.", "voice": "ann", "seed": 4,
                                                      "response_format": "wav"})  # fmt: skip
        assert reply.headers["x-attempts"] == "2" and reply.headers["x-seed"] == str(4 + 7919)
        bench.gate = usual
        again = client.post("/v1/audio/speech", json={"input": "The river is cold.", "voice": "ann", "seed": 4 + 7919,
                                                      "response_format": "wav"})  # fmt: skip
        assert again.content == reply.content


def ask(client: httpx.Client, number: int, **more: Any) -> httpx.Response:
    body = {"input": LONG, "voice": "ann", "seed": number, "response_format": "wav", **more}
    return client.post("/v1/audio/speech", json=body)


def held(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Let the model wait, whatever it is asked for, until the event is set."""
    let_go = threading.Event()
    speak_all, stream = BundleModel.speak_all, BundleModel.stream

    def late_speak_all(*given: Any) -> Any:
        let_go.wait(PATIENCE)
        return speak_all(*given)

    def late_stream(*given: Any) -> Any:
        let_go.wait(PATIENCE)
        return stream(*given)

    monkeypatch.setattr(BundleModel, "speak_all", late_speak_all)
    monkeypatch.setattr(BundleModel, "stream", late_stream)
    return let_go


def test_overload_is_refused_with_a_time_or_spoken_by_a_light_voice_that_is_named(
    voice_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tight = ("queue.waiting=4", "queue.patience=1.0", "serving.engine.streams=2", "load.degrade_after=0.5",
             "load.light_waiting=3")  # fmt: skip
    with running(voice_folder, tmp_path, *tight) as service, service.client() as client:
        let_go = held(monkeypatch)
        with ThreadPoolExecutor(16) as pool:
            asked = [pool.submit(ask, client, i, allow_light=i % 2 == 0) for i in range(16)]
            wait_until(lambda: sum(one.done() for one in asked) == 14, "all answered but the two in work")
            let_go.set()
        told = [one.result() for one in asked]
        spoken = [reply for reply in told if reply.status_code == 200]
        refused = [reply for reply in told if reply.status_code != 200]
        assert {reply.status_code for reply in refused} <= {429, 503} and refused
        assert all(int(reply.headers["retry-after"]) >= 1 for reply in refused)
        light = [reply for reply in spoken if reply.headers["x-degraded"]]
        assert light and {reply.headers["x-degraded"] for reply in light} == {"espeak"}
        assert sum(not reply.headers["x-degraded"] for reply in spoken) == 2
        assert 'sovits_lab_degraded_total{reason="load"}' in client.get("/metrics").text
        reply = ask(client, 99)
        assert reply.status_code == 200 and reply.headers["x-degraded"] == ""  # and afterwards all is as before


def test_a_caller_that_hangs_up_frees_the_worker(voice_folder: Path, tmp_path: Path) -> None:
    with running(voice_folder, tmp_path) as service, service.client() as client:
        dispatcher, body = service.service.dispatcher, json.dumps({"input": LONG * 20, "voice": "ann"})
        head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {service.key}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", client.base_url.port)) as caller:
            caller.sendall((head + body).encode())
            wait_until(lambda: dispatcher.running, "an order in work")
        wait_until(lambda: not dispatcher.running, "nothing in work")
        assert service.service.metrics.cancels._value.get() == 1  # it was cancelled, and not spoken to its end


def test_a_model_is_loaded_again_after_so_many_requests_and_let_go_of_when_idle(
    voice_folder: Path, tmp_path: Path
) -> None:
    worn = ("serving.engine.recycle_after=3", "serving.engine.batch=1")
    with running(voice_folder, tmp_path, *worn) as service, service.client() as client:
        holder = service.service.dispatcher.engine.holder  # type: ignore[attr-defined]
        replies = [ask(client, 4, input="Yes.").content for _ in range(7)]
        assert holder.loads == 3 and len(set(replies)) == 1
        holder.unload_after = 0.01
        wait_until(lambda: not holder.is_loaded, "an idle model that was let go of")
        assert ask(client, 4, input="Yes.").content == replies[0]


class RingModel:
    """A model that only reference counting would never let go of."""

    facts = None

    def __init__(self) -> None:
        self.itself = self

    def warm_up(self) -> None: ...

    def close(self) -> None: ...


def test_a_model_whose_parts_know_each_other_is_gone_when_it_is_let_go_of() -> None:
    made: list[weakref.ref[RingModel]] = []

    def load() -> Any:
        model = RingModel()
        made.append(weakref.ref(model))
        return model

    holder = ModelHolder(load, recycle_after=1)
    try:
        for _ in range(2):
            holder.acquire()
            assert gc.get_freeze_count()  # while it speaks it is not searched for unused objects
            holder.release(1)
        assert len(made) == 2 and not any(one() for one in made)
    finally:
        gc.unfreeze()


def test_a_new_stream_comes_before_those_that_are_late_and_after_nobody_who_would_fall_silent() -> None:
    async def dues() -> list[float]:
        stepped = [SteppedOrder(OrderTask(order(streamed=True)), ClipMemory(), QualityGate()) for _ in range(3)]
        now = stepped[0].began + 10.0
        late, ahead, new = stepped
        late.task.sounded, late.samples = now - 9.0, 16_000  # one second of sound for nine of listening
        ahead.task.sounded, ahead.samples = now - 9.0, 16_000 * 12
        return [one.due(16_000, now) - now for one in (late, ahead, new)]

    late, ahead, new = asyncio.run(dues())
    assert new < late == 0.0 < ahead == pytest.approx(3.0)


def test_without_espeak_the_service_says_what_else_may_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sovits_lab.serving.engines.light.find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"light: espeak-ng is not installed, expected .*\[demo\].* or light=none"):
        EspeakLight()


def test_without_espeak_nothing_speaks_instead_by_default_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert compose_settings([])["light"]["_target_"].endswith("installed_light")
    assert isinstance(installed_light(), EspeakLight)
    monkeypatch.setattr("sovits_lab.serving.engines.light.find_spec", lambda _: None)
    assert installed_light() is None
    assert "espeak-ng is not installed" in caplog.text
