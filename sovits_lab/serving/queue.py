"""A bounded queue that is fair to its owners: weighted fair queueing by start times.

Goyal, Vin and Cheng, "Start-time Fair Queueing" (SIGCOMM 1996). A flow is an owner at a priority. Every item gets a
start tag S = max(v, F), where F is the finish tag of the last item of the flow and v the tag that was served last;
its own finish tag is S + cost / weight. The least S goes first: an owner with a thousand requests delays the first one
of another owner by one.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus

from sovits_lab.serving.order import PRIORITIES
from sovits_lab.serving.problems import ProblemError
from sovits_lab.serving.task import OrderTask
from sovits_lab.types import Count, Positive


@dataclass(order=True)
class _Waiting:
    start: float
    number: int
    task: OrderTask = field(compare=False)


@dataclass(frozen=True)
class QueueLimits:
    """Bounds of the queue.

    Attributes:
        waiting: orders in all.
        waiting_per_owner: orders of one owner.
        patience: seconds after which an order that waits is refused.
    """

    waiting: Count = 64
    waiting_per_owner: Count = 32
    patience: Positive = 30.0


class FairQueue:
    """Orders that wait; used on one event loop only.

    Args:
        limits: its bounds.
    """

    def __init__(self, limits: QueueLimits) -> None:
        self.limits = limits
        self._waiting: list[_Waiting] = []
        self._numbers = itertools.count()
        self._finish: dict[tuple[str, str], float] = {}
        self._served = 0.0
        self._of_owner: Counter[str] = Counter()
        self.seconds = 0.0  # of speech that wait

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, task: OrderTask, pace: float) -> None:
        """Let an order wait.

        Args:
            task: the order.
            pace: seconds of computing that a second of speech takes now, all workers together.

        Raises:
            ProblemError: 503 when the queue is full, 429 when the owner's share of it is; both say when to try again.
        """
        owner, later = task.order.owner, 1.0 + self.seconds * pace
        if len(self._waiting) >= self.limits.waiting:
            detail = f"the queue is full: {len(self._waiting)} requests wait; try again in {later:.0f} s"
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "queue_full", detail, later)
        if self._of_owner[owner] >= self.limits.waiting_per_owner:
            detail = f"{self._of_owner[owner]} requests of this account wait already, which is as many as may"
            raise ProblemError(HTTPStatus.TOO_MANY_REQUESTS, "too_many_waiting", detail, later)
        flow = owner, task.order.priority
        start = max(self._served, self._finish.get(flow, 0.0))
        self._finish[flow] = start + task.order.estimated_seconds / PRIORITIES[task.order.priority]
        self._waiting.append(_Waiting(start, next(self._numbers), task))
        self._of_owner[owner] += 1
        self.seconds += task.order.estimated_seconds

    def pop(self, without: Collection[str] = ()) -> OrderTask | None:
        """Take the order whose turn it is, owners of `without` passed over; None when none waits."""
        first = min((one for one in self._waiting if one.task.order.owner not in without), default=None)
        if first is None:
            return None
        self._served = min(self._waiting).start
        self._waiting.remove(first)
        if not self._waiting:
            self._finish.clear()  # nobody is behind anybody
            self._served = 0.0
        self._left(first.task)
        return first.task

    def expired(self) -> list[OrderTask]:
        """Take out what was cancelled, and what has waited too long."""
        oldest = time.perf_counter() - self.limits.patience
        gone = [one.task for one in self._waiting if one.task.is_cancelled() or one.task.submitted < oldest]
        if gone:
            leaving = set(map(id, gone))
            self._waiting = [one for one in self._waiting if id(one.task) not in leaving]
            for task in gone:
                self._left(task)
        return gone

    def tasks(self) -> Iterator[OrderTask]:
        """Yield the orders that wait, in the order of the queue."""
        return (one.task for one in self._waiting)

    def _left(self, task: OrderTask) -> None:
        self._of_owner[task.order.owner] -= 1
        if not self._of_owner[task.order.owner]:
            del self._of_owner[task.order.owner]
        self.seconds = max(0.0, self.seconds - task.order.estimated_seconds) if self._waiting else 0.0
