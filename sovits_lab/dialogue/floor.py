"""Who may speak: one at a time, those whom a player waits for before the rest, in the order in which they came."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum


class Urgency(IntEnum):
    """How soon a line must be heard: a player waits in silence, an earlier line is still heard, nobody asked yet."""

    NOW = 0
    NEXT = 1
    AHEAD = 2


class Floor:
    """A lock that is passed on by urgency, then by arrival, so that a long turn of one player holds up nobody else."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[tuple[int, int]] = []
        self._arrivals = itertools.count()
        self._taken = False

    @contextmanager
    def taken(self, urgency: Urgency) -> Iterator[None]:
        """Hold the floor, as soon as it is free and nobody more urgent waits."""
        place = (int(urgency), next(self._arrivals))
        with self._changed:
            heapq.heappush(self._waiting, place)
            self._changed.wait_for(lambda: not self._taken and self._waiting[0] == place)
            heapq.heappop(self._waiting)
            self._taken = True
        try:
            yield
        finally:
            with self._changed:
                self._taken = False
                self._changed.notify_all()

    def waiting(self) -> list[Urgency]:
        """Return how soon those who wait must be heard, the most urgent first."""
        with self._changed:
            return [Urgency(urgency) for urgency, _ in sorted(self._waiting)]

    def wanted(self) -> bool:
        """Return whether a line of a story under way waits."""
        return self.waiting()[:1] not in ([], [Urgency.AHEAD])
