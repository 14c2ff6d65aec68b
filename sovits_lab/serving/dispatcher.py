"""From the queue to an engine: what is admitted, what waits, what a lighter model says instead."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from sovits_lab.serving.engines.contract import ModelFacts, SpeechEngine
from sovits_lab.serving.metrics import ServiceMetrics
from sovits_lab.serving.order import VoiceOrder
from sovits_lab.serving.problems import ProblemError, cancelled
from sovits_lab.serving.queue import FairQueue, QueueLimits
from sovits_lab.serving.task import OrderTask, PieceEvent, SpokenNot, SpokenWhole, TaskEvent
from sovits_lab.serving.tracing import NoTraces, OrderTraces
from sovits_lab.serving.voices.vectors import VoiceVectors
from sovits_lab.types import Range

TICK = 0.1  # seconds between looks at orders that have waited too long
REMEMBERED = 32  # orders from which the pace is estimated


@dataclass(frozen=True)
class LoadPolicy:
    """When a lighter model speaks.

    Attributes:
        degrade_after: estimated seconds in the queue above which an order that allows it goes to the light engine.
        light_waiting: orders that the light engine takes at once; beyond it nothing is degraded and the queue decides.
    """

    degrade_after: Annotated[float, Range(0)] = 10.0
    light_waiting: Annotated[int, Range(0)] = 16


class WatchedTask(OrderTask):
    """A task whose ending the dispatcher sees, on the event loop."""

    def __init__(self, order: VoiceOrder, dispatcher: SpeechDispatcher) -> None:
        super().__init__(order)
        self._dispatcher = dispatcher

    def hand_on(self, event: TaskEvent) -> None:
        """Hand on an event, and an ending also to the dispatcher."""
        super().hand_on(event)
        if not isinstance(event, PieceEvent):
            self._loop.call_soon_threadsafe(self._dispatcher.ended, self, event)


class SpeechDispatcher:
    """Admits orders, lets them wait fairly, gives them to an engine as it has room. Used on one event loop only.

    Args:
        engine: speaks.
        light: speaks when the load is too high, or the engine has no worker; None is nothing.
        limits: of the queue.
        policy: when the light engine speaks.
        metrics: what is counted.
        vectors: notes which recordings a voice is spoken with.
        traces: of orders; None keeps none.
    """

    def __init__(
        self,
        engine: SpeechEngine,
        light: SpeechEngine | None,
        limits: QueueLimits,
        policy: LoadPolicy,
        metrics: ServiceMetrics,
        vectors: VoiceVectors,
        traces: OrderTraces | None = None,
    ) -> None:
        self.engine, self.light, self.policy, self.metrics = engine, light, policy, metrics
        self.queue = FairQueue(limits)
        self.running: set[OrderTask] = set()
        self.in_light: set[OrderTask] = set()
        self._finishing = 0
        self._paces: deque[float] = deque(maxlen=REMEMBERED)
        self._ticker: asyncio.Task[None] | None = None
        self.draining = False
        self.vectors, self.traces = vectors, traces or NoTraces()

    async def start(self) -> None:
        """Start the engines."""
        await self.engine.start()
        if self.light is not None:
            await self.light.start()
        self._ticker = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        """Refuse what waits, stop the engines."""
        self.draining = True
        if self._ticker is not None:
            self._ticker.cancel()
        while (task := self.queue.pop()) is not None:
            task.tell(SpokenNot(ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "stopping", "the service is stopping", 5)))
        await self.engine.stop()
        if self.light is not None:
            await self.light.stop()
        await asyncio.to_thread(self.traces.close)

    def facts(self) -> ModelFacts:
        """Return what speaks. Raises ProblemError 503 where nothing does."""
        return self.engine.facts()

    @property
    def pace(self) -> float:
        """Seconds that a second of speech takes, all workers together, of the last orders."""
        return sum(self._paces) / len(self._paces) if self._paces else 0.5

    @property
    def estimated_wait(self) -> float:
        """Seconds until an order that came now would begin."""
        if self._has_room():
            return 0.0
        return (self.queue.seconds + sum(t.order.estimated_seconds for t in self.running) / 2) * self.pace

    def submit(self, order: VoiceOrder) -> OrderTask:
        """Admit an order; its events come from the task that is returned.

        Raises:
            ProblemError: 429 or 503 with `retry_after`, when it cannot wait here.
        """
        if self.draining:
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "stopping", "the service is stopping", 5)
        task = WatchedTask(order, self)
        lost = self.engine.slots() == 0
        if self.light is not None and order.allow_light and self._is_degraded(lost, order.owner):
            self.in_light.add(task)
            self.metrics.degraded.labels("lost" if lost else "load").inc()
            self.light.begin(task)
            return task
        if lost:
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "no_worker", "no worker is there; try again later", 10)
        try:
            self.queue.put(task, self.pace)
        except ProblemError as problem:
            self.metrics.refused.labels(problem.code).inc()
            raise
        self._pump()
        return task

    def ended(self, task: OrderTask, event: TaskEvent) -> None:
        """Count an order that was spoken, cancelled or failed, and let the next one begin."""
        light = task in self.in_light
        self.in_light.discard(task)
        self.running.discard(task)
        if isinstance(event, SpokenWhole):
            facts = event.facts
            if not light and facts.seconds:
                self._paces.append(facts.took / facts.seconds / max(1, min(len(self.running) + 1, self._workers())))
            self.metrics.spoken(task, facts)
        elif isinstance(event, SpokenNot):
            self.metrics.failed(task, event.problem)
        self.traces.ended(task, event)
        self._pump()

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """Count speech that was made but is still marked and recorded as work, so that as much less is begun."""
        self._finishing += 1
        try:
            yield
        finally:
            self._finishing -= 1
            self._pump()

    def cancel(self, request_id: str) -> None:
        """Cancel an order, wherever it is."""
        for task in [*self.running, *self.in_light, *self.queue.tasks()]:
            if task.order.request_id == request_id:
                task.cancel()

    def keep_clip(self, voice_id: str, digest: str, data: bytes) -> None:
        """Put a recording of a voice where the engines find it; any thread."""
        self.vectors.note(voice_id, digest)
        for engine in (self.engine, self.light):
            if engine is not None:
                engine.clips.put(digest, data)

    def forget_voice(self, voice_id: str) -> int:
        """Let the engines forget the recordings of a voice, and cancel what is being spoken with it; any thread."""
        for task in [*self.running, *self.in_light]:
            if task.order.voice_id == voice_id:
                task.cancel()
        digests = self.vectors.digests(voice_id)
        gone = sum(engine.forget_voice(digests) for engine in (self.engine, self.light) if engine is not None)
        return gone + self.vectors.forget_voice(voice_id)

    def describe(self) -> Mapping[str, Any]:
        """Return what the health page says."""
        return {
            "waiting": len(self.queue),
            "running": len(self.running),
            "estimated_wait_seconds": round(self.estimated_wait, 2),
            "engine": dict(self.engine.describe()),
        }

    def _is_degraded(self, lost: bool, owner: str) -> bool:
        room = len(self.in_light) < self.policy.light_waiting
        waits = self.estimated_wait > self.policy.degrade_after and not self._has_room_for_guests(owner)
        return room and (lost or waits)

    def _has_room(self, more: int = 0) -> bool:
        return len(self.running) + self._finishing < self.engine.slots() + more

    def _has_room_for_guests(self, owner: str) -> bool:
        return self._has_room(self.engine.guests()) and owner not in self._at_work()

    def _at_work(self) -> set[str]:
        return {task.order.owner for task in self.running}

    def _next(self) -> OrderTask | None:
        """Take the order whose turn it is, where there is room for one.

        An account without work may begin beyond the slots: long texts of others would else keep it out until they are
        spoken, though they are far ahead of whoever listens to them.
        """
        if self._has_room():
            return self.queue.pop()
        return self.queue.pop(self._at_work()) if self._has_room(self.engine.guests()) else None

    def _workers(self) -> int:
        return int(self.engine.describe().get("workers", 1))

    def _pump(self) -> None:
        while (task := self._next()) is not None:
            if task.is_cancelled():
                task.tell(SpokenNot(cancelled()))
                continue
            self.running.add(task)
            self.metrics.wait.observe(time.perf_counter() - task.submitted)
            self.engine.begin(task)
        self.metrics.depth.set(len(self.queue))
        self.metrics.running.set(len(self.running))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            for task in self.queue.expired():
                problem = cancelled()
                if not task.is_cancelled():
                    waited = time.perf_counter() - task.submitted
                    detail = f"the request waited {waited:.0f} s, which is as long as it may; try again later"
                    problem = ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "waited_too_long", detail, waited)
                    self.metrics.refused.labels(problem.code).inc()
                task.tell(SpokenNot(problem))
            self._pump()
