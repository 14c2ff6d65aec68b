"""What the user sees of a run: bars on a terminal, lines elsewhere."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

LINE_SECONDS = 30.0


@runtime_checkable
class Display(Protocol):
    """The runner's only way to the terminal."""

    def start(self, stage: str, text: str) -> None:
        """Show that a stage begins."""

    def progress(self, stage: str, done: int, total: int, unit: str) -> None:
        """Show that a stage has done `done` of `total` units."""

    def say(self, stage: str, text: str) -> None:
        """Show what a stage has to tell."""

    def end(self, stage: str, text: str) -> None:
        """Show that a stage is over."""

    def tick(self) -> None:
        """Update what is shown; called about once a second."""

    def close(self) -> None:
        """Leave the terminal in order."""


@dataclass
class Rate:
    """Units per second since the first report of a stage (work that a resumed stage skips does not count)."""

    begun: float
    first: int
    done: int
    total: int
    unit: str

    def update(self, done: int, total: int, unit: str) -> None:
        """Take a new count; another unit is another piece of work."""
        if unit != self.unit or done < self.done:
            self.begun, self.first = time.monotonic(), done
        self.done, self.total, self.unit = done, total, unit

    @classmethod
    def begin(cls, done: int, total: int, unit: str) -> Rate:
        """Measure from now on, with `done` units already there."""
        return cls(time.monotonic(), done, done, total, unit)

    @property
    def per_second(self) -> float | None:
        """Units per second, None before anything is known."""
        seconds = time.monotonic() - self.begun
        return (self.done - self.first) / seconds if seconds > 0 and self.done > self.first else None

    @property
    def text(self) -> str:
        """`120/400 steps, 31.2 steps/s, 9 s left`."""
        parts = [f"{self.done}/{self.total} {self.unit}"]
        if self.per_second is not None:
            parts.append(_rate(self.per_second, self.unit))
            parts.append(f"{duration((self.total - self.done) / self.per_second)} left")
        return ", ".join(parts)


class Lines:
    """A display for logs and pipes: one line when a stage starts and ends, one every 30 s between."""

    def __init__(self, console: Console, every: float = LINE_SECONDS):
        self.console, self.every = console, every
        self._rates: dict[str, Rate] = {}
        self._spoken: dict[str, float] = {}

    def start(self, stage: str, text: str) -> None:
        """See `Display`."""
        self._spoken[stage] = time.monotonic()
        self.say(stage, text)

    def progress(self, stage: str, done: int, total: int, unit: str) -> None:
        """See `Display`."""
        if stage in self._rates:
            self._rates[stage].update(done, total, unit)
        else:
            self._rates[stage] = Rate.begin(done, total, unit)

    def say(self, stage: str, text: str) -> None:
        """See `Display`."""
        self.console.print(f"{stage:<12} {text}", markup=False, highlight=False, soft_wrap=True)

    def end(self, stage: str, text: str) -> None:
        """See `Display`."""
        self._spoken.pop(stage, None)
        self._rates.pop(stage, None)
        self.say(stage, text)

    def tick(self) -> None:
        """See `Display`."""
        now = time.monotonic()
        for stage, spoken in self._spoken.items():
            if now - spoken >= self.every and stage in self._rates:
                self._spoken[stage] = now
                self.say(stage, self._rates[stage].text)

    def close(self) -> None:
        """See `Display`."""


class Bars:
    """A display for a terminal: one bar for each running stage, with rate and time left; lines scroll above."""

    def __init__(self, console: Console):
        self._lines = Lines(console)
        self._bars = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=20),
            _CountColumn(table_column=Column(no_wrap=True)),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            expand=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._rates: dict[TaskID, Rate] = {}
        self._bars.start()

    def start(self, stage: str, text: str) -> None:
        """See `Display`."""
        self._tasks[stage] = self._bars.add_task(stage, total=None, rate=None)

    def progress(self, stage: str, done: int, total: int, unit: str) -> None:
        """See `Display`."""
        task = self._tasks[stage]
        if task in self._rates:
            self._rates[task].update(done, total, unit)
        else:
            self._rates[task] = Rate.begin(done, total, unit)
        self._bars.update(task, completed=done, total=total, rate=self._rates[task])

    def say(self, stage: str, text: str) -> None:
        """See `Display`."""
        self._lines.say(stage, text)

    def end(self, stage: str, text: str) -> None:
        """See `Display`."""
        if stage in self._tasks:
            self._bars.remove_task(self._tasks.pop(stage))
        self._lines.say(stage, text)

    def tick(self) -> None:
        """See `Display`; the bars draw themselves."""

    def close(self) -> None:
        """See `Display`."""
        self._bars.stop()


class _CountColumn(ProgressColumn):
    """Count, rate and time left of a bar."""

    def render(self, task: Task) -> Text:
        """Text right of the bar."""
        rate = task.fields.get("rate")
        return Text(rate.text if isinstance(rate, Rate) else "starting", style="progress.data.speed")


def make_display(console: Console) -> Display:
    """Make bars where a person watches, lines where a file or a pipe does."""
    return Bars(console) if console.is_terminal else Lines(console)


def duration(seconds: float) -> str:
    """Write a duration as `8 s`, `3 min 05 s`, `2 h 11 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _rate(per_second: float, unit: str) -> str:
    return f"{per_second:.1f} {unit}/s" if per_second >= 1 else f"{1 / per_second:.1f} s per {unit.removesuffix('s')}"
