"""The service apart from HTTP: from what somebody asks to marked and recorded speech."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sovits_lab.inference.timings import Timings
from sovits_lab.pipeline.memory import TIDY, return_freed_memory, set_objects_aside
from sovits_lab.provenance.notice import AudibleNotice
from sovits_lab.serving.access.gate import AccessGate
from sovits_lab.serving.access.principal import Principal
from sovits_lab.serving.asks import SpeechAsk
from sovits_lab.serving.contracts import (
    AuditLog,
    MarkFacts,
    OutputMarker,
    RegisteredVoice,
    VoiceRegistry,
    VoiceUpload,
    Wave,
)
from sovits_lab.serving.dispatcher import SpeechDispatcher
from sovits_lab.serving.encoding import FORMATS, PieceEncoder, encode_file, rate_of
from sovits_lab.serving.jobs.ledger import JobLedger
from sovits_lab.serving.jobs.runner import JobRunner, SoundFile
from sovits_lab.serving.jobs.signing import LinkSigner
from sovits_lab.serving.marking import MARKED_AT_ONCE
from sovits_lab.serving.metrics import ServiceMetrics
from sovits_lab.serving.order import SpeechFacts, VoiceOrder
from sovits_lab.serving.order_desk import OrderDesk
from sovits_lab.serving.problems import ProblemError
from sovits_lab.serving.settings import HttpSettings, RequestLimits
from sovits_lab.serving.task import OrderTask, PieceEvent, SpokenNot
from sovits_lab.serving.voices.challenges import VoiceChallenges
from sovits_lab.types import InputError

log = logging.getLogger(__name__)
ENROLLING, ENROLLING_PER_OWNER = 16, 4  # enrolments that wait or are heard at once
ENCODERS = 4  # replies and pieces of streams that are encoded at once


class SpokenReply(NamedTuple):
    """Speech that may be sent: marked, recorded, with its facts."""

    wav: Wave
    rate: int
    facts: SpeechFacts
    audit_id: str


class MarkedPiece(NamedTuple):
    """A piece of a stream that may be sent, its rate, and the facts once it is the end (then the piece is empty).

    `timings` has the phones and words that are over with the piece, where the order asked for times, and `degraded`
    what spoke it in place of the model.
    """

    wav: Wave
    rate: int
    facts: SpeechFacts | None = None
    timings: Timings = Timings()
    degraded: str = ""


@dataclass
class SpeechService:
    """All parts of a running service.

    Attributes:
        dispatcher: the queue and what speaks.
        desk: makes orders of what is asked.
        voices: that were enrolled.
        challenges: sentences that were drawn for those who enrol.
        marker: marks every output.
        audit: records it.
        access: lets callers in.
        metrics: what is counted.
        http, limits: settings.
        ledger: jobs that were accepted.
        signer: of links to their results.
        folder: where they lie.
        log_texts: whether the audit log holds texts beside their hashes.
    """

    dispatcher: SpeechDispatcher
    desk: OrderDesk
    voices: VoiceRegistry
    challenges: VoiceChallenges
    marker: OutputMarker
    audit: AuditLog
    access: AccessGate
    metrics: ServiceMetrics
    http: HttpSettings
    limits: RequestLimits
    ledger: JobLedger
    signer: LinkSigner
    folder: Path
    log_texts: bool = False

    def __post_init__(self) -> None:
        self.jobs = JobRunner(self.job, self.ledger, self.folder / "results", self.limits.kept_seconds)
        self._tidying: asyncio.Task[None] | None = None
        self._marking = ThreadPoolExecutor(1, "marking")
        self._hearing = ThreadPoolExecutor(1, "hearing")
        # A minute of MP3 takes a second, in which nobody else may wait for what everything shares.
        self._encoding = ThreadPoolExecutor(ENCODERS, "encoding")
        self._enrolling: Counter[str] = Counter()

    async def start(self) -> None:
        """Load the model and begin to take orders."""
        self.voices.watch(self)
        await self.dispatcher.start()
        await self.jobs.start()
        set_objects_aside()
        self._tidying = asyncio.create_task(_tidy())

    async def stop(self) -> None:
        """End all work."""
        if self._tidying is not None:
            self._tidying.cancel()
        await self.jobs.stop()
        await self.dispatcher.stop()
        for pool in (self._marking, self._hearing, self._encoding):
            pool.shutdown(wait=False, cancel_futures=True)
        gc.unfreeze()  # what a stopped service leaves is nobody's

    async def enrol(self, owner: str, upload: VoiceUpload) -> RegisteredVoice:
        """Check a recording and keep it as a voice, one recording after another.

        That takes seconds, in a thread of its own: in those that everything shares, a few uploads would keep out
        whoever only wants to speak.

        Raises:
            ProblemError: 429 or 503 with the time to wait, where as many wait as may.
        """
        if self._enrolling[owner] >= ENROLLING_PER_OWNER:
            detail = f"{self._enrolling[owner]} enrolments of this account wait already, which is as many as may"
            raise ProblemError(HTTPStatus.TOO_MANY_REQUESTS, "too_many_waiting", detail, 10)
        if self._enrolling.total() >= ENROLLING:
            detail = f"{ENROLLING} enrolments wait already, which is as many as may; try again later"
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "queue_full", detail, 30)
        self._enrolling[owner] += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._hearing, self.voices.enrol, owner, upload)
        finally:
            self._enrolling -= Counter([owner])

    def forget_voice(self, voice_id: str) -> int:
        """Let go of all that a revoked voice has left in memory and in results; stop what is spoken with it."""
        return self.dispatcher.forget_voice(voice_id) + self.jobs.forget_voice(voice_id)

    async def submit(self, who: Principal, order: VoiceOrder) -> OrderTask:
        """Take the seconds off the caller's quota, and let the order wait its turn.

        Raises:
            ProblemError: 429 or 503 with the time to wait.
        """
        await asyncio.to_thread(self.access.limits.reserve_seconds, who, order.estimated_seconds)
        return self.dispatcher.submit(order)

    async def whole(self, task: OrderTask) -> SpokenReply:
        """Return the speech of a task, marked and recorded; who stops to wait for it cancels the work.

        Raises:
            ProblemError: where there is no speech.
        """
        made: PieceEvent | None = None
        facts: SpeechFacts | None = None
        try:
            async for event in task.events():
                if isinstance(event, PieceEvent):
                    assert made is None, "speech that is not streamed comes in one piece"
                    made = event
                elif isinstance(event, SpokenNot):
                    raise event.problem
                else:
                    facts = event.facts
        except asyncio.CancelledError:
            task.cancel()
            raise
        assert facts is not None and made is not None
        order, rate = task.order, made.rate
        with self.dispatcher.finishing():
            audible = self.marker.notice(rate)
            around = [await self.mark(wav, rate, order) if len(wav) else wav for wav in audible]
            wav = np.concatenate([around[0], await self._marked(made, order), around[1]])
            facts = replace(facts, seconds=len(wav) / rate)
            return SpokenReply(wav, rate, facts, await self.record("speech", order, facts))

    async def job(self, who: Principal, ask: SpeechAsk, job_id: str) -> SoundFile:
        """Return the sound of a job. Raises ProblemError where there is none."""
        await self.access.require_in_use(who)
        order = await asyncio.to_thread(self.desk.order, who, ask, job_id, self.limits.job_letters)
        reply = await self.whole(self.dispatcher.submit(order))
        return SoundFile(await self.file(ask, reply, order), reply.facts)

    async def file(self, ask: SpeechAsk, reply: SpokenReply, order: VoiceOrder) -> bytes:
        """Return speech in the format that was asked for, labelled."""
        return await asyncio.get_running_loop().run_in_executor(self._encoding, self._file, ask, reply, order)

    async def encoded(self, encoder: PieceEncoder, piece: MarkedPiece) -> bytes:
        """Return the bytes of a piece of a stream; the last one, which has the facts, ends the file."""
        loop = asyncio.get_running_loop()
        if piece.facts is not None:
            return await loop.run_in_executor(self._encoding, encoder.finish)
        return await loop.run_in_executor(self._encoding, encoder.encode, piece.wav)

    def _file(self, ask: SpeechAsk, reply: SpokenReply, order: VoiceOrder) -> bytes:
        out_rate = rate_of(ask.response_format, reply.rate, ask.sample_rate)
        data = encode_file(ask.response_format, reply.wav, reply.rate, out_rate)
        return self.marker.label(data, FORMATS[ask.response_format].container, self.mark_facts(order))

    async def pieces(self, task: OrderTask) -> AsyncIterator[MarkedPiece]:
        """Yield the pieces of a streamed task as they are made; the last has the facts.

        It is recorded before the first piece leaves. Leaving the iteration cancels the work. What can be heard around
        speech is not among them, see `with_notice`.

        Raises:
            ProblemError: where there is no speech.
        """
        recorded, ended, rate = "", False, 0
        try:
            async for event in task.events():
                if isinstance(event, PieceEvent):
                    recorded = recorded or await self.record("speech", task.order, SpeechFacts(task.order.seed, 0.0))
                    rate = event.rate
                    wav = await self._marked(event, task.order)
                    yield MarkedPiece(wav, rate, timings=event.timings, degraded=event.degraded)
                    continue
                ended = True
                if isinstance(event, SpokenNot):
                    raise event.problem
                await self.record("speech_end", task.order, event.facts)
                yield MarkedPiece(np.zeros(0, np.float32), rate, event.facts)
        finally:
            if not ended:
                task.cancel()

    async def with_notice(self, task: OrderTask) -> AsyncIterator[MarkedPiece]:
        """Yield the pieces of a streamed task between the notices that can be heard, where some are configured."""
        audible: AudibleNotice | None = None
        pieces = self.pieces(task)
        try:
            async for piece in pieces:
                if audible is None:
                    audible = self.marker.notice(piece.rate)
                    if len(audible.before):
                        before = await self.mark(audible.before, piece.rate, task.order)
                        yield piece._replace(wav=before, timings=Timings())
                if piece.facts is None:
                    yield piece
                    continue
                if len(audible.after):
                    yield piece._replace(wav=await self.mark(audible.after, piece.rate, task.order), facts=None)
                more = (len(audible.before) + len(audible.after)) / piece.rate
                yield piece._replace(facts=replace(piece.facts, seconds=piece.facts.seconds + more))
        finally:
            await pieces.aclose()  # type: ignore[attr-defined]

    async def _marked(self, piece: PieceEvent, order: VoiceOrder) -> Wave:
        """Return the sound of a piece with the mark, which a worker elsewhere may have put there."""
        return piece.wav if piece.mark == self.marker.name else await self.mark(piece.wav, piece.rate, order)

    async def mark(self, wav: Wave, rate: int, order: VoiceOrder) -> Wave:
        """Mark in one thread: several that work on sounds of ever other lengths at once leave holes in the memory.

        A part of a long speech is marked alone, as a piece of a stream is: ten minutes at once would keep that thread
        for a quarter of a minute, and everybody else's first sound with it.
        """
        loop, facts = asyncio.get_running_loop(), self.mark_facts(order)
        parts = np.array_split(wav, max(1, round(len(wav) / (MARKED_AT_ONCE * rate))))
        marked = [await loop.run_in_executor(self._marking, self.marker.mark, part, rate, facts) for part in parts]
        return marked[0] if len(marked) == 1 else np.concatenate(marked)

    def mark_facts(self, order: VoiceOrder) -> MarkFacts:
        """Return what the mark of an order's speech says."""
        return MarkFacts(order.request_id, self.dispatcher.facts().hash, order.voice_id, order.consent_id)

    async def record(self, kind: str, order: VoiceOrder, facts: SpeechFacts) -> str:
        """Record speech and return the entry's id. Raises ProblemError 503 where that is not possible."""
        event = {
            "kind": kind,
            "request_id": order.request_id,
            "owner": order.owner,
            "key_id": order.key_id,
            "voice_id": order.voice_id,
            "consent_id": order.consent_id,
            "model": self.dispatcher.facts().hash,
            "mark": self.marker.name,
            "text_sha256": hashlib.sha256(order.text.encode()).hexdigest(),
            "text_length": len(order.text),
            "seconds": round(facts.seconds, 3),
            "seed": facts.seed,
            "flags": list(facts.flags),
            "degraded": facts.degraded,
        } | ({"text": order.text} if self.log_texts else {})
        return await self.noted(event, "the speech cannot be recorded, so it is not sent")

    async def noted(self, event: Mapping[str, Any], refusal: str) -> str:
        """Record an event and return its id. Raises ProblemError 503 with `refusal` where that is not possible."""
        try:
            return await asyncio.to_thread(self.audit.append, event)
        except (InputError, OSError) as error:
            log.error("audit: %s", error)
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "not_recorded", refusal, 30) from error


async def _tidy() -> None:
    """Let go of freed memory from time to time, see `return_freed_memory`."""
    while True:
        await asyncio.sleep(TIDY)
        await asyncio.to_thread(return_freed_memory)
