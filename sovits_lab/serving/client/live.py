"""Speaks text that is still being written, over the service's WebSocket."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import httpx

from sovits_lab.serving.client.replies import ServiceError
from sovits_lab.types import InputError

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

LONGEST = 4000  # letters of one message; the service takes 4,096
WAITING = 8000  # letters that wait to be spoken; the service refuses more than 20,000


class TextSender:
    """Sends pieces of text, and no more than the service wants to keep.

    Args:
        socket: to the service.
        pieces: of text.
    """

    def __init__(self, socket: ClientConnection, pieces: AsyncIterable[str]) -> None:
        self.socket, self.pieces = socket, pieces
        self.waiting, self._fewer = 0, asyncio.Event()
        self.closes = False  # whether it is this side that closes the socket

    def note_spoken(self, text: str) -> None:
        """Note what has been spoken."""
        self.waiting -= count_letters(text)
        self._fewer.set()

    async def run(self) -> None:
        """Send everything and say that it has ended; close the socket where there was nothing, or `pieces` raised."""
        sent = False
        try:
            async for piece in self.pieces:
                for start in range(0, len(piece), LONGEST):
                    await self._append(piece[start : start + LONGEST])
                    sent = True
        except BaseException:
            self.closes = True
            await self.socket.close()
            raise
        if sent:
            await self.socket.send(json.dumps({"type": "input_text.end"}))
        else:
            self.closes = True
            await self.socket.close()

    async def _append(self, text: str) -> None:
        while self.waiting > WAITING:
            self._fewer.clear()
            await self._fewer.wait()
        self.waiting += count_letters(text)
        await self.socket.send(json.dumps({"type": "input_text.append", "text": text}))


async def speak_pieces(
    url: str, headers: dict[str, str], pieces: AsyncIterable[str], session: dict[str, Any]
) -> AsyncGenerator[bytes, None]:
    """Yield 16-bit samples while the text is written.

    Args:
        url: of the service.
        headers: that say who asks.
        pieces: of the text.
        session: how it is spoken, as `session.update` takes it.

    Raises:
        ServiceError: the service refuses.
        httpx.HTTPError: it is not reached, or is gone before the end.
        InputError: the package of sockets is missing.
    """
    try:
        from websockets.asyncio.client import connect
        from websockets.exceptions import ConnectionClosed, InvalidStatus
    except ImportError as error:
        raise InputError("stream_text: got no package websockets, expected the extra serve or wyoming") from error
    address = "ws" + url.removeprefix("http").rstrip("/") + "/v1/audio/stream"
    try:
        opened = await connect(address, additional_headers=headers, max_size=None)
    except InvalidStatus as error:
        detail = f"the service opens no socket for this key (HTTP {error.response.status_code})"
        raise ServiceError(error.response.status_code, "socket_refused", detail, None, "") from error
    except OSError as error:
        raise httpx.ConnectError(f"{url}: {error}") from error
    try:
        async with opened as socket:
            await socket.send(json.dumps({"type": "session.update", **session}))
            async with aclosing(_sound_of(socket, pieces)) as sound:
                async for samples in sound:
                    yield samples
    except ConnectionClosed as error:
        raise httpx.RemoteProtocolError(f"the socket of {url} was closed: {error}") from error


async def _sound_of(socket: ClientConnection, pieces: AsyncIterable[str]) -> AsyncGenerator[bytes, None]:
    sender = TextSender(socket, pieces)
    sending = asyncio.create_task(sender.run())
    try:
        async for message in socket:
            event = json.loads(message)
            if event["type"] == "speech.audio.delta":
                yield base64.b64decode(event["audio"])
            elif event["type"] == "speech.segment":
                sender.note_spoken(event["text"])
            elif event["type"] == "error":
                raise ServiceError(event["status"], event["error"]["code"], event["detail"], None, event["request_id"])
            elif event["type"] == "speech.audio.done":
                return
        if not sender.closes:
            raise httpx.RemoteProtocolError("the service closed the socket before everything was spoken")
        await sending  # which raises what `pieces` raised
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


def count_letters(text: str) -> int:
    """Count letters and digits: of marks alone nothing is spoken, and nothing told."""
    return sum(letter.isalnum() for letter in text)


async def in_thread(pieces: Iterable[str]) -> AsyncIterator[str]:
    """Yield what an iterable that may block gives, without stopping the event loop."""
    waiting = iter(pieces)
    while (piece := await asyncio.to_thread(next, waiting, None)) is not None:
        yield piece


def without_loop(sound: AsyncGenerator[bytes, None]) -> Iterator[bytes]:
    """Yield the sound to a program without an event loop."""

    async def more() -> bytes | None:
        return await anext(sound, None)

    with asyncio.Runner() as runner:
        try:
            while (samples := runner.run(more())) is not None:
                yield samples
        finally:
            runner.run(sound.aclose())
