"""Links that open one result for a while, for whoever has them."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from http import HTTPStatus
from pathlib import Path

from sovits_lab.files import write_whole
from sovits_lab.serving.problems import ProblemError


class LinkSigner:
    """Signs links by HMAC-SHA256.

    Args:
        secret: of the service; gateways that share results share it.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def of(cls, folder: Path, secret: str = "") -> LinkSigner:
        """Return the signer with a given secret, or else with one that is kept in a folder."""
        if secret:
            return cls(secret.encode())
        file = folder / "link-secret"
        if not file.exists():
            write_whole(file, secrets.token_bytes(32))
            file.chmod(0o600)
        return cls(file.read_bytes())

    def sign(self, job_id: str, seconds: int) -> dict[str, str]:
        """Return the query of a link that is good for so many seconds."""
        expires = str(int(time.time()) + seconds)
        return {"expires": expires, "signature": self._signature(job_id, expires)}

    def check(self, job_id: str, expires: str, signature: str) -> None:
        """Raise ProblemError 403 for a link that is forged or has expired."""
        if not hmac.compare_digest(self._signature(job_id, expires).encode(), signature.encode()):
            raise ProblemError(HTTPStatus.FORBIDDEN, "link_forged", "this link is not one of this service's")
        if int(expires) < time.time():
            raise ProblemError(HTTPStatus.FORBIDDEN, "link_expired", "this link has expired; ask for the job again")

    def _signature(self, job_id: str, expires: str) -> str:
        return hmac.new(self._secret, f"{job_id}.{expires}".encode(), hashlib.sha256).hexdigest()
