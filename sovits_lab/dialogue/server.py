"""The film over HTTP: the player's page, and a WebSocket that speaks the engine protocol (`protocol`)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from fastapi.responses import FileResponse, JSONResponse
from starlette.requests import Request
from starlette.responses import Response

from sovits_lab.dialogue.performer import Performer
from sovits_lab.dialogue.protocol import (
    Cancel,
    Choose,
    Fault,
    Hello,
    Load,
    Played,
    Resume,
    Save,
    Say,
    Start,
    Translate,
    read_message,
    schema,
)
from sovits_lab.dialogue.session import FilmSession, StoryFilm, load_session
from sovits_lab.dialogue.stage import FilmStage
from sovits_lab.dialogue.story import Story
from sovits_lab.dialogue.translations import languages_of
from sovits_lab.dialogue.writer import LineWriter
from sovits_lab.pipeline.memory import TIDY, resident_megabytes, return_freed_memory
from sovits_lab.types import InputError, got

PAGES = {
    "": ("index.html", "text/html"),
    "face.js": ("face.js", "text/javascript"),
    "film.js": ("film.js", "text/javascript"),
    "film.css": ("film.css", "text/css"),
}
NOTICES = {"en": "All voices are AI-generated speech.", "zh": "所有声音均由人工智能合成（AI生成）。"}
FOREIGN = {
    "en": "This voice cannot read this language: words are shown in it and spoken in {spoken}.",
    "zh": "这个语音不会读中文：文字是中文，说的是{spoken}。",
}
LANGUAGES = {
    "en": {"en": "English", "zh": "Chinese", "ja": "Japanese", "ko": "Korean", "yue": "Cantonese"},
    "zh": {"en": "英语", "zh": "普通话", "ja": "日语", "ko": "韩语", "yue": "粤语"},
}
LOG = logging.getLogger(__name__)
MOST_SESSIONS = 200
IDLE_SECONDS, OVER_SECONDS = 1800.0, 60.0  # that a session waits for a connection, and one whose story is over
CLOSED, GONE, ELSEWHERE, REFUSED = 1000, 4404, 4409, 4400  # close codes; the first is a client's that is done
MOST_REASON = 123  # bytes, by the WebSocket's own rules
POLICY = "default-src 'self'; connect-src 'self' ws: wss:; style-src 'self'; img-src 'self' data:"
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


@dataclass
class LiveSession:
    """A session with its listener.

    Attributes:
        name: hard to guess.
        stage: plays it.
        listener: the queue of the connection that listens, or None.
        touched: when it was last heard of, monotonic seconds.
        delivered: number of the last message that the listener was given.
        generation: of its last event: what was spoken ahead for an earlier one stops.
        answer: the last one that names its question.
    """

    name: str
    stage: FilmStage
    listener: asyncio.Queue[dict[str, Any] | None] | None = None
    touched: float = field(default_factory=time.monotonic)
    delivered: int = 0
    generation: int = 0
    answer: Choose | Say | None = None

    def takes(self, event: Choose | Say) -> bool:
        """Tell whether an event is new: not the last answer sent again, nor one to an earlier question."""
        if event.question is None:
            return True
        if event.question < self.stage.question or event == self.answer:
            return False
        self.answer = event
        return True


class FilmServer:
    """Plays one film for many.

    Args:
        film: what is played.
        performer: the voice with its cache.
        writer: of lines that ask for one; None takes the film's templates.
        language: that is played where a player asks for none; "" is the story's own.
        threads: sessions that are played at the same time; the voice itself speaks one line at a time.
        sessions: that are kept at most.
    """

    def __init__(
        self,
        film: StoryFilm,
        performer: Performer,
        writer: LineWriter | None = None,
        language: str = "",
        threads: int = 64,
        sessions: int = MOST_SESSIONS,
    ) -> None:
        self.film, self.performer, self.writer, self.most = film, performer, writer, sessions
        self.language = language or film.cast.language
        self.sessions: dict[str, LiveSession] = {}
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="film")
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="film-ahead")

    def app(self) -> FastAPI:
        """Return the application: `/` the page, `/schema.json`, `/health`, `/film` the socket."""

        @contextlib.asynccontextmanager
        async def life(_: FastAPI) -> AsyncIterator[None]:
            tidying = asyncio.create_task(self._tidy())
            yield
            tidying.cancel()
            for live in self.sessions.values():
                live.stage.cancel()
                live.generation += 1  # ends what is spoken ahead for it
            for pool in (self._pool, self._ahead):
                pool.shutdown(wait=True, cancel_futures=True)

        app = FastAPI(title="sovits_lab film", lifespan=life, docs_url=None, redoc_url=None, openapi_url=None)

        @app.middleware("http")
        async def guarded(request: Request, call_next: Any) -> Response:
            response: Response = await call_next(request)
            response.headers.update(HEADERS)
            return response

        @app.get("/health")
        async def health() -> JSONResponse:
            count = self.performer.cache.count
            facts = {"sessions": len(self.sessions), "asked": count.asked, "found": count.found}
            costs = {"cache_bytes": self.performer.cache.size, "megabytes": round(resident_megabytes())}
            return JSONResponse({**facts, "prefetched": count.prefetched, **costs})

        @app.get("/schema.json")
        async def messages() -> JSONResponse:
            return JSONResponse(schema())

        @app.get("/about.json")
        async def about(language: str = "") -> JSONResponse:
            return JSONResponse(self._about(language))

        @app.get("/{name:path}")
        async def page(name: str) -> Response:
            if name not in PAGES:
                return JSONResponse({"error": "nothing here"}, 404)
            file, kind = PAGES[name]
            with resources.as_file(resources.files("sovits_lab.dialogue") / "page" / file) as path:
                return FileResponse(path, media_type=kind)

        app.add_api_websocket_route("/film", self.socket)
        return app

    async def socket(self, socket: WebSocket) -> None:
        """Serve one connection; the first message is `start`, `resume` or `load`."""
        if not _same_origin(socket):
            await socket.close(REFUSED)
            return
        await socket.accept()
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        try:
            live = self._opened(await _receive(socket), queue)
        except InputError as error:
            await _end(socket, GONE, str(error))
            return
        except WebSocketDisconnect:
            return
        sender = asyncio.create_task(_forward(socket, queue))
        try:
            while True:
                try:
                    message = await _receive(socket)
                except InputError as error:
                    message = Fault(message=str(error))
                if live.listener is not queue:
                    break
                self._received(live, message)
        except WebSocketDisconnect as gone:  # the session waits for a connection that resumes, or is over
            if gone.code == CLOSED and live.listener is queue and live.stage.ended and queue.empty():
                self._forget(live)
        except RuntimeError:
            pass  # it was closed from here, for one that was opened elsewhere
        finally:
            if live.listener is queue:
                live.listener, live.touched = None, time.monotonic()
            sender.cancel()

    def _opened(self, message: Any, queue: asyncio.Queue[dict[str, Any] | None]) -> LiveSession:
        """The session that a first message asks for, with the queue as its listener."""
        if isinstance(message, Resume):
            live = self.sessions.get(message.session)
            if live is None:
                raise got("resume: session", message.session, "one that is under way; start again or load")
            missed = list(live.stage.since(message.after))
            if live.listener is not None:
                live.listener.put_nowait(None)
            live.listener, live.touched, live.delivered = queue, time.monotonic(), message.after
            for one in missed:
                _put(live, one)
            return live
        if not isinstance(message, Start | Load):
            raise got("first message", message.type, "start, resume or load")
        self._make_room()
        session = self._session(message)
        live = self._staged(session)
        live.listener = queue
        live.stage.send(self._hello(live))
        self._play(live, None)
        return live

    def _session(self, message: Start | Load) -> FilmSession:
        actor = self.performer.actor
        if isinstance(message, Load):
            return load_session(message.saved, self.film, actor, self.writer)
        language = message.language or self.language
        return FilmSession(self.film.scene(actor, message.seed, language, self.writer), self.film)

    def _staged(self, session: FilmSession) -> LiveSession:
        name = secrets.token_urlsafe(16)
        loop = asyncio.get_running_loop()

        def tell(message: dict[str, Any]) -> None:
            loop.call_soon_threadsafe(self._put, name, message)  # by name: nothing holds a session that is forgotten

        live = self.sessions[name] = LiveSession(name, FilmStage(session, self.performer, tell))
        return live

    def _put(self, name: str, message: dict[str, Any]) -> None:
        if (live := self.sessions.get(name)) is not None:
            _put(live, message)

    def _hello(self, live: LiveSession) -> Hello:
        wording, cast = live.stage.session.scene.wording, self.film.cast
        shown = {
            name: {"name": one.shown.get(wording.language, name.title()), "colour": one.colour}
            for name, one in cast.characters.items()
        }
        return Hello(
            session=live.name, spoken_language=wording.spoken, characters=shown,
            sample_rate=self.performer.actor.sample_rate, **self._about(wording.language),
        )  # fmt: skip

    def _about(self, language: str) -> dict[str, Any]:
        """What a page shows before the film begins; a language that the film lacks gives that of the server."""
        own = self.film.cast.language
        languages = [own, *(one for one in languages_of(self.film.folder) if one != own)]
        language = next(one for one in (language, self.language, own) if one in languages)
        title = Story(self.film.compiled, self.film.name).title
        notice_language = language if language in NOTICES else "en"
        notice = NOTICES[notice_language]
        if language not in self.performer.actor.languages:  # then it speaks the story's own
            notice += " " + FOREIGN[notice_language].format(spoken=LANGUAGES[notice_language].get(own, own))
        return {"title": title, "language": language, "languages": languages, "notice": notice}

    def _received(self, live: LiveSession, message: Any) -> None:
        live.touched = time.monotonic()
        if isinstance(message, Fault):
            live.stage.send(message)
        elif isinstance(message, Cancel):
            live.stage.cancel()
        elif isinstance(message, Choose | Say):
            if live.takes(message):
                live.stage.cancel()
                self._play(live, message)
        elif isinstance(message, Translate):
            self._pool.submit(self._translated, live, message.language)
        elif isinstance(message, Save):
            self._pool.submit(lambda: live.stage.send(live.stage.saved()))
        elif not isinstance(message, Played):
            live.stage.send(
                Fault(message=f"message: got {message.type} in a film that is under way, expected an event")
            )

    def _play(self, live: LiveSession, event: Choose | Say | None) -> None:
        live.generation += 1
        self._pool.submit(self._played, live, event, live.generation)

    def _played(self, live: LiveSession, event: Choose | Say | None, generation: int) -> None:
        try:
            live.stage.play(event, lambda: live.generation != generation)
            if live.generation == generation:
                self._ahead.submit(self._spoken_ahead, live.name, generation)
        except Exception:  # a thread of the pool would keep it to itself
            LOG.exception("film: a turn failed")
            live.stage.send(Fault(message="the film failed at this line; choose again or load a saved session"))

    def _translated(self, live: LiveSession, language: str) -> None:
        live.stage.translate(language, lambda: self._hello(live))
        self._ahead.submit(self._spoken_ahead, live.name, live.generation)

    def _spoken_ahead(self, name: str, generation: int) -> None:
        if (live := self.sessions.get(name)) is None:
            return
        try:
            live.stage.speak_ahead(lambda: live.generation != generation or live.listener is None)
        except Exception:  # nobody waits for it: the line is spoken when it is asked for, and tells its fault then
            LOG.exception("film: speaking ahead failed")

    async def _tidy(self) -> None:
        """Drop sessions that nobody comes back to, and hand back memory that is free, every ten seconds."""
        while True:
            await asyncio.sleep(TIDY)
            self._forget_old()
            await asyncio.to_thread(return_freed_memory)

    def _make_room(self) -> None:
        """Raise InputError where all places are taken by sessions that are played or may be gone on with."""
        self._forget_old()
        if len(self.sessions) >= self.most:
            raise InputError(
                f"start: {len(self.sessions)} films are being played, expected at most {self.most - 1}; try later"
            )

    def _forget_old(self) -> None:
        """Drop sessions that nobody comes back to; where all places are taken, those that were left first."""
        now = time.monotonic()
        left = sorted((one for one in self.sessions.values() if one.listener is None), key=lambda one: one.touched)
        for live in left:
            full = len(self.sessions) >= self.most
            if now - live.touched > (OVER_SECONDS if full or live.stage.ended else IDLE_SECONDS):
                self._forget(live)

    def _forget(self, live: LiveSession) -> None:
        live.stage.cancel()
        live.generation += 1  # ends what is spoken ahead for it
        self.sessions.pop(live.name, None)


def _put(live: LiveSession, message: dict[str, Any]) -> None:
    if live.listener is not None and message["seq"] > live.delivered:  # a resumed one may have it already
        live.delivered = message["seq"]
        live.listener.put_nowait(message)


async def _receive(socket: WebSocket) -> Any:
    """Return the next message of a client.

    Raises:
        InputError: it is no message of the protocol.
        WebSocketDisconnect: the client has left.
    """
    received = await socket.receive()
    if received["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(received["code"])
    if received.get("text") is None:
        raise InputError("message: got bytes, expected a message of text with JSON in it")
    return read_message(received["text"])


async def _end(socket: WebSocket, code: int, why: str) -> None:
    """Close a connection and say why, as a message and as the reason of the close."""
    await socket.send_json(Fault(message=why).model_dump())
    await socket.close(code, why.encode()[:MOST_REASON].decode(errors="ignore"))


async def _forward(socket: WebSocket, queue: asyncio.Queue[dict[str, Any] | None]) -> None:
    while True:
        message = await queue.get()
        if message is None:
            await _end(socket, ELSEWHERE, "this session was opened elsewhere")
            return
        await socket.send_text(json.dumps(message, ensure_ascii=False))


def _same_origin(socket: WebSocket) -> bool:
    """Pages of other sites may not listen; programs, which send no origin, may."""
    origin = socket.headers.get("origin")
    if origin is None:
        return True
    return origin.split("://", 1)[-1] == socket.headers.get("host")
