"""How much a caller may use: requests a minute and seconds of speech a day, in memory or in Redis."""

from __future__ import annotations

import math
import time
from http import HTTPStatus

import limits as rate_limits
from limits.errors import ConfigurationError, StorageError
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter

from sovits_lab.serving.access.principal import Principal
from sovits_lab.serving.problems import ProblemError
from sovits_lab.types import got


class UsageLimits:
    """Counts what callers use.

    Args:
        storage: "memory://", or "redis://host:port/0" which several gateways share.
    """

    def __init__(self, storage: str = "memory://") -> None:
        try:
            kept = storage_from_string(storage, wrap_exceptions=True)
        except (ConfigurationError, ValueError, TypeError) as error:
            raise got("limits.storage", storage, "memory:// or redis://HOST:PORT/0") from error
        self._requests, self._seconds = MovingWindowRateLimiter(kept), FixedWindowRateLimiter(kept)

    def count_request(self, who: Principal) -> None:
        """Count one request. Raises ProblemError 429 with the time to wait, 503 where counters are not reachable."""
        if not (most := who.allowance.requests_per_minute):
            return
        item = rate_limits.RateLimitItemPerMinute(most)
        try:
            if self._requests.hit(item, "requests", who.key_id):
                return
            wait = self._requests.get_window_stats(item, "requests", who.key_id).reset_time - time.time()
        except StorageError as error:
            raise unreachable() from error
        detail = f"this key may make {most} requests a minute; try again in {max(1, math.ceil(wait))} s"
        raise ProblemError(HTTPStatus.TOO_MANY_REQUESTS, "rate_limit", detail, max(1.0, wait))

    def reserve_seconds(self, who: Principal, seconds: float) -> None:
        """Take seconds of speech off the day's quota. Raises ProblemError 429 where they are more than is left."""
        if not (most := who.allowance.seconds_per_day):
            return
        item, cost = rate_limits.RateLimitItemPerDay(most), max(1, math.ceil(seconds))
        try:
            # `hit` counts what it refuses as well, so a text that is too long would use up what is left for short ones.
            may = self._seconds.test(item, "seconds", who.owner, cost=cost)
            if may and self._seconds.hit(item, "seconds", who.owner, cost=cost):
                return
            stats = self._seconds.get_window_stats(item, "seconds", who.owner)
        except StorageError as error:
            raise unreachable() from error
        detail = f"about {cost} s of speech were asked for and {stats.remaining} of {most} s a day are left"
        raise ProblemError(HTTPStatus.TOO_MANY_REQUESTS, "quota", detail, max(1.0, stats.reset_time - time.time()))


def unreachable() -> ProblemError:
    """Return the refusal for a broker that does not answer: nothing is let through uncounted."""
    detail = "the service cannot reach its broker; try again later"
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "broker_gone", detail, 5)
