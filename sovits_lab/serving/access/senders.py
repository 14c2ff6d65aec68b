"""Who sends a body is known before any of it is read."""

from __future__ import annotations

from email.message import Message
from http import HTTPStatus

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from sovits_lab.serving.access.gate import AccessGate
from sovits_lab.serving.edge import request_id_of
from sovits_lab.serving.problems import ProblemError, problem_of
from sovits_lab.types import InputError

CHARSETS = ("", "utf-8", "utf8", "us-ascii")


class KnownSenders:
    """ASGI middleware: FastAPI reads and parses a body first and asks for the key afterwards; this asks before.

    Args:
        app: what it surrounds.
        access: knows the callers.
    """

    def __init__(self, app: ASGIApp, access: AccessGate) -> None:
        self.app, self.access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection; every address that takes a body is one for callers with a key."""
        if scope["type"] == "http" and scope["method"] == "POST":
            connection = HTTPConnection(scope)
            try:
                await self.access.known(connection)
                check_charset(connection.headers.get("content-type", ""))
            except (ProblemError, InputError) as error:
                await problem_of(error).response(request_id_of(scope))(scope, receive, send)
                return
        await self.app(scope, receive, send)


def check_charset(media: str) -> None:
    """Raise ProblemError 415 for a body in other letters than UTF-8.

    Python knows charsets, such as `punycode`, whose time grows with the square of the length: 11 s for 500 kB.
    """
    head = Message()
    head["content-type"] = media
    charset = str(head.get_param("charset", "")).strip("'\" ").lower()
    if charset not in CHARSETS:
        detail = "the charset of the body is not UTF-8, which is the one that is read here"
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "charset", detail)
