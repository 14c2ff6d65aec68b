"""`python -m sovits_lab wyoming`: voices of a running service for Home Assistant, by the Wyoming protocol.

The bridge is a client of the service like any other: keys, quotas, marks and the log hold for what it speaks.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.serving.client import AsyncVoiceClient
from sovits_lab.types import InputError

if TYPE_CHECKING:
    from wyoming.server import AsyncServer

KEY = "SOVITS_LAB_KEY"


@dataclass(frozen=True)
class WyomingOptions:
    """Offer a service's voices to Home Assistant. The API key is SOVITS_LAB_KEY of the environment."""

    url: str = option("of the service", "http://127.0.0.1:8000")
    uri: str = option("where it listens", "tcp://127.0.0.1:10200")
    languages: list[str] = option("that the voices are announced for", ["en"])
    emotion: str = option("that everything is spoken with", "", shown="as the text says")


def server_of(uri: str) -> AsyncServer:
    """Return a Wyoming server. Raises InputError for an address that is none, or where the package is missing."""
    try:
        from wyoming.server import AsyncServer
    except ImportError as error:
        raise InputError(
            'wyoming: got no package, expected the extra "wyoming": pip install -e ".[wyoming]"'
        ) from error
    try:
        return AsyncServer.from_uri(uri)
    except ValueError as error:
        raise InputError(f"uri: got {uri!r}, expected tcp://HOST:PORT or unix://PATH") from error


async def bridge(server: AsyncServer, service: AsyncVoiceClient, options: WyomingOptions) -> None:
    """Serve until the server is stopped."""
    from sovits_lab.serving.wyoming_connection import WyomingConnection

    await server.run(partial(WyomingConnection, service, options.languages, options.emotion))


def main(argv: list[str]) -> int:
    """Serve until told to stop."""
    if wants_help(argv):
        print(describe(WyomingOptions, "wyoming"))
        return 0
    options = read_options(WyomingOptions, argv)
    server = server_of(options.uri)
    if not (key := os.environ.get(KEY, "")):
        raise InputError(f"{KEY}: got nothing, expected an API key of the service in the environment")

    async def run() -> None:
        async with AsyncVoiceClient(options.url, key) as service:
            await bridge(server, service, options)

    print(f"Wyoming at {options.uri}, voices of {options.url}", flush=True)
    asyncio.run(run())
    return 0
