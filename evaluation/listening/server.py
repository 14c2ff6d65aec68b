"""Optional server of a test: static files out, results in. It binds to this machine unless it is told otherwise."""

from __future__ import annotations

import json
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any

from evaluation.listening.folder import SOUNDS, STATIC, TEST
from evaluation.listening.results import MOST_BYTES, parse_result
from evaluation.listening.trials import PLAN, ListeningPlan, read_plan
from sovits_lab.files import write_whole
from sovits_lab.types import InputError

RESULTS = "results"
MOST_RESULTS = 10_000  # files; a full folder refuses
SECONDS = 20.0  # that a slow client may take for a request
POLICY = "default-src 'self'; img-src 'self' data:; object-src 'none'; frame-ancestors 'none'; base-uri 'none'"


class ListeningHandler(SimpleHTTPRequestHandler):
    """Gives the files of a test by name, and takes checked results."""

    timeout = SECONDS
    server_version, sys_version = "listening", ""

    def __init__(self, *args: Any, plan: ListeningPlan, folder: Path, lock: Lock, **more: Any) -> None:
        self.plan, self.folder, self.lock = plan, folder, lock
        self.known = {"/", *(f"/{name}" for name in (*STATIC, PLAN))}
        self.known |= {f"/{SOUNDS}/{path.name}" for path in (folder / TEST / SOUNDS).glob("*.flac")}
        super().__init__(*args, directory=str(folder / TEST), **more)

    def do_GET(self) -> None:
        """Give a file of the test; everything else is not found."""
        if self.path.partition("?")[0] not in self.known:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        super().do_GET()

    def do_HEAD(self) -> None:
        """Refuse to tell about a file without giving it."""
        self.send_error(HTTPStatus.METHOD_NOT_ALLOWED)

    def do_POST(self) -> None:
        """Take the result of a listener, whole and checked, or say why not."""
        length = self.headers.get("Content-Length", "")
        if self.path != "/results" or self.headers.get_content_type() != "application/json":
            self.send_error(HTTPStatus.NOT_FOUND)
        elif not length.isdigit() or int(length) > MOST_BYTES:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            self._take(self.rfile.read(int(length)))

    def _take(self, body: bytes) -> None:
        try:
            record = json.loads(body)
            result = parse_result(record, self.plan, "result")
        except (InputError, ValueError, RecursionError) as error:
            self.send_error(HTTPStatus.BAD_REQUEST, "not a result of this test", str(error)[:200])
            return
        folder = self.folder / RESULTS
        with self.lock:
            folder.mkdir(exist_ok=True)
            number = len(list(folder.glob("*.json")))
            if number >= MOST_RESULTS:
                self.send_error(HTTPStatus.INSUFFICIENT_STORAGE)
                return
            write_whole(folder / f"{number:05d}-{result.listener}.json", body)
        self.send_response(HTTPStatus.NO_CONTENT)
        self.end_headers()

    def end_headers(self) -> None:
        """End the head of an answer with what keeps pages of others out."""
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: addresses of listeners are nobody's business."""


def make_server(folder: Path, host: str = "127.0.0.1", port: int = 8000) -> ThreadingHTTPServer:
    """Make a server of the test in a folder; `serve_forever` starts it.

    Raises:
        InputError: the folder holds no test, or the port is taken.
    """
    handler = partial(ListeningHandler, plan=read_plan(folder), folder=folder, lock=Lock())
    try:
        return ThreadingHTTPServer((host, port), handler)
    except OSError as error:
        raise InputError(f"address {host}:{port}: {error.strerror}, expected a free port of this machine") from error
