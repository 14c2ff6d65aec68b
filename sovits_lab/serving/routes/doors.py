"""What every route asks for: the service, the caller, the request's id."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from sovits_lab.serving.access.principal import Principal
from sovits_lab.serving.edge import request_id_of
from sovits_lab.serving.problems import refusals
from sovits_lab.serving.service import SpeechService

BEARER = HTTPBearer(auto_error=False, description="an API key, or a JWT of the operator's identity provider")
REFUSED = refusals(400, 401, 403, 404, 408, 410, 413, 415, 422, 429, 500, 503)


def service_of(request: Request) -> SpeechService:
    """Return the running service."""
    return request.app.state.service


def id_of(request: Request) -> str:
    """Return the request's id."""
    return request_id_of(request.scope)


async def speaker_of(request: Request, _: Annotated[object, Depends(BEARER)]) -> Principal:
    """Let in a caller who may speak."""
    return await service_of(request).access.enter(request, "speak")


async def reader_of(request: Request, _: Annotated[object, Depends(BEARER)]) -> Principal:
    """Let in a caller who may speak, without counting the request."""
    return await service_of(request).access.enter(request, "speak", counted=False)


async def writer_of(request: Request, _: Annotated[object, Depends(BEARER)]) -> Principal:
    """Let in a caller who may enrol and revoke voices."""
    return await service_of(request).access.enter(request, "voices:write")


async def admin_of(request: Request, _: Annotated[object, Depends(BEARER)]) -> Principal:
    """Let in an administrator."""
    return await service_of(request).access.enter(request, "admin", counted=False)


Service = Annotated[SpeechService, Depends(service_of)]
RequestId = Annotated[str, Depends(id_of)]
Caller = Annotated[Principal, Depends(speaker_of)]
Reader = Annotated[Principal, Depends(reader_of)]
Writer = Annotated[Principal, Depends(writer_of)]
Admin = Annotated[Principal, Depends(admin_of)]
