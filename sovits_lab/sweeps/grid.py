"""`hydra/sweeper=grid`, the default of `-m`: every combination of the axes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sovits_lab.pipeline.plan import Plan
from sovits_lab.pipeline.settings import SweepSettings
from sovits_lab.sweeps.arms import Axes, Composer
from sovits_lab.sweeps.conductor import Source
from sovits_lab.sweeps.manifest import Arm, Job
from sovits_lab.sweeps.sweeper import Book, SweepSweeper


class Listed:
    """Arms that are all known."""

    def __init__(self, arms: Iterable[Arm]):
        self.arms = deque({arm.key: arm for arm in arms}.values())

    def next(self) -> Arm | None:
        """See `Source`."""
        return self.arms.popleft() if self.arms else None

    def hopeless(self, job: Job) -> bool:
        """See `Source`."""
        return False

    def over(self, job: Job) -> None:
        """See `Source`."""

    def remaining(self) -> int:
        """See `Source`."""
        return len(self.arms)


class GridSweeper(SweepSweeper):
    """Composes every arm before any job starts; arms of one resolved config are one job."""

    def prepare(self, settings: SweepSettings, axes: Axes, composer: Composer) -> tuple[list[Arm], list[Plan], object]:
        """See `SweepSweeper`."""
        composed = [composer.arm(point) for point in axes.grid()]
        return [arm for arm, _ in composed], [plan for _, plan in composed], "grid"

    @contextmanager
    def source(self, book: Book, arms: list[Arm]) -> Iterator[Source]:
        """See `SweepSweeper`."""
        yield Listed(arms)
