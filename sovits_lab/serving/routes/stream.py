"""`WS /v1/audio/stream`: text in while a language model writes it, sound and timings out, several contexts a socket."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import ValidationError

from sovits_lab.serving.access.principal import Principal
from sovits_lab.serving.edge import request_id_of
from sovits_lab.serving.live.context import TextContext
from sovits_lab.serving.live.messages import READER, AppendText, CancelContext, EndText, FlushText, SessionUpdate
from sovits_lab.serving.problems import ProblemError, problem_of
from sovits_lab.serving.service import SpeechService
from sovits_lab.types import InputError

router = APIRouter(prefix="/v1/audio", tags=["live"])
PROTOCOL = "sovits.v1"  # a browser, which cannot send headers, adds the key as the protocol `bearer.KEY`
MOST_TEXT = 20_000  # letters of a context that wait
POLICY, LATER = 1008, 1013  # codes of a socket that is closed for what its client did, or that may be tried again later


class LiveSocket:
    """One socket.

    Args:
        socket: to the client.
        service: speaks.
        who: asks.
        request_id: of the socket.

    Raises:
        ProblemError: nothing speaks yet.
    """

    def __init__(self, socket: WebSocket, service: SpeechService, who: Principal, request_id: str) -> None:
        self.socket, self.service, self.who, self.request_id = socket, service, who, request_id
        self.facts = service.dispatcher.facts()
        self.how: SessionUpdate | None = None
        self.contexts: dict[str, TextContext] = {}
        self._sending = asyncio.Lock()
        self._gone = False

    async def tell(self, event: dict[str, Any]) -> None:
        """Send an event; events do not mix."""
        async with self._sending:
            if self._gone:
                return
            try:
                await self.socket.send_text(json.dumps(event))
            except (WebSocketDisconnect, RuntimeError):  # the reader of messages hears of it as well, and frees all
                self._gone = True

    async def run(self) -> None:
        """Serve until the client leaves; then everything of it is freed."""
        facts = self.facts
        session = {"request_id": self.request_id, "model": facts.name, "sample_rate": facts.sample_rate}
        await self.tell({"type": "session.created", **session})
        try:
            while (message := await self.socket.receive())["type"] != "websocket.disconnect":
                await self._take(message.get("text"))
                await asyncio.sleep(0)  # thousands that came together are there at once: others get their turn between
        finally:
            for one in list(self.contexts.values()):
                await one.cancel()

    async def _take(self, text: str | None) -> None:
        try:
            if text is None:
                raise _problem("got bytes, expected a message of text with JSON in it")
            message = READER.validate_json(text)
            if isinstance(message, SessionUpdate):
                await self._update(message)
            elif isinstance(message, AppendText):
                (await self._context(message.context_id)).append(message.text)
            elif (context := self.contexts.get(message.context_id)) is None or context.is_over:
                raise _problem(f"context {message.context_id}: there is none in work")
            elif isinstance(message, CancelContext):
                await self.tell(await self.contexts.pop(message.context_id).cancel())
            elif isinstance(message, FlushText):
                context.flush_now()
            elif isinstance(message, EndText):
                context.finish()
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            await self._refuse(_problem(f"{place or 'message'}: {first['msg']}"))
        except Exception as error:
            await self._refuse(problem_of(error))

    async def _refuse(self, problem: ProblemError) -> None:
        await self.tell(problem.event(self.request_id))

    async def _update(self, how: SessionUpdate) -> None:
        self.how = how
        message = how.model_dump(mode="json") | {"type": "session.updated", "emotions": list(self.facts.emotions)}
        await self.tell(message)

    async def _context(self, name: str) -> TextContext:
        self.contexts = {key: one for key, one in self.contexts.items() if not one.is_over}
        if name not in self.contexts:
            if self.how is None:
                raise _problem("session.update with a voice comes before the first text")
            if len(self.contexts) >= self.service.limits.contexts:
                raise _problem(f"{len(self.contexts)} contexts are in work, which is as many as may; end or cancel one")
            request_id = self.request_id
            self.contexts[name] = TextContext(name, self.service, self.who, self.how, self.tell, request_id)
            await self.tell({"type": "context.created", "context_id": name})
        if len(self.contexts[name].text) > MOST_TEXT:
            raise _problem(f"context {name}: {MOST_TEXT} letters wait already; let some be spoken first")
        return self.contexts[name]


@router.websocket("/stream")
async def stream(socket: WebSocket) -> None:
    """Speak over a socket; a key that is not known closes it with code 1008 before it opens."""
    service: SpeechService = socket.app.state.service
    request_id = request_id_of(socket.scope)
    protocols = [one.strip() for one in socket.headers.get("sec-websocket-protocol", "").split(",") if one.strip()]
    try:
        _check_origin(socket, service)
        who = await service.access.enter(_with_key(socket, protocols), "speak")
        live = LiveSocket(socket, service, who, request_id)
    except (ProblemError, InputError) as error:
        problem = problem_of(error)
        await socket.close(POLICY if problem.status < HTTPStatus.INTERNAL_SERVER_ERROR else LATER, problem.detail[:100])
        return
    await socket.accept(subprotocol=PROTOCOL if PROTOCOL in protocols else None)
    await live.run()


def _check_origin(socket: WebSocket, service: SpeechService) -> None:
    """A browser says which page asks; pages of other addresses may not."""
    origin = socket.headers.get("origin")
    host = (origin or "").partition("://")[2]
    if origin and host != socket.headers.get("host") and origin not in service.http.origins:
        raise ProblemError(HTTPStatus.FORBIDDEN, "origin", "pages of this address may not use the service")


def _with_key(socket: WebSocket, protocols: list[str]) -> WebSocket:
    """The socket, with the key of its protocols as its header."""
    keys = [one.removeprefix("bearer.") for one in protocols if one.startswith("bearer.")]
    if keys and "authorization" not in socket.headers:
        header = (b"authorization", f"Bearer {keys[0]}".encode())
        return WebSocket({**socket.scope, "headers": [*socket.scope["headers"], header]}, socket.receive, socket.send)
    return socket


def _problem(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, "invalid_message", detail)
