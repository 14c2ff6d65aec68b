"""A film on a free port, and connections to it."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import uvicorn
from websockets.sync.client import ClientConnection, connect

from sovits_lab.dialogue.performer import Performer
from sovits_lab.dialogue.server import FilmServer
from sovits_lab.dialogue.speech_cache import SpeechCache
from tests.dialogue.people import HummingActor, example
from tests.serving.servers import PATIENCE, wait_until


@contextlib.contextmanager
def served(actor: HummingActor, sessions: int = 200, language: str = "") -> Iterator[tuple[int, FilmServer]]:
    """The film on a free port of the loopback interface."""
    film = FilmServer(example(), Performer(actor, SpeechCache()), sessions=sessions, language=language)
    taken = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(film.app(), log_level="error"))
    thread = threading.Thread(target=server.run, args=([taken],), daemon=True)
    thread.start()
    wait_until(lambda: server.started, "a film that is served")
    try:
        yield taken.getsockname()[1], film
    finally:
        server.should_exit = True
        thread.join(PATIENCE)


def opened(port: int, **message: Any) -> ClientConnection:
    """A connection whose first message is sent."""
    connection = connect(f"ws://127.0.0.1:{port}/film", legacy=True)
    connection.send(json.dumps(message))
    return connection


def until(connection: ClientConnection, *kinds: str) -> list[dict[str, Any]]:
    """Messages up to one of these kinds."""
    got: list[dict[str, Any]] = []
    while not got or got[-1]["type"] not in kinds:
        got.append(json.loads(connection.recv(timeout=PATIENCE)))
    return got
