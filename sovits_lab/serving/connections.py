"""Connections of clients that do not get on: they are closed, so that others have room."""

from __future__ import annotations

import asyncio
import resource
from array import array
from fcntl import ioctl
from termios import TIOCOUTQ
from typing import Any, NamedTuple

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_FILES = 65_536
MOST_HEADER = 1 << 16  # bytes of a request's header
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class ConnectionPatience(NamedTuple):
    """How long a client is waited for.

    Attributes:
        request: seconds until the header of its next request is whole.
        reading: seconds in which it may take nothing of its reply.
    """

    request: float
    reading: float


class PatientConnection(HttpToolsProtocol):
    """HTTP as uvicorn speaks it, which by itself waits for ever for a first request, and for one who does not read.

    Args:
        patience: how long to wait.
        more: as uvicorn's.
    """

    def __init__(self, patience: ConnectionPatience, **more: Any) -> None:
        super().__init__(**more)
        self._patience = patience
        self._asking: asyncio.TimerHandle | None = None
        self._heading = 0  # bytes of a header that is not whole
        self._reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers of a connection that has ended."""
        _stop(self._asking)
        _stop(self._reading)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes in; a header that does not end is not kept for ever, and the connection is closed."""
        self._heading += len(data)
        super().data_received(data)
        if self._heading > MOST_HEADER and not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete:  # else it would stand in the middle of a reply
                self.transport.write(TOO_LARGE)
            self.transport.close()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body, which is no header."""
        self._heading = 0
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """Take a request; how long its body may take is the service's own matter."""
        self._heading = 0
        _stop(self._asking)
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request, where none is there yet."""
        waits = not self.pipeline
        super().on_response_complete()
        if waits and not self.transport.is_closing():
            self._await_request()

    def pause_writing(self) -> None:
        """Begin to wait for a client that does not read; what is written to it waits in full buffers."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """Stop the timer of a client that did not read: now it has."""
        _stop(self._reading)
        super().resume_writing()

    def _watch(self) -> None:
        _stop(self._reading)
        self._reading = self.loop.call_later(self._patience.reading, self._look, self._unread())

    def _look(self, before: int | None) -> None:
        """Break off a client that has taken nothing; of a slow one the buffers stay full, but move."""
        left = self._unread()
        if before is not None and left is not None and left >= before:
            self.transport.abort()
        else:
            self._watch()

    def _unread(self) -> int | None:
        """Bytes that the client has not taken, here and in the system; None where the system does not tell."""
        waiting = array("i", [0])
        try:
            ioctl(self.transport.get_extra_info("socket").fileno(), TIOCOUTQ, waiting)
        except OSError:
            return None
        return waiting[0] + self.transport.get_write_buffer_size()

    def _await_request(self) -> None:
        _stop(self._asking)
        self._asking = self.loop.call_later(self._patience.request, self.timeout_keep_alive_handler)


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


def allow_many_files() -> int:
    """Let this process open as many files and connections as the system allows it; return how many.

    The first limit is 1,024 on most systems, for the sake of programs that a larger number would break.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft
