"""What the service answers, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx


class ServiceError(Exception):
    """A refusal.

    Attributes:
        status: of HTTP.
        code: a word for programs.
        retry_after: seconds after which it may go well; None where trying again does not help.
        request_id: for the operator.
    """

    def __init__(self, status: int, code: str, detail: str, retry_after: float | None, request_id: str) -> None:
        super().__init__(f"{detail} ({code}, request {request_id})")
        self.status, self.code, self.retry_after, self.request_id = status, code, retry_after, request_id


@dataclass(frozen=True)
class SpokenFile:
    """Speech as a file.

    Attributes:
        data: the file.
        media: its media type.
        seed: the same request with it gives the same sound.
        seconds: of speech.
        flags: what was noticed; empty when all is well.
        degraded: what spoke in place of the model; "" where it was the model.
        request_id: of the request; the audit log has the same.
    """

    data: bytes
    media: str
    seed: int
    seconds: float
    flags: tuple[str, ...]
    degraded: str
    request_id: str


def check_reply(reply: httpx.Response) -> httpx.Response:
    """Return a reply that is no refusal; its body must have been read. Raises ServiceError for one that is."""
    if reply.status_code < 400:
        return reply
    body: dict[str, Any] = {}
    if reply.headers.get("content-type", "").startswith("application/problem+json"):
        body = reply.json()
    wait = reply.headers.get("retry-after")
    code = body.get("error", {}).get("code", "unknown")
    seconds = None if wait is None else float(wait)
    detail = str(body.get("detail", reply.reason_phrase))
    raise ServiceError(reply.status_code, code, detail, seconds, reply.headers.get("x-request-id", ""))


def read_file(reply: httpx.Response) -> SpokenFile:
    """Return the file of a reply."""
    found = check_reply(reply).headers
    return SpokenFile(
        reply.content,
        found["content-type"],
        int(found["x-seed"]),
        float(found["x-audio-seconds"]),
        tuple(filter(None, found["x-flags"].split(","))),
        found["x-degraded"],
        found["x-request-id"],
    )


def speech_body(text: str, voice: str, more: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a request; see `POST /v1/audio/speech` for what `more` may hold."""
    return {"input": text, "voice": voice, **more}


def live_session(voice: str, more: dict[str, Any]) -> dict[str, Any]:
    """Return how text in pieces is spoken; see `session.update` of the WebSocket for what `more` may hold."""
    return {"voice": voice, "sample_rate": 24_000, **more}
