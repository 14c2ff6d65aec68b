"""`POST /v1/audio/speech` as OpenAI's, `GET /v1/audio/voices`, `GET /v1/models`."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from sovits_lab.serving.asks import SpeechAsk
from sovits_lab.serving.contracts import ShownMarks
from sovits_lab.serving.encoding import FORMATS, PieceEncoder, encoder_of, rate_of
from sovits_lab.serving.order import VoiceOrder
from sovits_lab.serving.order_desk import MODELS
from sovits_lab.serving.problems import ProblemError
from sovits_lab.serving.routes.doors import REFUSED, Caller, Reader, RequestId, Service
from sovits_lab.serving.service import MarkedPiece, SpeechService, SpokenReply
from sovits_lab.serving.task import OrderTask

router = APIRouter(prefix="/v1", tags=["speech"], responses=REFUSED)  # type: ignore[arg-type]
WATCH = 0.1  # seconds between looks at whether the caller is still there
EVENT = {
    "type": "object",
    "properties": {
        "event": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json",
                 "description": "`speech.audio.delta` with its sound in base64, `speech.audio.done`, or `error`"},
    },
    "required": ["data"],
}  # fmt: skip
SOUND: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the sound, or with `stream_format: sse` events that carry it",
        "content": {form.media: {"schema": {"type": "string", "format": "binary"}} for form in FORMATS.values()}
        | {"text/event-stream": {"schema": EVENT}},
    }
}


def facts_headers(
    ask: SpeechAsk, order: VoiceOrder, service: SpeechService, reply: SpokenReply | None = None
) -> dict[str, str]:
    """Return what a reply says of itself; of a stream only what is known before it is spoken."""
    headers = {"X-Seed": str(order.seed), "X-Model": service.dispatcher.facts().hash, **_marks(ask, service).headers()}
    if reply is not None:
        facts = reply.facts
        headers |= {
            "X-Seed": str(facts.seed),
            "X-Audio-Seconds": f"{facts.seconds:.3f}",
            "X-Flags": ",".join(facts.flags),
            "X-Attempts": str(facts.attempts),
            "X-Degraded": facts.degraded,
            "X-Audit-Id": reply.audit_id,
        }
    return headers


async def until_gone(request: Request, task: OrderTask) -> None:
    """Cancel a task when its caller hangs up."""
    while not task.ended:
        if await request.is_disconnected():
            task.cancel()
            return
        await asyncio.sleep(WATCH)


@router.post("/audio/speech", response_class=Response, responses=SOUND)
async def speak(ask: SpeechAsk, request: Request, who: Caller, service: Service, request_id: RequestId) -> Response:
    """Speak a text: the whole as a file, or pieces of it as they are made."""
    order = await asyncio.to_thread(service.desk.order, who, ask, request_id)
    task = await service.submit(who, order)
    watch = asyncio.create_task(until_gone(request, task))  # of a stream until its first piece, then its reply watches
    try:
        if ask.stream_format is not None:
            return await _streamed(ask, task, service)
        reply = await service.whole(task)
    finally:
        watch.cancel()
    data = await service.file(ask, reply, order)
    headers = facts_headers(ask, order, service, reply)
    return Response(data, media_type=FORMATS[ask.response_format].media, headers=headers)


def _marks(ask: SpeechAsk, service: SpeechService) -> ShownMarks:
    return service.marker.shown(FORMATS[ask.response_format].container, ask.stream_format is None)


async def _streamed(ask: SpeechAsk, task: OrderTask, service: SpeechService) -> Response:
    """Wait for the first piece, so that what cannot be spoken has a status of its own."""
    pieces = service.with_notice(task)
    first = await anext(pieces)
    out_rate = rate_of(ask.response_format, first.rate, ask.sample_rate)
    labels = service.marker.metadata(service.mark_facts(task.order))
    encoder = encoder_of(ask.response_format, first.rate, out_rate, metadata=labels)
    headers = facts_headers(ask, task.order, service) | {
        "X-Sample-Rate": str(out_rate),
        "X-Degraded": first.degraded,
        "X-Accel-Buffering": "no",
    }
    if ask.stream_format == "sse":
        events = _events(service, ask, task, first, pieces, encoder)
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)
    media = FORMATS[ask.response_format].media
    return StreamingResponse(_bytes(service, first, pieces, encoder), media_type=media, headers=headers)


async def _bytes(
    service: SpeechService, first: MarkedPiece, pieces: AsyncIterator[MarkedPiece], encoder: PieceEncoder
) -> AsyncIterator[bytes]:
    try:
        if data := await service.encoded(encoder, first):
            yield data
        async for piece in pieces:
            if data := await service.encoded(encoder, piece):
                yield data
    finally:
        await pieces.aclose()  # type: ignore[attr-defined]


async def _events(
    service: SpeechService,
    ask: SpeechAsk,
    task: OrderTask,
    first: MarkedPiece,
    pieces: AsyncIterator[MarkedPiece],
    encoder: PieceEncoder,
) -> AsyncIterator[str]:
    """OpenAI's `speech.audio.delta` and `speech.audio.done`; a failure after the first piece is an `error` event."""
    try:
        yield _delta(await service.encoded(encoder, first))
        async for piece in pieces:
            yield _delta(await service.encoded(encoder, piece))
            if (facts := piece.facts) is None:
                continue
            usage = {"input_tokens": len(task.order.text), "output_tokens": round(facts.seconds * 25)}
            usage["total_tokens"] = usage["input_tokens"] + usage["output_tokens"]
            shown = {"seed": facts.seed, "seconds": round(facts.seconds, 3), "flags": list(facts.flags),
                    "degraded": facts.degraded, "model": facts.model, **_marks(ask, service)._asdict()}  # fmt: skip
            yield _event({"type": "speech.audio.done", "usage": usage, "facts": shown})
    except ProblemError as problem:
        yield _event(problem.event(task.order.request_id))
    finally:
        await pieces.aclose()  # type: ignore[attr-defined]


def _delta(data: bytes) -> str:
    return _event({"type": "speech.audio.delta", "audio": base64.b64encode(data).decode()}) if data else ""


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value)}\n\n"


@router.get("/audio/voices")
async def voices(who: Reader, service: Service) -> dict[str, Any]:
    """List the voices that this key may speak with, and what each of them can do."""
    facts = service.dispatcher.facts()
    own = [] if facts.prompted else [
        {"id": name, "name": name, "kind": "bundle", "emotions": list(facts.emotions), "languages": [],
         "controls": list(facts.accepts)}
        for name in facts.speakers
    ]  # fmt: skip
    enrolled = await asyncio.to_thread(service.voices.list, who.owner)
    more = [
        {"id": one.id, "name": one.name, "kind": "enrolled", "languages": list(one.languages),
         "emotions": sorted(set(facts.emotions) | set(one.styles)), "controls": list(facts.accepts),
         "consent_id": one.consent_id}
        for one in enrolled
    ]  # fmt: skip
    return {"voices": own + more}


@router.get("/models")
async def models(who: Reader, service: Service) -> dict[str, Any]:
    """List the names under which the model answers."""
    facts = service.dispatcher.facts()
    names = [facts.name, *MODELS]
    about = {"object": "model", "created": 0, "owned_by": "sovits-lab"}
    return {"object": "list", "data": [{"id": one, **about} for one in names]}
