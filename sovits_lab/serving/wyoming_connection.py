"""One connection of Home Assistant, by the Wyoming protocol. Needs the optional package `wyoming`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, Eventable, async_read_event
from wyoming.info import Attribution, Describe, Info, TtsProgram, TtsVoice
from wyoming.server import AsyncEventHandler
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeStopped, SynthesizeVoice

from sovits_lab.serving.client import AsyncVoiceClient, ServiceError
from sovits_lab.types import InputError, got

log = logging.getLogger(__name__)
RATE, WIDTH = 24_000, 2  # of the client's stream: Hz, bytes of a sample
MOST_EVENT = 1 << 20  # bytes of data or payload that a client's event may announce; texts have thousands
PIECES = 64  # of text that wait; then the sender waits
MADE: dict[str, Any] = {"attribution": Attribution("sovits_lab", ""), "installed": True, "version": "1"}


class BoundedReader:
    """A client's bytes; what it announces is refused before it is read where it is larger than any event."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self.readline, self.feed_eof, self._reader = reader.readline, reader.feed_eof, reader

    async def readexactly(self, count: int) -> bytes:
        """Return so many bytes. Raises OverflowError, no ValueError, which the library takes for a client that left."""
        if count > MOST_EVENT:
            raise OverflowError(f"event: got {count} bytes of data or payload, expected at most {MOST_EVENT}")
        return await self._reader.readexactly(count)


class WrittenText:
    """Text that comes piece by piece, and the task that speaks it."""

    def __init__(self) -> None:
        self._pieces: asyncio.Queue[str | None] = asyncio.Queue(PIECES)
        self.task: asyncio.Task[None]

    async def __aiter__(self) -> AsyncIterator[str]:
        while (piece := await self._pieces.get()) is not None:
            yield piece

    async def put(self, piece: str | None) -> None:
        """Hand on a piece, None at the end. Raises what the speaking task has raised."""
        putting = asyncio.ensure_future(self._pieces.put(piece))
        await asyncio.wait({putting, self.task}, return_when=asyncio.FIRST_COMPLETED)
        if self.task.done():
            putting.cancel()
            self.task.result()

    async def end(self) -> None:
        """Say that no more comes, and wait until all is spoken."""
        await self.put(None)
        await self.task


class WyomingConnection(AsyncEventHandler):
    """Answers what a client asks: which voices there are, and speech, of whole texts and of text in pieces.

    Args:
        service: a client of the service.
        languages: that its voices are announced for where they name none.
        emotion: of everything; "" for none.
    """

    def __init__(self, service: AsyncVoiceClient, languages: Sequence[str], emotion: str, *streams: Any) -> None:
        reader, writer = streams
        super().__init__(BoundedReader(reader), writer)  # type: ignore[arg-type]
        self.service, self.languages = service, list(languages)
        self.emotion = {"emotion": emotion} if emotion else {}
        self._written: WrittenText | None = None

    async def run(self) -> None:
        """Answer events until the client leaves, or sends what is none."""
        self._is_running = True
        try:
            while self._is_running and (event := await self._next_event()) is not None:
                if not await self.handle_event(event):
                    break
        except ConnectionError:
            pass  # the client left while it was answered
        finally:
            await self.disconnect()
            self.writer.close()

    async def _next_event(self) -> Event | None:
        """The client's next event; None where it left or sent what is none, which is an error of the protocol."""
        try:
            event = await async_read_event(self.reader)
            if event is None or (isinstance(event.type, str) and isinstance(event.data, dict)):
                return event
            raise InputError(f"event: got type {event.type!r}, expected one of the Wyoming protocol, with its data")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        except (
            InputError,
            LookupError,
            TypeError,
            AttributeError,
            RecursionError,
            OverflowError,
        ) as error:  # the library reads so
            await self._refuse(error)
            return None

    async def _refuse(self, error: Exception) -> None:
        log.warning("wyoming: %s: %s", type(error).__name__, error)
        await self.write_event(Error(str(error), type(error).__name__).event())

    async def handle_event(self, event: Event) -> bool:
        """Answer one event; what the service refuses is an error of the protocol, after which the connection ends.

        Home Assistant passes errors over and waits for the end of the sound, or of the connection.
        """
        try:
            if Describe.is_type(event.type):
                await self.write_event((await self._info()).event())
            elif SynthesizeStart.is_type(event.type):
                await self.disconnect()
                self._begin(_read(SynthesizeStart, event).voice)
            elif self._written is not None:
                await self._go_on(self._written, event)
            elif Synthesize.is_type(event.type):
                asked = _read(Synthesize, event)
                voice = await self._voice(asked.voice)
                await self._send(self.service.stream(asked.text, voice, markup="none", **self.emotion))
        except (ServiceError, InputError, httpx.HTTPError) as error:
            await self._refuse(error)
            return False
        return True

    async def disconnect(self) -> None:
        """Stop what is being spoken of text in pieces."""
        if self._written is not None:
            self._written.task.cancel()
            await asyncio.gather(self._written.task, return_exceptions=True)
            self._written = None

    def _begin(self, voice: SynthesizeVoice | None) -> None:
        written = self._written = WrittenText()

        async def speak() -> None:
            name = await self._voice(voice)
            await self._send(self.service.stream_text(aiter(written), name, markup="none", **self.emotion))

        written.task = asyncio.create_task(speak())

    async def _go_on(self, written: WrittenText, event: Event) -> None:
        """Take a piece or the end; the whole text, which clients send once more for older servers, is passed over."""
        if SynthesizeChunk.is_type(event.type):
            await written.put(_read(SynthesizeChunk, event).text)
        elif SynthesizeStop.is_type(event.type):
            await written.end()
            self._written = None
            await self.write_event(SynthesizeStopped().event())

    async def _info(self) -> Info:
        voices = [
            TtsVoice(one["id"], description=one.get("name") or one["id"],
                     languages=one.get("languages") or self.languages, **MADE)
            for one in await self.service.voices()
        ]  # fmt: skip
        program = TtsProgram(
            "sovits_lab", description="emotional speech", voices=voices, supports_synthesize_streaming=True, **MADE
        )
        return Info(tts=[program])

    async def _voice(self, asked: SynthesizeVoice | None) -> str:
        """Return the voice that was asked for, else the service's first."""
        if asked and asked.name:
            return asked.name
        if not (voices := await self.service.voices()):
            raise InputError("the service has no voice yet; enrol one first")
        return str(voices[0]["id"])

    async def _send(self, sound: AsyncIterator[bytes]) -> None:
        """Send sound; nothing stands around a refusal."""
        begun, left = False, b""
        async for data in sound:
            if not begun:
                await self.write_event(AudioStart(RATE, WIDTH, 1).event())
                begun = True
            data = left + data
            whole = len(data) // WIDTH * WIDTH
            left = data[whole:]
            if whole:
                await self.write_event(AudioChunk(RATE, WIDTH, 1, data[:whole]).event())
        if begun:
            await self.write_event(AudioStop().event())


def _read(kind: type[Eventable], event: Event) -> Any:
    """What an event says, as the protocol's class of it, its text a text.

    Raises:
        InputError: it lacks something, or holds something else.
    """
    try:
        content: Any = kind.from_event(event)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{event.type}: got no {error}, expected the protocol's data") from error
    if not isinstance(getattr(content, "text", ""), str):
        raise got(f"{event.type}: text", content.text, "a text")
    return content
