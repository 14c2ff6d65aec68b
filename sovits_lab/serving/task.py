"""An order on its way: what the worker tells of it, and the wish that it stop. Shared by a worker and an event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from sovits_lab.inference.timings import Timings
from sovits_lab.serving.order import SpeechFacts, VoiceOrder
from sovits_lab.serving.problems import ProblemError


@dataclass(frozen=True)
class PieceEvent:
    """A piece of sound.

    Attributes:
        wav: float32 mono.
        rate: Hz.
        timings: the phones and words that are over with it, where they were asked for.
        degraded: what spoke in place of the model; "" where it was the model.
        mark: name of the inaudible mark that is in it already; "none" for none.
    """

    wav: NDArray[np.float32]
    rate: int
    timings: Timings = field(default_factory=Timings)
    degraded: str = ""
    mark: str = "none"


@dataclass(frozen=True)
class SpokenWhole:
    """The end of an order: its facts."""

    facts: SpeechFacts


@dataclass(frozen=True)
class SpokenNot:
    """The end of an order that failed."""

    problem: ProblemError


TaskEvent = PieceEvent | SpokenWhole | SpokenNot


class OrderInWork(ABC):
    """One order between its submission and its end, whoever waits for it; called from any thread.

    Args:
        order: what is spoken.
    """

    def __init__(self, order: VoiceOrder) -> None:
        self.order = order
        self.submitted = time.perf_counter()
        self.began = 0.0
        self.cancelled_at = 0.0
        self.stopped_at = 0.0  # when the worker let go of it
        self.sounded = 0.0  # when its first sound was there
        self.ended = False
        self._cancelled = threading.Event()
        self._lock = threading.Lock()

    def cancel(self) -> None:
        """Ask that it stop; the worker sees it before its next token."""
        self.cancelled_at = self.cancelled_at or time.perf_counter()
        self._cancelled.set()

    def is_cancelled(self) -> bool:
        """Return whether that wish was made."""
        return self._cancelled.is_set()

    def tell(self, event: TaskEvent) -> None:
        """Hand on an event; nothing follows the first ending."""
        with self._lock:
            if self.ended:
                return
            if isinstance(event, PieceEvent):
                self.sounded = self.sounded or time.perf_counter()
            else:
                self.ended = True
                self.stopped_at = time.perf_counter()
        self.hand_on(event)

    @abstractmethod
    def hand_on(self, event: TaskEvent) -> None:
        """Bring an event to whoever waits for it."""


class OrderTask(OrderInWork):
    """An order whose events are read by one reader on an event loop, where it is made."""

    def __init__(self, order: VoiceOrder) -> None:
        super().__init__(order)
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[TaskEvent] = asyncio.Queue()

    def hand_on(self, event: TaskEvent) -> None:
        """Put an event where the reader finds it."""
        if isinstance(event, SpokenWhole):
            event = SpokenWhole(self._timed(event.facts))
        self._loop.call_soon_threadsafe(self._events.put_nowait, event)

    def _timed(self, facts: SpeechFacts) -> SpeechFacts:
        began = self.began or self.submitted
        first = self.sounded - self.submitted if self.sounded else 0.0
        return replace(facts, waited=began - self.submitted, first=first)

    async def events(self) -> AsyncIterator[TaskEvent]:
        """Yield what is told until the end, the ending included."""
        while True:
            event = await self._events.get()
            yield event
            if not isinstance(event, PieceEvent):
                return
