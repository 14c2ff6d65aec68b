"""How the web server is set up, whoever starts it."""

from __future__ import annotations

from functools import partial
from typing import Any

import uvicorn

from sovits_lab.serving.app import make_app
from sovits_lab.serving.connections import ConnectionPatience, PatientConnection
from sovits_lab.serving.service import SpeechService

MOST_MESSAGE = 1 << 20  # bytes of one WebSocket message


def listener(service: SpeechService) -> uvicorn.Config:
    """Return the web server's configuration for a service."""
    patience = ConnectionPatience(service.http.slow_seconds, service.http.stalled_seconds)
    http: Any = partial(PatientConnection, patience)  # uvicorn calls it as the class that it expects
    return uvicorn.Config(
        make_app(service),
        host=service.http.host,
        port=service.http.port,
        http=http,
        log_config=None,
        server_header=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=10,
        ws_max_size=MOST_MESSAGE,
    )
