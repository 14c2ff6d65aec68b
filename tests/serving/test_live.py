"""Text in pieces over a WebSocket: what is spoken when, what is told, and work that ends when nobody wants it."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from sovits_lab import Synthesizer
from sovits_lab.inference.streaming import SpokenPiece
from sovits_lab.inference.synthesizer import Request
from sovits_lab.inference.timings import PhoneTime, Timings, WordTime
from sovits_lab.serving.access.principal import Principal
from sovits_lab.serving.engines.models import BundleModel, ModelHolder
from sovits_lab.serving.live.segments import ready_text, word_times
from sovits_lab.serving.routes.stream import LiveSocket
from sovits_lab.serving.settings import RequestLimits
from tests.serving.servers import LABELS, PATIENCE, Deployment, RunningService, running, wait_until

LONG = "The river is cold and nobody went there any more, and nobody asked why it was so. " * 20


@contextmanager
def session(served: Deployment, **more: Any) -> Iterator[ClientConnection]:
    url = served.url.replace("http", "ws") + "/v1/audio/stream"
    with connect(url, additional_headers={"Authorization": f"Bearer {served.key}"}) as socket:
        assert json.loads(socket.recv())["type"] == "session.created"
        say(socket, "session.update", voice="ann", **more)
        assert json.loads(socket.recv())["type"] == "session.updated"
        yield socket


def say(socket: ClientConnection, kind: str, **more: Any) -> None:
    socket.send(json.dumps({"type": kind, **more}))


def until(socket: ClientConnection, *kinds: str) -> list[dict[str, Any]]:
    events = []
    while not events or events[-1]["type"] not in kinds:
        events.append(json.loads(socket.recv(timeout=PATIENCE)))
    return events


def sound(events: list[dict[str, Any]], context: str = "default") -> bytes:
    return b"".join(base64.b64decode(e["audio"]) for e in events if e.get("audio") and e["context_id"] == context)


def test_text_in_pieces_is_the_librarys_speech_sentence_by_sentence(deployment: Deployment, voice_folder: Path) -> None:
    with session(deployment, seed=7) as socket:
        for piece in ("The riv", "er is cold. Nob", "ody went there. "):
            say(socket, "input_text.append", text=piece)
        say(socket, "input_text.end")
        events = until(socket, "speech.audio.done")
    segments = [event for event in events if event["type"] == "speech.segment"]
    assert "".join(one["text"] for one in segments) == "The river is cold. Nobody went there. "
    own = Synthesizer.load(voice_folder)
    expected = [
        (np.concatenate(list(own.stream(Request(one["text"], "ann", seed=one["seed"]), 8))).clip(-1, 1) * 32767)
        for one in segments
    ]
    assert sound(events) == np.concatenate(expected).astype("<i2").tobytes()
    assert events[-1]["seconds"] == pytest.approx(len(sound(events)) / 2 / 16_000, abs=1e-3)
    words = [word for one in segments for word in one["words"]]
    assert [word["word"] for word in words] == ["The", "river", "is", "cold", "Nobody", "went", "there"]
    assert all(one["end"] <= other["start"] + 1e-3 for one, other in itertools.pairwise(words))
    assert {one["timing"] for one in segments} == {"model"} and words[-1]["end"] <= events[-1]["seconds"] + 2e-3


def test_a_model_that_knows_its_phones_tells_when_each_is_spoken(
    served: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Times that come with pieces of sound are moved to their place in the context, and joined at a segment's end."""

    def spoken(*_: Any) -> Any:
        first = Timings((PhoneTime("Y", 0.0, 0.2), PhoneTime("EH1", 0.2, 0.4)))
        yield SpokenPiece(np.full(8000, 0.1, np.float32), first)
        rest = Timings((PhoneTime("S", 0.4, 0.9),), (WordTime("Yes", 0.0, 0.9),))
        yield SpokenPiece(np.full(8000, 0.1, np.float32), rest)
        return ()

    monkeypatch.setattr(BundleModel, "stream", spoken)
    with session(served) as socket:
        say(socket, "input_text.append", text="Yes. Yes. ")
        say(socket, "input_text.end")
        events = until(socket, "speech.audio.done")
    first, second = [event for event in events if event["type"] == "speech.segment"]
    assert first["timing"] == "model" and first["words"] == [{"word": "Yes", "start": 0.0, "end": 0.9}]
    assert second["words"] == [{"word": "Yes", "start": 1.0, "end": 1.9}]
    assert [one["phone"] for one in second["phones"]] == ["Y", "EH1", "S"] and second["phones"][-1]["end"] == 1.9
    deltas = [event["phones"] for event in events if event["type"] == "speech.audio.delta"]
    assert [one["phone"] for one in itertools.chain(*deltas)] == ["Y", "EH1", "S"] * 2


def test_a_sentence_is_spoken_before_the_next_is_written_and_an_idle_one_after_a_while(
    served: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served.service, "limits", type(served.service.limits)(idle_flush=0.3))
    with session(served) as socket:
        say(socket, "input_text.append", text="The river is cold. And then")
        until(socket, "speech.segment")
        assert until(socket, "speech.segment")[-1]["text"] == "And then"
        say(socket, "input_text.append", text=" no more")
        say(socket, "input_text.flush")
        assert until(socket, "speech.segment")[-1]["text"] == " no more"


def test_cancelling_stops_the_decoder_before_its_next_token_twenty_times(
    served: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many milliseconds that takes is measured by `bench serve what=cancel`, on a machine that has time."""
    bench = served.service.dispatcher.engine.bench  # type: ignore[attr-defined]
    asked_after: list[int] = []
    stream = BundleModel.stream

    def watched(
        model: BundleModel, request: Request, chunk: int | None, cancelled: Callable[[], bool], timed: bool
    ) -> Any:
        asked_after.append(0)

        def seen() -> bool:
            asked_after[-1] += cancelled()
            return cancelled()

        return stream(model, request, chunk, seen, timed)

    monkeypatch.setattr(BundleModel, "stream", watched)
    with session(served) as socket:
        for turn in range(20):
            name = f"turn-{turn}"
            say(socket, "input_text.append", text=LONG[:3000], context_id=name)
            until(socket, "speech.audio.delta")
            say(socket, "cancel", context_id=name)
            told = until(socket, "context.cancelled")[-1]
            assert told["made_seconds"] > 0 and told["heard_seconds"] <= told["made_seconds"]
            wait_until(lambda: not bench.active and not bench.in_hand, "an idle worker")
    assert len(asked_after) >= 20 and max(asked_after) <= 1, asked_after
    assert served.service.metrics.cancels._value.get() >= 20


def test_a_context_begins_and_ends_with_the_notice_and_hands_over_its_labels(
    voice_folder: Path, tmp_path: Path
) -> None:
    with running(voice_folder, tmp_path, LABELS, "+marker.place=both") as noticed, session(noticed) as socket:
        say(socket, "input_text.append", text="The river is cold. Nobody went there. ")
        say(socket, "input_text.end")
        events = until(socket, "speech.audio.done")
    notices = [one for one in events if one["type"] == "speech.audio.delta" and one["segment"] is None]
    sounds = [one for one in events if one["type"] == "speech.audio.delta"]
    assert notices == [sounds[0], sounds[-1]]
    rate = sounds[0]["sample_rate"]
    first, second = (one for one in events if one["type"] == "speech.segment")
    assert first["start"] == pytest.approx(len(base64.b64decode(sounds[0]["audio"])) / 2 / rate, abs=1e-3)
    assert second["start"] == first["end"] and first["degraded"] == ""
    whole = sum(len(base64.b64decode(one["audio"])) for one in sounds) / 2 / rate
    assert events[-1]["seconds"] == pytest.approx(whole, abs=0.01)
    assert json.loads(events[-1]["labels"]["AIGC"])["Label"] == "1" and "Article 50" in events[-1]["labels"]["comment"]


def test_contexts_do_not_mix_and_a_cancelled_one_leaves_room(deployment: Deployment) -> None:
    most = RequestLimits().contexts
    with session(deployment, seed=1) as socket:
        for number in range(most):
            say(socket, "input_text.append", text="Number one is cold. ", context_id=f"c{number}")
        say(socket, "input_text.append", text="No room. ", context_id="more")
        events = until(socket, "error")
        assert "as many as may" in events[-1]["detail"]
        while sum(event["type"] == "speech.segment" for event in events) < most:
            events += until(socket, "speech.segment")
        each = {sound(events, f"c{number}") for number in range(most - 2)}
        assert len(each) == 1 and b"" not in each
        say(socket, "cancel", context_id="c0")
        until(socket, "context.cancelled")
        say(socket, "input_text.append", text="Now there is room. ", context_id="more")
        until(socket, "speech.segment")


def test_a_client_that_leaves_takes_its_work_along(served: RunningService) -> None:
    with session(served) as socket:
        say(socket, "input_text.append", text=LONG[:3000])
        until(socket, "speech.audio.delta")
    wait_until(lambda: not served.service.dispatcher.running, "nothing in work")
    assert not served.service.dispatcher.engine.bench.active  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("no json", "Invalid JSON"),
        ('{"type": "shutdown"}', "shutdown"),
        ('{"type": "cancel", "context_id": "nobody"}', "there is none in work"),
        ('{"type": "session.update", "voice": "../ann"}', "pattern"),
        ('{"type": "input_text.append", "text": "x", "url": "http://a"}', "url"),
    ],
)
def test_a_wrong_message_is_told_and_the_socket_goes_on(deployment: Deployment, message: str, said: str) -> None:
    with session(deployment) as socket:
        socket.send(message)
        assert said in until(socket, "error")[-1]["detail"]
        say(socket, "input_text.append", text="Yes. ")
        until(socket, "speech.segment")


def test_thousands_of_messages_at_once_leave_others_their_turn(served: RunningService) -> None:
    class Flood:
        left = 500

        async def receive(self) -> dict[str, Any]:
            self.left -= 1
            return {"type": "websocket.receive", "text": "no json"} if self.left else {"type": "websocket.disconnect"}

        async def send_text(self, text: str) -> None:
            pass

    async def turns_of_others() -> int:
        who = Principal("ann", "key", frozenset({"speak"}))
        flooded = asyncio.create_task(LiveSocket(Flood(), served.service, who, "req").run())  # type: ignore[arg-type]
        turns = 0
        while not flooded.done():
            turns += 1
            await asyncio.sleep(0)
        return turns

    assert asyncio.run(turns_of_others()) > 400


def test_bytes_are_told_to_be_no_message_and_the_socket_goes_on(deployment: Deployment) -> None:
    with session(deployment) as socket:
        socket.send(b"\x00\x01")
        assert "expected a message of text" in until(socket, "error")[-1]["detail"]
        say(socket, "input_text.append", text="Yes. ")
        until(socket, "speech.segment")


def test_a_socket_is_not_opened_while_nothing_can_speak(
    served: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served.service.dispatcher.engine, "facts", ModelHolder(lambda: None).known)  # type: ignore[arg-type, return-value]
    url = served.url.replace("http", "ws") + "/v1/audio/stream"
    with pytest.raises(InvalidStatus), connect(url, additional_headers={"Authorization": f"Bearer {served.key}"}):
        pass


def test_a_browsers_socket_needs_its_key_and_its_own_page(served: RunningService) -> None:
    url = served.url.replace("http", "ws") + "/v1/audio/stream"
    with connect(url, subprotocols=["sovits.v1", f"bearer.{served.key}"]) as socket:  # type: ignore[list-item]
        assert socket.subprotocol == "sovits.v1"
    for more in ({}, {"additional_headers": {"Authorization": "Bearer sk-wrong"}}):
        with pytest.raises(InvalidStatus), connect(url, **more):  # type: ignore[arg-type]
            pass
    for origin in ("https://evil.example", "http://["):
        key = {"Authorization": f"Bearer {served.key}"}
        with (
            pytest.raises(InvalidStatus, match="HTTP 403"),
            connect(url, origin=origin, additional_headers=key),  # type: ignore[arg-type]
        ):
            pass


@pytest.mark.parametrize(
    ("text", "first", "flush", "ready"),
    [
        ("The river is cold. Nob", True, False, "The river is cold. "),
        ("The river is cold", False, False, ""),
        ("The river is cold", False, True, "The river is cold"),
        ("When the river, which is cold, rises", True, False, "When the river, "),
        ("One. Two. Three. Fo", False, False, "One. Two. Three. "),
        ("One. Two. Three. Fo", True, False, "One. "),
        ("河水很冷。没有人", True, False, "河水很冷。"),
    ],
)
def test_what_can_be_spoken_is_cut_at_sentences(text: str, first: bool, flush: bool, ready: str) -> None:
    found = ready_text(text, first, flush)
    assert found.ready + found.rest == text
    assert found.ready == ready


@pytest.mark.parametrize("row", [".", "?!", ".'", "…)"])
def test_a_row_of_marks_without_an_end_is_looked_through_once(row: str) -> None:
    """Twenty thousand dots took four seconds, in which nobody else was answered."""
    began = time.process_time()
    assert ready_text(row * 10_000, False, False).ready == ""
    assert ready_text(row * 10_000 + " Yes", False, False).ready
    assert time.process_time() - began < 1


def test_times_of_words_fill_the_segment() -> None:
    times = word_times("[emotion:sad]The river[/emotion] is cold.", 1.0, 2.0)
    assert [one.word for one in times] == ["The", "river", "is", "cold."]
    assert times[0].start == 1.0 and times[-1].end == 3.0
