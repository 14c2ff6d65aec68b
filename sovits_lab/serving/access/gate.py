"""The door of the service: finds out who asks, and whether they may."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Protocol

from starlette.requests import HTTPConnection

from sovits_lab.serving.access.limits import UsageLimits
from sovits_lab.serving.access.principal import Principal
from sovits_lab.serving.problems import ProblemError

HEADER, SCHEME, PRINCIPAL = "authorization", "bearer", "principal"


class FindsPrincipal(Protocol):
    """Whatever knows who has a secret: the API keys, or a provider's tokens."""

    def find(self, secret: str) -> Principal | None:
        """Return who has a secret, None for an unknown one. Raises ProblemError for one that is refused."""

    def has_ended(self, who: Principal) -> bool:
        """Return whether what let somebody in was taken out of use since."""


class AccessGate:
    """Lets callers in by an API key or a token in the header `Authorization: Bearer ...`.

    Args:
        doors: keys and tokens, asked in order.
        limits: how much they may use.
    """

    def __init__(self, doors: Sequence[FindsPrincipal], limits: UsageLimits) -> None:
        self.doors, self.limits = doors, limits

    async def enter(self, connection: HTTPConnection, scope: str, counted: bool = True) -> Principal:
        """Return who asks.

        Args:
            connection: a request or a WebSocket.
            scope: what is asked for.
            counted: as a request of the minute.

        Raises:
            ProblemError: 401 without a key that is known, 403 for one that may not, 429 for one too often.
        """
        who = await self.known(connection)
        who.require(scope)
        if counted:
            await asyncio.to_thread(self.limits.count_request, who)
        return who

    async def known(self, connection: HTTPConnection) -> Principal:
        """Return who asks, whatever they may do; a connection is looked up once.

        Raises:
            ProblemError: 401 without a key that is known.
        """
        if (found := getattr(connection.state, PRINCIPAL, None)) is not None:
            assert isinstance(found, Principal)
            return found
        scheme, _, secret = connection.headers.get(HEADER, "").partition(" ")
        secret = secret.strip()
        if scheme.lower() != SCHEME or not secret:
            detail = "there is no key: send the header `Authorization: Bearer KEY`"
            raise ProblemError(HTTPStatus.UNAUTHORIZED, "key_missing", detail)
        who = await asyncio.to_thread(self._find, secret)
        setattr(connection.state, PRINCIPAL, who)
        return who

    async def require_in_use(self, who: Principal) -> None:
        """Raise ProblemError 401 where the key of somebody who was let in long ago is not in use any more."""
        for door in self.doors:
            if await asyncio.to_thread(door.has_ended, who):
                raise _unknown()

    def _find(self, secret: str) -> Principal:
        for door in self.doors:
            if (who := door.find(secret)) is not None:
                return who
        raise _unknown()


def _unknown() -> ProblemError:
    detail = "this key is not known here, or not in use any more"
    return ProblemError(HTTPStatus.UNAUTHORIZED, "key_unknown", detail)
