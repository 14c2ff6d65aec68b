"""The principal behind a request, and what is allowed to him."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from sovits_lab.serving.problems import ProblemError

SCOPES = ("speak", "voices:write", "admin")


@dataclass(frozen=True)
class Allowance:
    """What an account may use.

    Attributes:
        requests_per_minute: of all routes that speak or write; 0 is no limit.
        seconds_per_day: of speech; 0 is no limit.
        priority: the highest that its requests may ask for.
    """

    requests_per_minute: int = 120
    seconds_per_day: int = 36_000
    priority: str = "normal"


@dataclass(frozen=True)
class Principal:
    """An authenticated caller.

    Attributes:
        owner: the account whose voices and jobs these are.
        key_id: the key or token, for logs; not a secret.
        scopes: what it may do, of `SCOPES`.
        allowance: how much of it.
    """

    owner: str
    key_id: str
    scopes: frozenset[str]
    allowance: Allowance = Allowance()

    def require(self, scope: str) -> None:
        """Raise ProblemError 403 where the caller may not do this; `admin` may do everything."""
        if scope not in self.scopes and "admin" not in self.scopes:
            detail = f"this key has the scopes {', '.join(sorted(self.scopes)) or 'none'}; this needs {scope}"
            raise ProblemError(HTTPStatus.FORBIDDEN, "scope_missing", detail)
