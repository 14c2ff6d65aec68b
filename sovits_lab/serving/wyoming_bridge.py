"""`python -m sovits_lab wyoming`: voices of a running service for Home Assistant, by the Wyoming protocol.

The bridge is a client of the service like any other: keys, quotas, marks and the log hold for what it speaks.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx

from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.serving.client import AsyncVoiceClient, ServiceError
from sovits_lab.types import InputError

if TYPE_CHECKING:
    from wyoming.server import AsyncServer

log = logging.getLogger(__name__)
RATE, WIDTH = 24_000, 2  # of the client's stream: Hz, bytes of a sample
KEY = "SOVITS_LAB_KEY"


@dataclass(frozen=True)
class WyomingOptions:
    """Offer a service's voices to Home Assistant. The API key is SOVITS_LAB_KEY of the environment."""

    url: str = option("of the service", "http://127.0.0.1:8000")
    uri: str = option("where it listens", "tcp://127.0.0.1:10200")
    languages: list[str] = option("that the voices are announced for", ["en"])
    emotion: str = option("that everything is spoken with", "", shown="as the text says")


def server_of(uri: str) -> AsyncServer:
    """Return a Wyoming server. Raises InputError for an address that is none, or where the package is missing."""
    try:
        from wyoming.server import AsyncServer
    except ImportError as error:
        raise InputError(
            'wyoming: got no package, expected the extra "wyoming": pip install -e ".[wyoming]"'
        ) from error
    try:
        return AsyncServer.from_uri(uri)
    except ValueError as error:
        raise InputError(f"uri: got {uri!r}, expected tcp://HOST:PORT or unix://PATH") from error


def handler_type() -> Any:
    """Return the class that serves one connection; it is made here since its package is optional."""
    from wyoming.audio import AudioChunk, AudioStart, AudioStop
    from wyoming.error import Error
    from wyoming.event import Event
    from wyoming.info import Attribution, Describe, Info, TtsProgram, TtsVoice
    from wyoming.server import AsyncEventHandler
    from wyoming.tts import Synthesize

    made: dict[str, Any] = {"attribution": Attribution("sovits_lab", ""), "installed": True, "version": "1"}

    class WyomingConnection(AsyncEventHandler):
        """Answers what a client asks: which voices there are, and speech.

        Args:
            service: a client of the service.
            languages: that its voices are announced for where they name none.
            emotion: of everything; "" for none.
        """

        def __init__(self, service: AsyncVoiceClient, languages: Sequence[str], emotion: str, *streams: Any) -> None:
            super().__init__(*streams)
            self.service, self.languages, self.emotion = service, list(languages), emotion

        async def handle_event(self, event: Event) -> bool:
            """Answer one event; what the service refuses is an error of the protocol, after which the connection ends.

            Home Assistant passes errors over and waits for the end of the sound, or of the connection.
            """
            try:
                if Describe.is_type(event.type):
                    await self.write_event((await self._info()).event())
                elif Synthesize.is_type(event.type):
                    await self._speak(Synthesize.from_event(event))
            except (ServiceError, InputError, httpx.HTTPError) as error:
                log.warning("wyoming: %s", error)
                await self.write_event(Error(str(error), type(error).__name__).event())
                return False
            return True

        async def _info(self) -> Info:
            voices = [
                TtsVoice(one["id"], description=one.get("name") or one["id"],
                         languages=one.get("languages") or self.languages, **made)
                for one in await self.service.voices()
            ]  # fmt: skip
            return Info(tts=[TtsProgram("sovits_lab", description="emotional speech", voices=voices, **made)])

        async def _first_voice(self) -> str:
            if not (voices := await self.service.voices()):
                raise InputError("the service has no voice yet; enrol one first")
            return str(voices[0]["id"])

        async def _speak(self, asked: Synthesize) -> None:
            voice = asked.voice.name if asked.voice and asked.voice.name else await self._first_voice()
            more = {"emotion": self.emotion} if self.emotion else {}
            begun, left = False, b""
            async for data in self.service.stream(asked.text, voice, markup="none", **more):
                if not begun:  # not before the first sound: a refusal has no audio around it
                    await self.write_event(AudioStart(RATE, WIDTH, 1).event())
                    begun = True
                data = left + data
                whole = len(data) // WIDTH * WIDTH
                left = data[whole:]
                if whole:
                    await self.write_event(AudioChunk(RATE, WIDTH, 1, data[:whole]).event())
            if begun:
                await self.write_event(AudioStop().event())

    return WyomingConnection


async def bridge(server: AsyncServer, service: AsyncVoiceClient, options: WyomingOptions) -> None:
    """Serve until the server is stopped."""
    await server.run(partial(handler_type(), service, options.languages, options.emotion))


def main(argv: list[str]) -> int:
    """Serve until told to stop."""
    if wants_help(argv):
        print(describe(WyomingOptions, "wyoming"))
        return 0
    options = read_options(WyomingOptions, argv)
    server = server_of(options.uri)
    if not (key := os.environ.get(KEY, "")):
        raise InputError(f"{KEY}: got nothing, expected an API key of the service in the environment")

    async def run() -> None:
        async with AsyncVoiceClient(options.url, key) as service:
            await bridge(server, service, options)

    print(f"Wyoming at {options.uri}, voices of {options.url}", flush=True)
    asyncio.run(run())
    return 0
