"""One context of a WebSocket: its text waits here, is spoken segment by segment, and can be cancelled at any time."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from sovits_lab.inference.timings import Timings
from sovits_lab.serving.access.principal import Principal
from sovits_lab.serving.asks import SpeechAsk
from sovits_lab.serving.contracts import Wave
from sovits_lab.serving.encoding import encode_file, encoder_of, rate_of
from sovits_lab.serving.live.messages import SessionUpdate
from sovits_lab.serving.live.segments import phone_times, ready_text, segment_times
from sovits_lab.serving.order import SpeechFacts, VoiceOrder
from sovits_lab.serving.problems import problem_of
from sovits_lab.serving.service import SpeechService
from sovits_lab.serving.task import OrderTask

AHEAD = 5.0  # seconds of sound that a listener has not heard, beyond which the next segment waits
LOOK = 0.05
Tell = Callable[[dict[str, Any]], Awaitable[None]]


class TextContext:
    """Speaks what is appended to it.

    Args:
        name: the client's.
        service: speaks.
        who: asks.
        how: the session's settings when the context began.
        tell: sends an event to the client.
        request_id: of the socket; a segment's id adds context and number.
    """

    def __init__(
        self, name: str, service: SpeechService, who: Principal, how: SessionUpdate, tell: Tell, request_id: str
    ) -> None:
        self.name, self.service, self.who, self.how, self.tell = name, service, who, how, tell
        self.request_id = request_id
        self.text = ""
        self.spoken_text: list[str] = []
        self.seconds, self.segments = 0.0, 0
        self.flush, self.finished, self.cancelled = False, False, False
        self._appended = time.monotonic()
        self._first_sound = 0.0
        self._task: OrderTask | None = None
        self._labels: dict[str, str] = {}  # for who writes the sound into a file
        self._noticed: tuple[VoiceOrder, int] | None = None  # of the first segment: the notice is marked as it is
        self._changed = asyncio.Event()
        self._runner = asyncio.create_task(self._run())

    def append(self, text: str) -> None:
        """Add to the text that is to be spoken."""
        self.text += text
        self._appended = time.monotonic()
        self._changed.set()

    def flush_now(self) -> None:
        """Speak the text that is there without waiting for the end of its sentence."""
        self.flush = True
        self._changed.set()

    def finish(self) -> None:
        """Speak what there is, then end."""
        self.finished = True
        self._changed.set()

    async def cancel(self) -> dict[str, Any]:
        """Stop at once; return what the client is told: how much was made, and heard at most."""
        began = time.perf_counter()
        self.cancelled, self.text = True, ""
        self._changed.set()
        if (task := self._task) is not None:
            task.cancel()
            while not task.ended:
                await asyncio.sleep(0.001)
        stopped = time.perf_counter() - began
        self._runner.cancel()
        played = min(self.seconds, time.monotonic() - self._first_sound) if self._first_sound else 0.0
        return {
            "type": "context.cancelled",
            "context_id": self.name,
            "stopped_ms": round(stopped * 1000, 2),
            "made_seconds": round(self.seconds, 3),
            "heard_seconds": round(played, 3),
            "spoken_text": "".join(self.spoken_text),
            "labels": self._labels,
        }

    async def wait(self) -> None:
        """Wait until the context has ended."""
        await asyncio.gather(self._runner, return_exceptions=True)

    @property
    def is_over(self) -> bool:
        """Whether everything of this context has been spoken, or it was closed."""
        return self._runner.done()

    async def _run(self) -> None:
        try:
            while not self.cancelled:
                if segment := self._next():
                    await self._ahead()
                    await self._speak(segment)
                elif self.finished and not self.text.strip():
                    await self._end_notice()
                    done = {"seconds": round(self.seconds, 3), "spoken_text": "".join(self.spoken_text),
                            "labels": self._labels, **self.service.marker.shown("pcm", False)._asdict()}  # fmt: skip
                    await self.tell({"type": "speech.audio.done", "context_id": self.name, **done})
                    return
                else:
                    await self._more()
        except Exception as error:
            if self.cancelled:
                return
            await self.tell({**problem_of(error).event(self.request_id), "context_id": self.name})

    def _next(self) -> str:
        idle = time.monotonic() - self._appended > self.service.limits.idle_flush
        flush = self.flush or self.finished or idle
        found = ready_text(self.text, self.segments == 0, flush)
        self.text = found.rest
        if not self.text:
            self.flush = False
        return found.ready if any(letter.isalnum() for letter in found.ready) else ""

    async def _more(self) -> None:
        """Wait for more text, or until it has been idle."""
        self._changed.clear()
        left = self.service.limits.idle_flush - (time.monotonic() - self._appended)
        try:
            await asyncio.wait_for(self._changed.wait(), max(LOOK, left) if self.text.strip() else None)
        except TimeoutError:
            return

    async def _ahead(self) -> None:
        """Wait while the listener has enough to hear: what is not begun costs nothing when they interrupt."""
        while not self.cancelled and self._first_sound:
            if self.seconds - (time.monotonic() - self._first_sound) <= AHEAD:
                return
            await asyncio.sleep(LOOK)

    async def _speak(self, segment: str) -> None:
        how = self.how
        ask = SpeechAsk.model_validate(
            how.model_dump(exclude={"type", "sample_rate", "seed"})
            | {"input": segment, "seed": None if how.seed is None else how.seed + self.segments}
            | {"response_format": "pcm", "stream_format": "audio", "priority": "high"}
        )
        number = self.segments
        await self.service.access.require_in_use(self.who)
        order = await asyncio.to_thread(
            self.service.desk.order, self.who, ask, f"{self.request_id}-{self.name}-{number}"
        )
        self._task = task = await self.service.submit(self.who, replace(order, timed=True))
        if self.cancelled:
            task.cancel()
        start, encoder, out_rate = self.seconds, None, 0
        times: list[Timings] = []
        async for piece in self.service.pieces(task):
            if encoder is None:
                out_rate = rate_of("wav", piece.rate, how.sample_rate)
                encoder = encoder_of("pcm", piece.rate, out_rate)
                self._labels = self._labels or dict(self.service.marker.metadata(self.service.mark_facts(order)))
                await self._begin_notice(order, piece.rate)
                start = self.seconds
            self._first_sound = self._first_sound or time.monotonic()
            self.seconds += len(piece.wav) / piece.rate
            times.append(piece.timings)
            data = encoder.encode(piece.wav) if piece.facts is None else encoder.finish()
            if data:
                sound = {"audio": base64.b64encode(data).decode(), "sample_rate": out_rate, "segment": number}
                phones = phone_times(piece.timings.later(start))
                await self.tell({"type": "speech.audio.delta", "context_id": self.name, **sound, "phones": phones})
            if piece.facts is not None:
                timing = segment_times(segment, start, self.seconds - start, times)
                await self._ended(segment, number, start, piece.facts, timing)
        self._task = None

    async def _begin_notice(self, order: VoiceOrder, rate: int) -> None:
        """Let what can be heard before the speech of a context be heard, where such a notice is configured."""
        if self._first_sound:
            return
        self._noticed = order, rate
        await self._tell_notice(self.service.marker.notice(rate).before)

    async def _end_notice(self) -> None:
        if self._noticed is not None:
            await self._tell_notice(self.service.marker.notice(self._noticed[1]).after)

    async def _tell_notice(self, wav: Wave) -> None:
        if not len(wav) or self._noticed is None:
            return
        order, rate = self._noticed
        out_rate = rate_of("wav", rate, self.how.sample_rate)
        data = encode_file("pcm", await self.service.mark(wav, rate, order), rate, out_rate)
        self._first_sound = self._first_sound or time.monotonic()
        self.seconds += len(wav) / rate
        sound = {"audio": base64.b64encode(data).decode(), "sample_rate": out_rate, "segment": None, "phones": []}
        await self.tell({"type": "speech.audio.delta", "context_id": self.name, **sound})

    async def _ended(self, segment: str, number: int, start: float, facts: SpeechFacts, times: dict[str, Any]) -> None:
        self.segments += 1
        self.spoken_text.append(segment)
        message = {"segment": number, "text": segment, "start": round(start, 3), "end": round(self.seconds, 3),
                **times, "seed": facts.seed, "flags": list(facts.flags), "degraded": facts.degraded}  # fmt: skip
        await self.tell({"type": "speech.segment", "context_id": self.name, **message})
