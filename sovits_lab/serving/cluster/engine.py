"""The gateway's side of a cluster: gives orders out, takes sound in, and notices who is gone.

The gateway keeps the books, Celery and Redis only carry: an order whose worker is lost before its first sound is given
out again under a new attempt's name, and one that had begun to sound ends as a stated failure. What an abandoned
attempt still says is read by nobody, so nothing is heard twice.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from kombu.exceptions import OperationalError
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import RedisError

from sovits_lab.serving.access.limits import unreachable
from sovits_lab.serving.cluster.clips import RedisClips
from sovits_lab.serving.cluster.wire import (
    BEAT,
    CONTROL,
    EVENTS,
    GATEWAY,
    GONE,
    QUEUE,
    TASK,
    WORKER,
    make_celery,
    unpack_event,
)
from sovits_lab.serving.engines.contract import ClipStore, ModelFacts
from sovits_lab.serving.problems import ProblemError
from sovits_lab.serving.task import OrderTask, PieceEvent, SpokenNot

log = logging.getLogger(__name__)
BLOCK = 20  # ms that a read waits; also how soon a cancel goes out
ATTEMPTS = 3  # of one order
UNBEGUN = 20.0  # seconds after which an order that no worker took is given out again


@dataclass
class _Attempt:
    """One try to have an order spoken."""

    task: OrderTask
    name: str
    number: int
    sent: float
    last: bytes = b"0"
    worker: str = ""
    cancelled: bool = False


class CeleryEngine:
    """Workers behind Redis.

    Args:
        redis: address of the broker; workers use the same.
    """

    def __init__(self, redis: str) -> None:
        self.address, self.name = redis, secrets.token_hex(6)
        self._celery = make_celery(redis)
        self._redis = Redis.from_url(redis, socket_timeout=5, socket_connect_timeout=1)
        self.clips: ClipStore = RedisClips(self._redis)
        self._async = AsyncRedis.from_url(redis, socket_timeout=5, socket_connect_timeout=1)
        self._workers: dict[str, dict[str, Any]] = {}
        self._attempts: dict[str, _Attempt] = {}
        self._known: ModelFacts | None = None
        self._loops: list[asyncio.Task[None]] = []
        self.lost = 0

    async def start(self) -> None:
        """Begin to listen; workers may come later."""
        self._loops = [asyncio.create_task(self._read()), asyncio.create_task(self._watch())]

    async def stop(self) -> None:
        """End all work; workers see that this gateway is gone."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        problem = ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "stopping", "the service is stopping", 5)
        for one in list(self._attempts.values()):
            self._end(one, problem)
        await self._async.aclose()
        self._redis.close()

    def facts(self) -> ModelFacts:
        """Return what speaks. Raises ProblemError 503 before the first worker came."""
        if self._known is None:
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", "no worker has come yet", 5)
        return self._known

    def slots(self) -> int:
        """Return how many orders the workers that live take at once."""
        return sum(int(one["slots"]) for one in self._workers.values())

    def guests(self) -> int:
        """Return how many orders of accounts that have none in work the workers take beyond those."""
        return sum(int(one.get("guests", 0)) for one in self._workers.values())

    def begin(self, task: OrderTask) -> None:
        """Give an order out."""
        self._give(task, 1)

    def forget_voice(self, digests: list[str]) -> int:
        """Delete recordings here, in Redis and at every worker."""
        return self.clips.forget(digests)

    def describe(self) -> Mapping[str, Any]:
        """Return what the health page says."""
        return {"kind": "celery", "workers": len(self._workers), "names": sorted(self._workers), "lost": self.lost}

    def _give(self, task: OrderTask, number: int) -> None:
        now = asyncio.get_running_loop().time()
        one = _Attempt(task, secrets.token_hex(12), number, now)
        self._attempts[one.name] = one
        asyncio.create_task(self._send(one))  # noqa: RUF006 - the attempt keeps what matters

    async def _send(self, one: _Attempt) -> None:
        values = [one.name, self.name, one.task.order.values()]
        try:
            await asyncio.to_thread(self._celery.send_task, TASK, values, queue=QUEUE, retry=False)
        except (OperationalError, RedisError, OSError):
            self._again(one, unreachable())

    def _again(self, one: _Attempt, problem: ProblemError) -> None:
        """Abandon an attempt: another begins where nothing was heard, else the order has failed."""
        if self._attempts.pop(one.name, None) is None:
            return
        self.lost += 1
        if one.task.sounded or one.number >= ATTEMPTS or one.task.is_cancelled() or problem.code == "broker_gone":
            one.task.tell(SpokenNot(problem))
        else:
            self._give(one.task, one.number + 1)

    def _end(self, one: _Attempt, problem: ProblemError) -> None:
        self._attempts.pop(one.name, None)
        one.task.tell(SpokenNot(problem))

    async def _read(self) -> None:
        """Take what workers say of all attempts; one read serves them all."""
        while True:
            try:
                if not self._attempts:
                    await asyncio.sleep(BLOCK / 1000)
                    continue
                await self._cancel()
                wanted: dict[Any, Any] = {EVENTS + one.name: one.last for one in self._attempts.values()}
                found: Any = await self._async.xread(wanted, block=BLOCK)
                read = [key for key, entries in found or () if self._take(key.decode().removeprefix(EVENTS), entries)]
                if read:
                    await self._async.unlink(*read)  # nothing follows an ending; sound of minutes would fill Redis
            except (RedisError, OSError):
                for one in list(self._attempts.values()):
                    self._again(one, unreachable())
                self._workers.clear()
                await asyncio.sleep(0.2)

    def _take(self, name: str, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> bool:
        """Hand on what a worker says of an attempt; return whether it has ended."""
        one = self._attempts.get(name)
        for place, fields in entries:
            if one is None:
                return False
            one.last = place
            event = unpack_event(fields)
            if event is None:
                one.worker = fields[b"worker"].decode()
                continue
            one.task.tell(event)
            if not isinstance(event, PieceEvent):
                self._attempts.pop(name, None)
                return True
        return False

    async def _cancel(self) -> None:
        for one in list(self._attempts.values()):
            if one.task.is_cancelled() and not one.cancelled:
                one.cancelled = True
                await self._async.publish(CONTROL, f"cancel {one.name}")

    async def _watch(self) -> None:
        """See who lives, and give out again what the dead had."""
        while True:
            try:
                await self._async.set(GATEWAY + self.name, "1", ex=GONE)
                found = {}
                async for key in self._async.scan_iter(f"{WORKER}*"):
                    if (value := await self._async.get(key)) is not None:
                        found[key.decode().removeprefix(WORKER)] = json.loads(value)
                self._workers = found
            except (RedisError, OSError):
                self._workers = {}
                await asyncio.sleep(0.2)
                continue
            for one in self._workers.values():
                self._known = ModelFacts.of(one["facts"])
            now = asyncio.get_running_loop().time()
            for attempt in list(self._attempts.values()):
                lost = attempt.worker and attempt.worker not in self._workers
                if lost or (not attempt.worker and now - attempt.sent > UNBEGUN):
                    detail = "the worker that spoke this was lost"
                    self._again(attempt, ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "worker_lost", detail, 2))
            await asyncio.sleep(BEAT / 2)
