"""Home Assistant's protocol in front of a real service, asked with the protocol's own client."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncUnixClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.server import AsyncUnixServer
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeVoice

from sovits_lab.serving.client import AsyncVoiceClient, VoiceClient
from sovits_lab.serving.live.context import TextContext
from sovits_lab.serving.wyoming_bridge import WyomingOptions, main, server_of
from sovits_lab.serving.wyoming_connection import WyomingConnection
from sovits_lab.types import InputError
from tests.serving.servers import PATIENCE, RunningService

TEXT = "The river is cold."


def bridged(served: RunningService, folder: Path, act: Callable[[AsyncUnixClient], Awaitable[None]]) -> None:
    """Run a bridge at a socket of the file system, and a client of it."""

    async def run() -> None:
        options = WyomingOptions(emotion="sad")
        async with AsyncVoiceClient(served.url, served.key) as service:
            server = AsyncUnixServer(folder / "w.sock")
            await server.start(partial(WyomingConnection, service, options.languages, options.emotion))
            async with AsyncUnixClient(str(folder / "w.sock")) as client:
                await act(client)
            await server.stop()

    asyncio.run(run())


async def until(client: AsyncUnixClient, kind: str) -> list[Event]:
    events: list[Event] = []
    while not events or events[-1].type != kind:
        found = await client.read_event()
        assert found is not None
        events.append(found)
    return events


def test_voices_are_announced_and_speak_as_over_http(served: RunningService, tmp_path: Path) -> None:
    async def act(client: AsyncUnixClient) -> None:
        await client.write_event(Describe().event())
        info = Info.from_event((await until(client, "info"))[-1])
        assert [one.name for one in info.tts[0].voices] == ["ann", "bob"] and info.tts[0].voices[0].languages == ["en"]
        await client.write_event(Synthesize(f"{TEXT} [laugh]", SynthesizeVoice("bob")).event())
        events = await until(client, "audio-stop")
        start = AudioStart.from_event(events[0])
        assert (start.rate, start.width, start.channels) == (24_000, 2, 1) and AudioStop.is_type(events[-1].type)
        sound = b"".join(AudioChunk.from_event(one).audio for one in events[1:-1])
        assert len(sound) % 2 == 0 and len(sound) > 2000

    bridged(served, tmp_path, act)


def test_a_refusal_is_an_error_of_the_protocol_and_ends_the_connection(served: RunningService, tmp_path: Path) -> None:
    """Home Assistant passes errors over: on a connection that stayed open it would wait for ever."""

    async def act(client: AsyncUnixClient) -> None:
        await client.write_event(Synthesize(TEXT, SynthesizeVoice("carl")).event())
        (only,) = await until(client, "error")
        assert "expected one of ann, bob" in Error.from_event(only).text
        assert await client.read_event() is None
        async with AsyncUnixClient(str(tmp_path / "w.sock")) as another:
            await another.write_event(Synthesize(TEXT).event())  # the first voice
            assert len(await until(another, "audio-stop")) > 2

    bridged(served, tmp_path, act)
    with VoiceClient(served.url, served.key) as client:
        assert client.voices()[0]["id"] == "ann"


def test_a_service_without_a_voice_says_so(
    served: RunningService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(_: AsyncVoiceClient) -> list[Any]:
        return []

    async def act(client: AsyncUnixClient) -> None:
        await client.write_event(Synthesize(TEXT).event())
        (only,) = await until(client, "error")
        assert "enrol one first" in Error.from_event(only).text

    monkeypatch.setattr(AsyncVoiceClient, "voices", none)
    bridged(served, tmp_path, act)


def test_what_does_not_fit_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="expected tcp://HOST:PORT"):
        server_of("http://127.0.0.1")
    monkeypatch.delenv("SOVITS_LAB_KEY", raising=False)
    with pytest.raises(InputError, match="expected an API key"):
        main(["uri=tcp://127.0.0.1:10200"])


def test_text_in_pieces_is_spoken_while_it_is_written(served: RunningService, tmp_path: Path) -> None:
    """As Home Assistant asks: the pieces, and the whole text once more for servers that take no pieces."""

    async def act(client: AsyncUnixClient) -> None:
        await client.write_event(Describe().event())
        assert Info.from_event((await until(client, "info"))[-1]).tts[0].supports_synthesize_streaming
        for _ in range(2):  # one after another on the same connection
            await client.write_event(SynthesizeStart(SynthesizeVoice("bob")).event())
            await client.write_event(SynthesizeChunk("The river is cold. Nob").event())
            begun = await until(client, "audio-chunk")  # before the second sentence is written
            await client.write_event(SynthesizeChunk("ody went there.").event())
            await client.write_event(Synthesize("The river is cold. Nobody went there.").event())
            await client.write_event(SynthesizeStop().event())
            events = begun + await until(client, "synthesize-stopped")
            kinds = [one.type for one in events]
            assert kinds[0] == "audio-start" and kinds[-2] == "audio-stop" and kinds.count("audio-start") == 1
            assert len(b"".join(AudioChunk.from_event(one).audio for one in events if one.type == "audio-chunk")) > 4000

    bridged(served, tmp_path, act)


@pytest.mark.parametrize("pieces", [[], ["Yes."], ["Yes. "] * 300])
def test_a_refused_voice_of_pieces_ends_the_connection(
    served: RunningService, tmp_path: Path, pieces: list[str]
) -> None:
    async def act(client: AsyncUnixClient) -> None:
        await client.write_event(SynthesizeStart(SynthesizeVoice("carl")).event())
        for piece in pieces:
            await client.write_event(SynthesizeChunk(piece).event())
        await client.write_event(SynthesizeStop().event())
        (only,) = await until(client, "error" if pieces else "synthesize-stopped")
        if pieces:
            assert "expected one of ann, bob" in Error.from_event(only).text
            assert await client.read_event() is None

    bridged(served, tmp_path, act)


def test_a_client_that_leaves_stops_what_is_spoken_of_its_pieces(
    served: RunningService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = threading.Event()
    cancel = TextContext.cancel

    async def noted(context: TextContext) -> dict[str, Any]:
        stopped.set()
        return await cancel(context)

    async def act(_: AsyncUnixClient) -> None:
        async with AsyncUnixClient(str(tmp_path / "w.sock")) as leaving:
            await leaving.write_event(SynthesizeStart().event())
            await leaving.write_event(SynthesizeChunk(f"{TEXT} " * 100).event())
            await until(leaving, "audio-chunk")
        assert await asyncio.to_thread(stopped.wait, PATIENCE)

    monkeypatch.setattr(TextContext, "cancel", noted)
    bridged(served, tmp_path, act)


NO_EVENTS = {
    "an array": b"[]\n",
    "no type": b"{}\n",
    "a type that is no word": b'{"type": 5}\n',
    "data that is a list": b'{"type": "synthesize", "data": [1]}\n',
    "lengths as words": b'{"type": "describe", "data_length": "x"}\n',
    "a payload of 2 GB": b'{"type": "audio-chunk", "payload_length": 2000000000}\n',
    "data of 2 GB": b'{"type": "synthesize", "data_length": 2000000000}\n',
    "no text": b'{"type": "synthesize", "data": {}}\n',
    "a text that is a number": b'{"type": "synthesize", "data": {"text": 5}}\n',
    "a voice that is a number": b'{"type": "synthesize", "data": {"text": "hi", "voice": 5}}\n',
    "a piece without text": b'{"type": "synthesize-start", "data": {}}\n{"type": "synthesize-chunk", "data": {}}\n',
}


@pytest.mark.parametrize("name", NO_EVENTS)
def test_what_is_no_event_is_an_error_of_the_protocol_and_no_traceback(
    served: RunningService, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def act(client: AsyncUnixClient) -> None:
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "w.sock"))
        writer.write(NO_EVENTS[name])
        await writer.drain()
        answer = await asyncio.wait_for(reader.read(), PATIENCE)  # to the end of the connection
        assert answer.startswith(b'{"type": "error"')
        writer.close()
        await client.write_event(Describe().event())  # the bridge goes on
        await until(client, "info")

    bridged(served, tmp_path, act)
    assert not [one for one in caplog.records if one.exc_info]
