"""Refusals as `application/problem+json` (RFC 9457): one sentence, a status, the request's id, and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse

from sovits_lab.files import StoreError, printable
from sovits_lab.serving.contracts import RefusedClipError, RevokedVoiceError, UnforgottenVoiceError, UnknownVoiceError
from sovits_lab.types import InputError

log = logging.getLogger(__name__)
MEDIA = "application/problem+json"
CLOSED = 499  # nginx's word for a caller that hung up; nobody reads the reply
NO_STORAGE = "the service cannot use its disk now, so the request was not carried out; try again later"
LONGEST_DETAIL = 2000  # letters; a list of voices or of reasons is the longest


class ProblemDocument(BaseModel):
    """The body of every refusal; `error` repeats it in the shape that OpenAI's clients read."""

    model_config = ConfigDict(extra="allow")
    type: str
    title: str
    status: int
    detail: str
    request_id: str
    error: dict[str, Any]


class ProblemError(Exception):
    """A request that is refused or that failed, with what its sender is told.

    Args:
        status: of HTTP.
        code: a word for programs, such as "queue_full".
        detail: one sentence for people.
        retry_after: seconds after which it may go well; None where trying again does not help.
        more: further members of the document.
    """

    def __init__(self, status: int, code: str, detail: str, retry_after: float | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.retry_after, self.more = status, code, detail, retry_after, more

    def document(self, request_id: str) -> dict[str, Any]:
        """Return the reply's body: a problem of RFC 9457, with OpenAI's `error` beside it."""
        detail = printable(self.detail)[:LONGEST_DETAIL]
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {
            "type": f"urn:sovits-lab:problem:{self.code}",
            "title": "Client Closed Request" if self.status == CLOSED else HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": detail,
            "request_id": request_id,
            **self.more,
            "error": {"message": detail, "type": kind, "code": self.code, "param": self.more.get("parameter")},
        }

    def event(self, request_id: str) -> dict[str, Any]:
        """Return it as an event of a stream."""
        return {**self.document(request_id), "type": "error"}

    def headers(self) -> dict[str, str]:
        """Return the headers beside the body."""
        headers = {} if self.retry_after is None else {"Retry-After": str(max(1, round(self.retry_after)))}
        return headers | ({"WWW-Authenticate": "Bearer"} if self.status == HTTPStatus.UNAUTHORIZED else {})

    def response(self, request_id: str) -> JSONResponse:
        """Return the HTTP reply to a request."""
        return JSONResponse(self.document(request_id), self.status, self.headers(), media_type=MEDIA)


def cancelled() -> ProblemError:
    """Return the end of a request whose caller does not want it any more."""
    return ProblemError(CLOSED, "cancelled", "the request was cancelled")


def problem_of(error: BaseException) -> ProblemError:
    """Return what the sender is told of an error; of one that is ours, nothing but that it happened."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, RevokedVoiceError):
        return ProblemError(HTTPStatus.GONE, "voice_revoked", str(error))
    if isinstance(error, UnknownVoiceError):
        return ProblemError(HTTPStatus.BAD_REQUEST, "unknown_voice", str(error), parameter=str(error).partition(":")[0])
    if isinstance(error, UnforgottenVoiceError):
        return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "voice_not_forgotten", str(error), 30)
    if isinstance(error, StoreError):  # its message, which names our files, is for the log
        log.error("storage: %s", error)
        return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "storage", NO_STORAGE, 30)
    if isinstance(error, RefusedClipError):
        return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "clip_refused", str(error))
    if isinstance(error, InputError):
        return ProblemError(HTTPStatus.BAD_REQUEST, "invalid_request", str(error))
    return ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "the service failed; its log has the request id")


def refusals(*statuses: int) -> Mapping[int | str, dict[str, Any]]:
    """Return the entries of an OpenAPI document for refusals of these statuses."""
    schema = {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA: schema}, "model": ProblemDocument}
        for status in statuses
    }
