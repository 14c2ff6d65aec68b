"""One connection of Home Assistant, by the Wyoming protocol. Needs the optional package `wyoming`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import httpx
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Attribution, Describe, Info, TtsProgram, TtsVoice
from wyoming.server import AsyncEventHandler
from wyoming.tts import Synthesize

from sovits_lab.serving.client import AsyncVoiceClient, ServiceError
from sovits_lab.types import InputError

log = logging.getLogger(__name__)
RATE, WIDTH = 24_000, 2  # of the client's stream: Hz, bytes of a sample
MADE: dict[str, Any] = {"attribution": Attribution("sovits_lab", ""), "installed": True, "version": "1"}


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
                     languages=one.get("languages") or self.languages, **MADE)
            for one in await self.service.voices()
        ]  # fmt: skip
        return Info(tts=[TtsProgram("sovits_lab", description="emotional speech", voices=voices, **MADE)])

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
