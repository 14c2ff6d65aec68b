"""Jobs: `202` with an id, a look at how it stands, its sound by a signed link; and batches, answered at once."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Header, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

from sovits_lab.serving.access.principal import Principal
from sovits_lab.serving.asks import SpeechAsk
from sovits_lab.serving.encoding import FORMATS
from sovits_lab.serving.jobs.ledger import OPEN, SpeechJob
from sovits_lab.serving.jobs.runner import caller
from sovits_lab.serving.problems import ProblemError, problem_of, refusals
from sovits_lab.serving.routes.doors import REFUSED, Caller, Reader, RequestId, Service
from sovits_lab.serving.service import SpeechService
from sovits_lab.types import got

log = logging.getLogger(__name__)
router = APIRouter(prefix="/v1/audio", tags=["jobs"], responses=REFUSED)  # type: ignore[arg-type]
JobId = Annotated[str, Path(pattern="^job_[0-9a-f]{24}$")]
AT_ONCE = 4  # items of one batch in work
WAITING_JOBS = 1000  # of one account
ITEMS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the items in their order, each written as soon as it and those before it are there",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"items": {"type": "array", "items": {"type": "object"}}},
                    "required": ["items"],
                }
            }
        },
    }
}


class BatchAsk(BaseModel):
    """Several things to say."""

    model_config = ConfigDict(extra="forbid")
    items: list[SpeechAsk] = Field(min_length=1, max_length=1000)


def shown(job: SpeechJob, service: SpeechService) -> dict[str, Any]:
    """Return what a reply says of a job; of a finished one also the link to its sound."""
    body = {"id": job.id, "status": job.state, "created": job.created, "attempts": job.attempts, **job.outcome}
    if job.state == "done":
        query = service.signer.sign(job.id, service.limits.link_seconds)
        body["url"] = f"/v1/audio/results/{job.id}?{urlencode(query)}"
        body["expires"] = int(query["expires"])
    return body


@router.post("/jobs", status_code=HTTPStatus.ACCEPTED, responses=refusals(409))  # type: ignore[arg-type]
async def accept(
    ask: SpeechAsk,
    who: Caller,
    service: Service,
    request_id: RequestId,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=128)] = None,
) -> Response:
    """Accept a long text. The same `Idempotency-Key` with the same body is the same job."""
    letters = service.limits.job_letters
    order = await asyncio.to_thread(service.desk.order, who, ask, request_id, letters)  # its mistakes are told now
    if not await asyncio.to_thread(service.ledger.knows, who.owner, idempotency_key):  # else it was paid for before
        if await asyncio.to_thread(service.ledger.waiting, who.owner) >= WAITING_JOBS:
            detail = f"{WAITING_JOBS} jobs of this account wait already, which is as many as may"
            raise ProblemError(HTTPStatus.TOO_MANY_REQUESTS, "too_many_waiting", detail, 60)
        await asyncio.to_thread(service.access.limits.reserve_seconds, who, order.estimated_seconds)
    body = ask.model_dump(mode="json") | {"seed": order.seed if ask.seed is not None else None}
    job = await asyncio.to_thread(service.ledger.accept, caller(who), body, ask.voice_id, idempotency_key)
    headers = {"Location": f"/v1/audio/jobs/{job.id}", "Retry-After": "1"}
    return JSONResponse(shown(job, service), HTTPStatus.ACCEPTED, headers)


@router.get("/jobs/{job_id}")
async def look(job_id: JobId, who: Reader, service: Service) -> dict[str, Any]:
    """Say how a job stands."""
    return shown(await _found(service, job_id, who.owner), service)


@router.delete("/jobs/{job_id}")
async def cancel(job_id: JobId, who: Reader, service: Service) -> dict[str, Any]:
    """Cancel a job, or delete one that has ended, with its result."""
    job = await _found(service, job_id, who.owner)
    if job.state in OPEN:
        await asyncio.to_thread(service.ledger.end, job.id, "cancelled", {})
        service.dispatcher.cancel(job.id)
    else:
        await asyncio.to_thread(service.ledger.delete, job.id)
    await asyncio.to_thread(service.jobs.file(job).unlink, missing_ok=True)
    return {"id": job.id, "status": "cancelled" if job.state in OPEN else "deleted"}


@router.get("/results/{job_id}", response_class=FileResponse)
async def result(
    job_id: JobId,
    service: Service,
    expires: Annotated[str, Query(pattern="^[0-9]{1,12}$")],
    signature: Annotated[str, Query(pattern="^[0-9a-f]{64}$")],
) -> FileResponse:
    """Give the sound of a job to whoever has its link, until it expires."""
    service.signer.check(job_id, expires, signature)
    job = await _found(service, job_id, None)
    file = service.jobs.file(job)
    if job.state != "done" or not file.is_file():
        raise ProblemError(HTTPStatus.NOT_FOUND, "no_result", "there is no such result any more")
    return FileResponse(file, media_type=job.outcome["media"], headers={"Content-Disposition": "attachment"})


@router.post("/batch", response_class=StreamingResponse, responses=ITEMS)
async def batch(ask: BatchAsk, who: Caller, service: Service, request_id: RequestId) -> Response:
    """Speak several texts; each item has its own status, and its sound as base64 or its problem."""
    if len(ask.items) > service.limits.batch_items:
        raise got("items", len(ask.items), f"at most {service.limits.batch_items}")
    return StreamingResponse(_written(service, who, ask.items, request_id), media_type="application/json")


async def _written(
    service: SpeechService, who: Principal, asks: Sequence[SpeechAsk], request_id: str
) -> AsyncIterator[bytes]:
    """Write the reply item by item: sixty-four texts at once would be gigabytes. Leaving it cancels what is left."""
    left, at_work = enumerate(asks), deque[asyncio.Task[bytes]]()
    before = b'{"items":['
    try:
        while True:
            for number, one in itertools.islice(left, AT_ONCE - len(at_work)):
                at_work.append(asyncio.create_task(_item(service, who, one, number, f"{request_id}-{number}")))
            if not at_work:
                break
            yield before + await at_work.popleft()
            before = b","
        yield b"]}"
    finally:
        for task in at_work:
            task.cancel()


async def _item(service: SpeechService, who: Principal, ask: SpeechAsk, number: int, request_id: str) -> bytes:
    try:
        item = await _spoken(service, who, ask, request_id)
    except Exception as error:
        problem = problem_of(error)
        if problem.code == "internal":
            log.exception("request %s failed", request_id)
        item = {"status": problem.status, "problem": problem.document(request_id)}
    return await asyncio.to_thread(lambda: json.dumps({"index": number, **item}).encode())


async def _spoken(service: SpeechService, who: Principal, ask: SpeechAsk, request_id: str) -> dict[str, Any]:
    whole = ask.model_copy(update={"stream_format": None, "priority": "low"})
    order = await asyncio.to_thread(service.desk.order, who, whole, request_id)
    reply = await service.whole(await service.submit(who, order))
    form, data = FORMATS[ask.response_format], await service.file(ask, reply, order)
    audio = await asyncio.to_thread(lambda: base64.b64encode(data).decode())
    facts = {"seed": reply.facts.seed, "seconds": reply.facts.seconds, "flags": list(reply.facts.flags),
             "attempts": reply.facts.attempts, "degraded": reply.facts.degraded,
             **service.marker.shown(form.container, True)._asdict()}  # fmt: skip
    return {"status": 200, "media": form.media, "audio": audio, "facts": facts}


async def _found(service: SpeechService, job_id: str, owner: str | None) -> SpeechJob:
    job = await asyncio.to_thread(service.ledger.find, job_id, owner)
    if job is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "unknown_job", f"there is no job {job_id}")
    return job
