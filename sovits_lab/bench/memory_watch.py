"""Does the memory of processes grow with the requests they answer? Samples while they work, a slope with its doubt."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from sovits_lab.pipeline.memory import resident_megabytes

EVERY = 0.5  # seconds between samples: many between two tidyings, so that no moment of them is preferred
STRETCHES = 6


class MemoryWatch:
    """Samples the resident memory of processes by the clock, from `begin` to the end of the `with`.

    Args:
        processes: their ids by name.
        answered: returns how many requests were answered so far.
    """

    def __init__(self, processes: Mapping[str, int], answered: Callable[[], int]) -> None:
        self._processes, self._answered = processes, answered
        self._rows: dict[str, list[tuple[int, float]]] = {name: [] for name in processes}
        self._begun, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._over.set()
        self._begun.set()
        self._thread.join()

    def begin(self) -> None:
        """Take samples from now on."""
        self._begun.set()

    def samples(self) -> dict[str, NDArray[np.float64]]:
        """Return rows of requests answered and megabytes, by the name of the process."""
        return {name: np.array(rows) for name, rows in self._rows.items()}

    def _watch(self) -> None:
        self._begun.wait()
        while not self._over.wait(EVERY):
            for name, process in self._processes.items():
                self._rows[name].append((self._answered(), resident_megabytes(process)))


def slope_in_words(measured: NDArray[np.float64]) -> str:
    """Say how memory went: rows of requests answered and megabytes."""
    quarters = ", ".join(f"{part[:, 1].mean():.1f}" for part in np.array_split(measured, 4))
    slope, doubt = slope_of(measured[:, 0] / 1000, measured[:, 1])
    return (f"memory in quarters {quarters} MB, {slope:+.2f} MB per 1000 requests "
            f"(95 % {slope - doubt:+.2f} to {slope + doubt:+.2f})")  # fmt: skip


def slope_of(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Return the slope of a line through points, and half of its 95 % interval.

    Neighbours hang together: memory that was freed stays resident until it is handed back. So the points are averaged
    over six stretches before the line is drawn, which leaves four degrees of freedom. A stretch must be longer than the
    time between two tidyings, else the interval is too narrow.
    """
    stretches = [(a.mean(), b.mean()) for a, b in zip(*(np.array_split(one, STRETCHES) for one in (x, y)), strict=True)]
    found = stats.linregress(*np.array(stretches).T)
    return float(found.slope), float(stats.t.ppf(0.975, STRETCHES - 2) * found.stderr)
