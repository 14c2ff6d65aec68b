"""Recordings in Redis, which gateways put there and workers fetch."""

from __future__ import annotations

import logging

from redis import Redis
from redis.exceptions import RedisError

from sovits_lab.serving.access.limits import unreachable
from sovits_lab.serving.cluster.wire import CLIP, CONTROL, VECTOR
from sovits_lab.serving.engines.clip_memory import ClipMemory
from sovits_lab.types import InputError

log = logging.getLogger(__name__)
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
        """Delete recordings and vectors here, in Redis and at every worker; return how many Redis had."""
        self.near.forget(digests)
        keys = [kind + digest for kind in (CLIP, VECTOR) for digest in digests]
        count = self.redis.delete(*keys) if keys else 0
        self.redis.publish(CONTROL, "forget")
        return int(count)


class RedisVectors:
    """What one model made of recordings, in Redis, for all workers that have the model.

    Args:
        redis: a connection.
        model: hash of the model.
    """

    def __init__(self, redis: Redis, model: str) -> None:
        self.redis, self.model = redis, model

    def get(self, digest: str) -> bytes | None:
        """Return what the model made of a recording; None also where Redis does not answer: it is heard again."""
        try:
            found = self.redis.hget(VECTOR + digest, self.model)
        except RedisError as error:
            log.warning("redis: %s", error)
            return None
        return found if isinstance(found, bytes) else None

    def put(self, digest: str, data: bytes) -> None:
        """Keep what the model made of a recording, if that is still there: one that was revoked leaves nothing."""
        try:
            if self.redis.exists(CLIP + digest):
                self.redis.hset(VECTOR + digest, self.model, data)
                self.redis.expire(VECTOR + digest, SECONDS)
        except RedisError as error:
            log.warning("redis: %s", error)
