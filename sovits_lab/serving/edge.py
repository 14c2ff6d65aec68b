"""The outermost layer: request ids, bounds of bodies, headers that browsers need, counts, a line of log a request."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from http import HTTPStatus
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sovits_lab.serving.metrics import ServiceMetrics
from sovits_lab.serving.problems import ProblemError, problem_of
from sovits_lab.serving.settings import HttpSettings

log = logging.getLogger("sovits_lab.serving.http")
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
    "Content-Security-Policy": (
        "default-src 'self'; media-src 'self' blob:; img-src 'self' data:; connect-src 'self'; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
}
MOST_JSON = 2 << 20  # bytes; a long text and its curves are less, and while more is parsed, nobody else is served
# Swagger's page loads its script from another address; it is shown only where documents are.
DOCS_POLICY = "default-src 'self' https://cdn.jsdelivr.net https://fastapi.tiangolo.com data: 'unsafe-inline'"


def request_id_of(scope: Scope) -> str:
    """Return the id of a request; the edge gave it one."""
    return str(scope.get("state", {}).get("request_id", ""))


class ServiceEdge:
    """ASGI middleware around everything.

    Args:
        app: what it surrounds.
        settings: bounds of bodies.
        metrics: counts replies.
    """

    def __init__(self, app: ASGIApp, settings: HttpSettings, metrics: ServiceMetrics) -> None:
        self.app, self.settings, self.metrics = app, settings, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, _without_trace(send))
            return
        request_id = f"req_{secrets.token_hex(12)}"
        scope.setdefault("state", {})["request_id"] = request_id
        if scope["type"] == "websocket":
            await self.app(scope, receive, send)
            return
        reply = _Reply(scope, send, request_id)
        body = _BoundedBody(receive, self.settings, Headers(scope=scope))
        try:
            body.check_length()
            await self.app(scope, body.receive, reply.send)
        except Exception as error:
            if reply.status:
                raise  # the reply has begun: the connection is all that can be broken off
            if not isinstance(error, ProblemError):
                log.exception("request %s failed", request_id)
            response = problem_of(error).response(request_id)
            await response(scope, receive, reply.send)
        finally:
            self._count(scope, reply)

    def _count(self, scope: Scope, reply: _Reply) -> None:
        route = getattr(scope.get("route"), "path", "unknown")
        self.metrics.replies.labels(route, str(reply.status)).inc()
        facts = {"request_id": reply.request_id, "method": scope["method"], "route": route, "status": reply.status,
                 "seconds": round(time.perf_counter() - reply.began, 4)}  # fmt: skip
        log.info("request", extra={"facts": facts})


def _without_trace(send: Send) -> Send:
    """Starlette tells the server of a failed start by a traceback; the application has logged the error in a line."""

    async def quiet(message: Message) -> None:
        await send({"type": message["type"]} if message["type"] == "lifespan.startup.failed" else message)

    return quiet


class _Reply:
    """A reply with the headers that every one carries."""

    def __init__(self, scope: Scope, send: Send, request_id: str) -> None:
        self._send, self.request_id = send, request_id
        self._documents = scope["path"] in ("/docs", "/redoc")
        self.status, self.began = 0, time.perf_counter()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self.request_id
            for name, value in SECURITY.items():
                headers.setdefault(name, value)
            if self._documents:
                headers["Content-Security-Policy"] = DOCS_POLICY
            headers.setdefault("Cache-Control", "no-store")
        await self._send(message)


class _BoundedBody:
    """A body that may be neither large nor slow."""

    def __init__(self, receive: Receive, settings: HttpSettings, headers: Headers) -> None:
        self._receive, self._settings = receive, settings
        self._length = headers.get("content-length", "")
        form = headers.get("content-type", "").lower().startswith("multipart/")
        self._most = settings.body_bytes if form else min(settings.body_bytes, MOST_JSON)
        self._size = 0
        self._deadline = time.monotonic() + settings.slow_seconds
        self._whole = False

    def check_length(self) -> None:
        if self._length.isdigit() and int(self._length) > self._most:
            raise self._too_large()

    async def receive(self) -> Message:
        if self._whole:
            return await self._receive()
        left = self._deadline - time.monotonic()
        try:
            message: dict[str, Any] = dict(await asyncio.wait_for(self._receive(), max(0.01, left)))
        except TimeoutError as error:
            detail = f"the body did not arrive within {self._settings.slow_seconds:g} s"
            raise ProblemError(HTTPStatus.REQUEST_TIMEOUT, "too_slow", detail) from error
        self._size += len(message.get("body", b""))
        if self._size > self._most:
            raise self._too_large()
        self._whole = not message.get("more_body", False)
        return message

    def _too_large(self) -> ProblemError:
        detail = f"the body is larger than {self._most} bytes, which is as large as it may be"
        return ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", detail)
