"""`hydra/sweeper=grid`, the default of `-m`: every combination of the axes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sovits_lab.pipeline.settings import SweepSettings
from sovits_lab.sweeps.arms import Axes, Composer
from sovits_lab.sweeps.conductor import JobSource
from sovits_lab.sweeps.manifest import SweepArm, SweepJob
from sovits_lab.sweeps.sweeper import Book, PreparedSweep, SweepSweeper


class Listed:
    """A source of arms that are all known from the beginning; equal ones run once."""

    def __init__(self, arms: Iterable[SweepArm]):
        self.arms = deque({arm.key: arm for arm in arms}.values())

    def next(self) -> SweepArm | None:
        """See `JobSource`."""
        return self.arms.popleft() if self.arms else None

    def hopeless(self, job: SweepJob) -> bool:
        """See `JobSource`."""
        return False

    def over(self, job: SweepJob) -> None:
        """See `JobSource`."""

    def remaining(self) -> int:
        """See `JobSource`."""
        return len(self.arms)


class GridSweeper(SweepSweeper):
    """Composes every arm before any job starts; arms of one resolved config are one job."""

    def prepare(self, settings: SweepSettings, axes: Axes, composer: Composer) -> PreparedSweep:
        """See `SweepSweeper`."""
        composed = [composer.arm(point) for point in axes.grid()]
        return PreparedSweep([arm for arm, _ in composed], [plan for _, plan in composed], "grid")

    @contextmanager
    def source(self, book: Book, arms: list[SweepArm]) -> Iterator[JobSource]:
        """See `SweepSweeper`."""
        yield Listed(arms)
