"""A progress bar with rate and remaining time on a terminal, a line at the end elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Bar:
    """A `Progress` reporter for commands that run outside the stages."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            disable=not sys.stderr.isatty(),
            transient=True,
        )
        self._task = self._bar.add_task(title, total=None, speed="")
        self._start = time.monotonic()

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def progress(self, done: int, total: int, unit: str) -> None:
        """Show how far it is."""
        rate = done / max(time.monotonic() - self._start, 1e-6)
        self._bar.update(self._task, completed=done, total=total, speed=f"{rate:.0f} {unit}/s")
        if done == total and self._bar.disable:
            print(f"{self.title}: {total} {unit} in {time.monotonic() - self._start:.1f} s", file=sys.stderr)
