"""Worker threads in this process; each steps through several orders in turn, the one that is needed first, first.

A listener's next sound is due when all that was sent has been heard; the order with the earliest due time makes the
next piece (earliest deadline first, Liu and Layland 1973). So sixteen streams begin after sixteen pieces, not after
fifteen whole texts, and a stream that is far ahead waits. Short whole texts that wait together are spoken together.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import torch

from sovits_lab.inference.request import Request, Speech
from sovits_lab.serving.engines.clip_memory import ClipMemory
from sovits_lab.serving.engines.contract import ClipStore, ModelFacts
from sovits_lab.serving.engines.models import HeldModel, ModelHolder
from sovits_lab.serving.engines.stepping import SpeakingModel, SteppedOrder
from sovits_lab.serving.problems import ProblemError, cancelled
from sovits_lab.serving.quality import QualityGate, gate_of
from sovits_lab.serving.task import OrderInWork, OrderTask, SpokenNot
from sovits_lab.types import InputError

log = logging.getLogger(__name__)
IDLE = 1.0  # seconds between looks at whether the model should be let go of


class Workbench:
    """The orders that worker threads share; a worker takes one, makes a piece, and puts it back.

    Args:
        holder: of the model.
        clips: where recordings are.
        gate: what speech must pass.
        batch: short texts that are spoken together at most.
    """

    def __init__(self, holder: ModelHolder, clips: ClipStore, gate: QualityGate, batch: int = 8) -> None:
        self.holder, self.clips, self.gate, self.batch = holder, clips, gate, batch
        self.active: list[SteppedOrder] = []
        self.in_hand = 0
        self.closing = False
        self._changed = threading.Condition()

    def add(self, task: OrderInWork) -> None:
        """Let an order speak along with those that are spoken already."""
        with self._changed:
            self.active.append(SteppedOrder(task, self.clips, self.gate))
            self._changed.notify()

    def close(self) -> None:
        """Let the workers end; what they have not finished has failed."""
        with self._changed:
            self.closing = True
            left, self.active = self.active, []
            self._changed.notify_all()
        for one in left:
            one.fail(ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "stopping", "the service is stopping", 5))

    def work(self) -> None:
        """Speak until it is closed; the body of a worker's thread."""
        while chosen := self._next():
            try:
                model = self.holder.acquire()
            except InputError as error:
                log.error("model: %s", error)
                problem = ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", "the model cannot be loaded", 30)
                for one in chosen:
                    one.fail(problem)
                self._put_back(chosen, [])
                continue
            ended = [one for one in chosen if one.step(model)] if len(chosen) == 1 else speak_together(model, chosen)
            self.holder.release(len(ended))
            self._put_back(chosen, ended)

    def _next(self) -> list[SteppedOrder]:
        with self._changed:
            while not self.active and not self.closing:
                if not self._changed.wait(IDLE):
                    self.holder.unload_idle()
            if self.closing:
                return []
            rate = self.holder.facts.sample_rate if self.holder.facts else 16_000
            now = time.perf_counter()
            first = min(self.active, key=lambda one: one.due(rate, now))
            chosen = [first]
            if first.is_short and not first.order.whole_only:
                alike = [one for one in self.active if one.is_short and one is not first and not one.order.whole_only]
                chosen += alike[: self.batch - 1]
            for one in chosen:
                self.active.remove(one)
            self.in_hand += len(chosen)
            return chosen

    def _put_back(self, chosen: list[SteppedOrder], ended: list[SteppedOrder]) -> None:
        with self._changed:
            self.in_hand -= len(chosen)
            left = [one for one in chosen if not one.task.ended and one not in ended]
            if self.closing:
                for one in left:
                    one.fail(ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "stopping", "the service is stopping", 5))
            else:
                self.active += left
            self._changed.notify(max(1, len(left)))


def speak_together(model: SpeakingModel, orders: list[SteppedOrder]) -> list[SteppedOrder]:
    """Speak short orders as one batch; return those that have ended. One that cannot be spoken fails by itself."""
    began = time.perf_counter()
    ready: list[tuple[SteppedOrder, Request]] = []
    ended: list[SteppedOrder] = []
    for one in orders:
        try:
            if one.task.is_cancelled():
                raise cancelled()
            ready.append((one, one.request()))
        except (ProblemError, InputError) as error:
            ended += [one] * one.fail(error)
    for one, outcome in zip([one for one, _ in ready], speak_each(model, [r for _, r in ready]), strict=True):
        one.took += (time.perf_counter() - began) / len(ready)
        if isinstance(outcome, Exception):
            ended += [one] * one.fail(outcome)
        else:
            ended += [one] * one.finish(model, [outcome.wav], outcome.flags)
    return ended


def speak_each(model: SpeakingModel, requests: list[Request]) -> list[Speech | Exception]:
    """Return speech or an error for each request; a batch that fails is spoken one by one."""
    try:
        return list(model.speak_all(requests)) if requests else []
    except Exception as error:
        if len(requests) == 1:
            return [error]
        return [outcome for one in requests for outcome in speak_each(model, [one])]


class ThreadEngine:
    """Workers in this process.

    Args:
        load: makes the model, in a worker.
        workers: threads that compute at once.
        streams: orders in work at once, of each worker.
        threads: of the processor for each worker.
        recogniser: a recogniser that whole speech must pass, such as whisper-base; "" for none.
        batch: short texts that are spoken together at most.
        recycle_after, recycle_megabytes, unload_after: see `ModelHolder`.
    """

    def __init__(
        self,
        load: Callable[[], HeldModel],
        workers: int = 1,
        streams: int = 8,
        threads: int = 1,
        recogniser: str = "",
        batch: int = 8,
        recycle_after: int = 0,
        recycle_megabytes: float = 0.0,
        unload_after: float = 0.0,
    ) -> None:
        self.clips: ClipStore = ClipMemory()
        self.holder = ModelHolder(load, recycle_after, recycle_megabytes, unload_after)
        self.workers, self.streams, self.threads = workers, streams, threads
        self.bench = Workbench(self.holder, self.clips, gate_of(recogniser), batch)
        self._threads: list[threading.Thread] = []

    async def start(self) -> None:
        """Load the model and start the workers. Raises InputError for a bundle that cannot be loaded."""
        torch.set_num_threads(self.threads)
        await asyncio.to_thread(self.holder.acquire)
        self.holder.release(0)
        for number in range(self.workers):
            thread = threading.Thread(target=self._run, name=f"speech-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    async def stop(self) -> None:
        """End all work; waits for the pieces that are being made."""
        self.bench.close()
        for thread in self._threads:
            await asyncio.to_thread(thread.join, 10)

    def facts(self) -> ModelFacts:
        """Return the facts of the model that is loaded."""
        return self.holder.known()

    def slots(self) -> int:
        """Return how many orders may be in work at once: so many for each worker that lives."""
        return self.streams * sum(thread.is_alive() for thread in self._threads)

    def guests(self) -> int:
        """Return as many as there are slots: who is far ahead of a listener leaves the workers to whoever has begun."""
        return self.slots()

    def begin(self, task: OrderTask) -> None:
        """Give an order to the workers."""
        if self.bench.closing:
            task.tell(SpokenNot(ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "stopping", "the service is stopping", 5)))
            return
        self.bench.add(task)

    def forget_voice(self, digests: list[str]) -> int:
        """Let go of recordings and of the vectors made of them."""
        self.holder.forget()
        return self.clips.forget(digests)

    def describe(self) -> Mapping[str, Any]:
        """Return what the health page says."""
        return {
            "kind": "threads",
            "workers": sum(thread.is_alive() for thread in self._threads),
            "loaded": self.holder.is_loaded,
            "loads": self.holder.loads,
            "served": self.holder.served,
        }

    def _run(self) -> None:
        try:
            self.bench.work()
        except Exception:
            log.exception("a worker ended")
            raise
