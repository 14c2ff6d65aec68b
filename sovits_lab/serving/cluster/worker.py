"""A worker of a cluster: one process, one model, one device."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from sovits_lab.pipeline.memory import TIDY, resident_megabytes, return_freed_memory
from sovits_lab.serving.cluster.clips import RedisClips
from sovits_lab.serving.cluster.wire import (
    BEAT,
    CONTROL,
    EVENTS,
    GATEWAY,
    GONE,
    GUESTS,
    KEPT,
    TASK,
    WORKER,
    make_celery,
    pack_event,
)
from sovits_lab.serving.contracts import MarkFacts, OutputMarker, Unmarked
from sovits_lab.serving.engines.models import HeldModel, ModelHolder
from sovits_lab.serving.engines.threads import Workbench
from sovits_lab.serving.marking import MARKED_AT_ONCE, WatermarkedOutput
from sovits_lab.serving.order import VoiceOrder
from sovits_lab.serving.quality import gate_of
from sovits_lab.serving.task import OrderInWork, PieceEvent, TaskEvent
from sovits_lab.types import InputError

log = logging.getLogger(__name__)


class RelayedTask(OrderInWork):
    """An order whose events go to a stream of Redis.

    Args:
        order: what is spoken.
        name: of the attempt.
        gateway: that waits for it.
        redis: a connection.
        marker: of its sound, where it has the mark that the order asks for.
    """

    def __init__(self, order: VoiceOrder, name: str, gateway: str, redis: Redis, marker: OutputMarker) -> None:
        super().__init__(order)
        self.name, self.gateway, self._redis, self._marker = name, gateway, redis, marker
        self.over = threading.Event()

    def begun(self, worker: str) -> None:
        """Tell the gateway who has it. Raises RedisError where Redis does not answer."""
        self._redis.xadd(EVENTS + self.name, {"kind": "begun", "worker": worker})
        self._redis.expire(EVENTS + self.name, KEPT)

    def hand_on(self, event: TaskEvent) -> None:
        """Send an event; where Redis is gone the gateway gives the order out again, so this attempt stops."""
        if isinstance(event, PieceEvent):
            if self.is_cancelled():
                return  # nobody waits for it, and to mark it would keep the worker busy
            event = self._marked(event)
        try:
            self._redis.xadd(EVENTS + self.name, pack_event(event))  # type: ignore[arg-type]
        except RedisError:
            self.cancel()
        if self.ended:
            self.over.set()

    def _marked(self, piece: PieceEvent) -> PieceEvent:
        """Mark a piece here: a mark may cost more than the speech, and one gateway would mark for all workers.

        Long speech is left to the gateway, which marks it part by part between pieces of others.
        """
        if self.order.mark != self._marker.name or len(piece.wav) > MARKED_AT_ONCE * piece.rate:
            return piece
        order = self.order
        facts = MarkFacts(order.request_id, "", order.voice_id, order.consent_id)
        return replace(piece, wav=self._marker.mark(piece.wav, piece.rate, facts), mark=self._marker.name)


class SpeechWorker:
    """Speaks the orders of a broker.

    Args:
        redis: its address.
        load: makes the model.
        streams: orders in work at once.
        batch: short texts that are spoken together at most.
        recogniser: a recogniser that whole speech must pass; "" for none.
        recycle_after: orders after which the process ends, for its supervisor to start another; 0 is never.
        recycle_megabytes: resident memory above which it does; 0 is never.
    """

    def __init__(
        self,
        redis: str,
        load: Callable[[], HeldModel],
        streams: int = 8,
        batch: int = 8,
        recycle_after: int = 0,
        recogniser: str = "",
        recycle_megabytes: float = 0.0,
    ) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}"
        self.streams, self.recycle_after, self.recycle_megabytes = streams, recycle_after, recycle_megabytes
        self._redis = Redis.from_url(redis, socket_timeout=5, socket_connect_timeout=1)
        self._listening = Redis.from_url(redis, socket_timeout=None, socket_connect_timeout=1)
        self.holder = ModelHolder(load)
        self.bench = Workbench(self.holder, RedisClips(self._redis), gate_of(recogniser), batch)
        self.celery = make_celery(redis)
        self.marker = _marker()
        self._tasks: dict[str, RelayedTask] = {}
        self.celery.task(name=TASK, ignore_result=True)(self.speak)

    def run(self) -> None:
        """Load the model, then take orders until the process is told to end."""
        self.holder.acquire()
        self.holder.release(0)
        for body in (self.bench.work, self._beat, self._listen, _tidy):
            threading.Thread(target=body, daemon=True).start()
        worker = self.celery.Worker(
            pool="threads", concurrency=self.streams + GUESTS, loglevel="WARNING", hostname=f"speech@{self.name}",
            without_gossip=True, without_mingle=True, without_heartbeat=True, quiet=True,
        )  # fmt: skip
        worker.start()

    def speak(self, name: str, gateway: str, values: Mapping[str, Any]) -> None:
        """Speak one order; the body of the Celery task. It returns when the order has ended."""
        task = RelayedTask(VoiceOrder.of(values), name, gateway, self._redis, self.marker)
        self._tasks[name] = task
        try:
            task.begun(self.name)
            self.bench.add(task)
            task.over.wait()
        finally:
            del self._tasks[name]
        if self._is_worn():
            os.kill(os.getpid(), signal.SIGTERM)  # Celery finishes what is in work, then ends

    def _is_worn(self) -> bool:
        many = self.recycle_after and self.holder.served >= self.recycle_after
        large = self.recycle_megabytes and resident_megabytes() > self.recycle_megabytes
        return bool(many or large)

    def _beat(self) -> None:
        """Say that the worker lives, and stop what nobody waits for."""
        known = {"facts": self.holder.known().values(), "slots": self.streams, "guests": GUESTS}
        while True:
            try:
                self._redis.set(WORKER + self.name, json.dumps(known), ex=GONE)
                for task in list(self._tasks.values()):
                    if not self._redis.exists(GATEWAY + task.gateway):
                        task.cancel()
            except RedisError as error:
                log.warning("redis: %s", error)
            time.sleep(BEAT)

    def _listen(self) -> None:
        """Obey what gateways wish of all workers."""
        while True:
            try:
                with self._listening.pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]
                    channel.subscribe(CONTROL)
                    for message in channel.listen():
                        self._obey(message["data"].decode())
            except RedisError:
                time.sleep(0.2)

    def _obey(self, wish: str) -> None:
        word, _, name = wish.partition(" ")
        if word == "cancel" and (task := self._tasks.get(name)) is not None:
            task.cancel()
        elif word == "forget":
            clips = self.bench.clips
            assert isinstance(clips, RedisClips)
            clips.near.clear()
            self.holder.forget()


def _marker() -> OutputMarker:
    try:
        return WatermarkedOutput()
    except InputError as error:
        log.warning("gateways mark what this worker speaks: %s", error)
        return Unmarked()


def _tidy() -> None:
    """Let go of freed memory from time to time, see `return_freed_memory`."""
    while True:
        time.sleep(TIDY)
        return_freed_memory()
