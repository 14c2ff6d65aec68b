"""The FastAPI application around a service."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response

from sovits_lab.serving.access.senders import KnownSenders
from sovits_lab.serving.edge import ServiceEdge, request_id_of
from sovits_lab.serving.page import routes as page
from sovits_lab.serving.problems import ProblemError, problem_of
from sovits_lab.serving.routes import compatible, health, jobs, speech, stream, voices
from sovits_lab.serving.service import SpeechService
from sovits_lab.types import InputError

log = logging.getLogger(__name__)
_KIND = re.compile(r"str|float|[A-Z]\w+|[a-z-]+\[.*\]")  # how pydantic names the kinds of a union in a place
ROUTERS: tuple[APIRouter, ...] = (
    speech.router,
    jobs.router,
    stream.router,
    voices.router,
    compatible.router,
    health.router,
    page.router,
)


def make_app(service: SpeechService, more: Sequence[APIRouter] = ()) -> FastAPI:
    """Return the application; starting it starts the service, stopping it stops it.

    Args:
        service: all of its parts.
        more: further routes, such as a page.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            await service.start()
        except InputError as error:
            log.error("the service cannot start: %s", error)
            raise
        except Exception:
            log.exception("the service cannot start")
            raise
        try:
            yield
        finally:
            await service.stop()

    shown = service.http.documents
    app = FastAPI(
        title="sovits_lab voice service",
        version="1",
        lifespan=lifespan,
        docs_url="/docs" if shown else None,
        redoc_url=None,
        redirect_slashes=False,  # to the host that a client names in a header
        openapi_url="/openapi.json" if shown else None,
    )
    app.state.service = service
    app.add_middleware(KnownSenders, access=service.access)
    for router in (*ROUTERS, *more):
        app.include_router(router)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _of_http)
    for kind in (ProblemError, InputError):
        app.add_exception_handler(kind, _refused)
    if service.http.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(service.http.origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
            expose_headers=["*"],
        )
    app.add_middleware(ServiceEdge, settings=service.http, metrics=service.metrics)
    return app


async def _refused(request: Request, error: Exception) -> Response:
    return problem_of(error).response(request_id_of(request.scope))


async def _invalid(request: Request, error: Exception) -> Response:
    """The first thing that is wrong with a body, by its place; values are not repeated."""
    assert isinstance(error, RequestValidationError)
    first = max(error.errors(), key=lambda one: len(one["loc"]))  # of several kinds, that which fits the best
    place = ".".join(str(part) for part in first["loc"][1:] if not _KIND.fullmatch(str(part))) or str(first["loc"][0])
    detail = f"{place}: {first['msg']}"
    if first["type"] == "json_invalid":
        detail = f"the body is no JSON: {first['ctx']['error']} (letter {place})"
        place = "body"
    elif place == "body" and first["type"] == "model_attributes_type":
        detail = "the body is no JSON object, or its header `Content-Type: application/json` is missing"
    problem = ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", detail, parameter=place)
    return problem.response(request_id_of(request.scope))


async def _of_http(request: Request, error: Exception) -> Response:
    """What routing itself refuses: unknown addresses, wrong methods, bodies that are no JSON."""
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, ProblemError):  # while the body was read
        return await _refused(request, error.__cause__)
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_").replace("-", "_")
    detail = f"{request.method} {request.url.path}: {error.detail}"
    if isinstance(error.__cause__, ValueError | RecursionError):
        detail = "the body cannot be read: no UTF-8, nested too deeply, or a number of thousands of digits"
    problem = ProblemError(error.status_code, code, detail)
    response = problem.response(request_id_of(request.scope))
    response.headers.update({k: v for k, v in (error.headers or {}).items() if k.lower() != "content-type"})
    return response
