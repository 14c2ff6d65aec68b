"""Recordings in Redis, which gateways put there and workers fetch."""

from __future__ import annotations

from redis import Redis
from redis.exceptions import RedisError

from sovits_lab.serving.access.limits import unreachable
from sovits_lab.serving.cluster.wire import CLIP, CONTROL
from sovits_lab.serving.engines.clip_memory import ClipMemory
from sovits_lab.types import InputError

SECONDS = 3600  # that a recording stays after its last use


class RedisClips:
    """A store of recordings that several processes share.

    Args:
        redis: a connection.
        near: what this process has fetched already.
    """

    def __init__(self, redis: Redis, near: ClipMemory | None = None) -> None:
        self.redis, self.near = redis, near or ClipMemory()

    def put(self, digest: str, data: bytes) -> None:
        """Keep a recording. Raises ProblemError 503 where Redis does not answer."""
        try:
            if not self.redis.expire(CLIP + digest, SECONDS):
                self.redis.set(CLIP + digest, data, ex=SECONDS)
        except RedisError as error:
            raise unreachable() from error

    def get(self, digest: str) -> bytes:
        """Return a recording. Raises InputError where it is gone."""
        try:
            return self.near.get(digest)
        except InputError:
            data = self.redis.get(CLIP + digest)
            if data is None:
                raise
            assert isinstance(data, bytes)
            self.near.put(digest, data)
            return data

    def forget(self, digests: list[str]) -> int:
        """Delete recordings here, in Redis and at every worker; return how many Redis had."""
        self.near.forget(digests)
        count = self.redis.delete(*[CLIP + digest for digest in digests]) if digests else 0
        self.redis.publish(CONTROL, "forget")
        return int(count)
