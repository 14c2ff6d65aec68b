"""Bearer tokens of an identity provider: JWT (RFC 7519) signed with RS256 or EdDSA, keys by JWKS (RFC 7517).

The algorithms are pinned and come from here, never from the token: "none" and HMAC with a public key are no options.
"""

from __future__ import annotations

import logging
import math
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any

import jwt

from sovits_lab.files import read_text
from sovits_lab.serving.access.principal import SCOPES, Principal
from sovits_lab.serving.problems import ProblemError
from sovits_lab.types import InputError, got

log = logging.getLogger(__name__)
ALGORITHMS = ("RS256", "EdDSA")
LEEWAY = 30  # seconds by which clocks may differ
REFRESH = 300  # seconds for which keys of a URL are kept
PAUSE = 10.0  # seconds for which a provider that did not answer is left alone
NEEDED = ("exp", "iat", "sub", "iss", "aud")


class NoTokens:
    """No identity provider: only API keys open the service."""

    def find(self, token: str) -> Principal | None:
        """Return None: without a provider no token is known."""
        return None

    def has_ended(self, who: Principal) -> bool:
        """Return False: no token let anybody in."""
        return False


class ProviderKeys(jwt.PyJWKClient):
    """Keys of a provider's address.

    While the provider does not answer, every token would wait for it in turn, in the threads that everything shares;
    so it is asked again only after a pause.
    """

    _failed = -math.inf

    def fetch_data(self) -> Any:
        """Ask the provider. Raises PyJWKClientConnectionError where it does not answer, or did not a moment ago."""
        if time.monotonic() - self._failed < PAUSE:
            raise jwt.PyJWKClientConnectionError(f"the provider did not answer less than {PAUSE:g} s ago")
        try:
            return super().fetch_data()
        except jwt.PyJWKClientConnectionError:
            self._failed = time.monotonic()
            raise


class JwtTokens:
    """Tokens of one issuer for one audience.

    Args:
        jwks: a file of the issuer's public keys, or their https address, which the operator names.
        issuer: expected `iss`.
        audience: expected `aud`.
        owner_claim: names the account; `sub` is one account for each user.
    """

    def __init__(self, jwks: str, issuer: str, audience: str, owner_claim: str = "sub") -> None:
        self.issuer, self.audience, self.owner_claim = issuer, audience, owner_claim
        if not jwks.startswith("https://") and "://" in jwks:
            raise got("tokens.jwks", jwks, "a file or an https address")
        if not issuer or not audience:
            raise got("tokens", "jwks without issuer or audience", "all three: tokens are meant for one service")
        self._client = ProviderKeys(jwks, lifespan=REFRESH, timeout=5) if jwks.startswith("https://") else None
        self._keys = None if self._client else _keys_of(Path(jwks))

    def find(self, token: str) -> Principal | None:
        """Return who has this token; None for what is no token at all.

        Raises:
            ProblemError: 401 for a token that is expired, forged, or meant for somebody else; it says which. 503 where
                the provider's keys cannot be reached.
        """
        if token.count(".") != 2:
            return None
        try:
            claims = jwt.decode(
                token,
                self._key(token),
                algorithms=list(ALGORITHMS),
                audience=self.audience,
                issuer=self.issuer,
                leeway=LEEWAY,
                options={"require": list(NEEDED)},
            )
        except jwt.PyJWKClientConnectionError as error:  # whether the token is good cannot be known
            log.error("tokens.jwks: %s", error)
            detail = "the keys of the identity provider cannot be reached, so tokens cannot be checked; try again later"
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "provider_gone", detail, 10) from error
        except jwt.ExpiredSignatureError as error:
            raise _refused("the token has expired; ask for a new one") from error
        except jwt.PyJWTError as error:
            raise _refused(f"the token is not valid here ({type(error).__name__})") from error
        owner = claims.get(self.owner_claim)
        if not isinstance(owner, str) or not owner:
            raise _refused(f"the token has no {self.owner_claim}")
        scopes = frozenset(str(claims.get("scope", "")).split()) & frozenset(SCOPES)
        return Principal(f"jwt:{owner}", f"jwt:{claims['sub']}"[:80], scopes)

    def has_ended(self, who: Principal) -> bool:
        """Return False: a token counts as it was when it was shown, for the whole of a socket and for jobs."""
        return False

    def _key(self, token: str) -> jwt.PyJWK:
        """The key that the token names, with its own algorithm: the token cannot ask for another one."""
        if self._client is not None:
            return self._client.get_signing_key_from_jwt(token)
        assert self._keys is not None
        kid = jwt.get_unverified_header(token).get("kid")
        found = [key for key in self._keys.keys if key.key_id == kid] if kid else self._keys.keys
        if not found:
            raise jwt.InvalidTokenError("no such key")
        return found[0]


def _keys_of(file: Path) -> jwt.PyJWKSet:
    try:
        return jwt.PyJWKSet.from_json(read_text(file, "tokens.jwks"))
    except (jwt.PyJWTError, ValueError) as error:
        raise InputError(f"tokens.jwks {file}: cannot be read as a JWK set ({error})") from error


def _refused(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNAUTHORIZED, "token_refused", detail)
