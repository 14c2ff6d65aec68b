"""Small stages that tests run through the real runner."""

from __future__ import annotations

import errno
import multiprocessing
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from sovits_lab.pipeline.settings import Runtime
from sovits_lab.reporting import Reporter
from sovits_lab.types import ArgumentsOf, Count, Positive, Share, got


@dataclass
class Counter:
    """Adds the numbers of its inputs to its own; sleeps `seconds` to be there for a while."""

    number: int = 1
    seconds: float = 0.0
    seed: int = 1

    def run(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> None:
        print("counting")
        (out / "starting").write_text(str(os.getpid()))
        (out / "starting").rename(out / "started")  # whole as soon as it is seen
        for done in range(5):
            time.sleep(self.seconds / 5)
            report.progress(done + 1, 5, "beats")
            report.metrics(done, {"beat": float(done)})
        total = self.number + sum(int((path / "number.txt").read_text()) for path in inputs.values())
        (out / "number.txt").write_text(str(total))


class Locking(Counter):
    """Holds a lock of processes while it counts, as tqdm does for its bars."""

    def run(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> None:
        lock: Any = multiprocessing.get_context("forkserver").Lock()
        out.with_suffix(".semaphore").write_text(lock._semlock.name)
        with lock:
            super().run(inputs, out, report)


@dataclass
class Waiting:
    """Says that it has started, and ends when a file is there, or fails after some minutes."""

    go: str

    def run(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> None:
        (out / "starting").write_text(str(os.getpid()))
        (out / "starting").rename(out / "started")
        deadline = time.monotonic() + 240
        while not Path(self.go).exists():
            assert time.monotonic() < deadline, f"{self.go} never came"
            time.sleep(0.01)


@dataclass
class Resumable:
    """Counts to `steps` in a file, one line a step, going on from where it was killed."""

    resumable: ClassVar[bool] = True
    steps: int = 20
    seconds: float = 0.0

    def run(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> None:
        path = out / "lines.txt"
        done = len(path.read_text().splitlines()) if path.exists() else 0
        with path.open("a") as file:
            for step in range(done, self.steps):
                file.write(f"{step}\n")
                file.flush()
                report.progress(step + 1, self.steps, "steps")
                time.sleep(self.seconds)


@dataclass
class Failing:
    """Fails in the way that it is told."""

    how: str

    def run(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> None:
        if self.how == "input":
            raise got("clip.wav", "8000 Hz", "16000 Hz")
        if self.how == "disk":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.how == "disk of a library":
            raise got("bundle", f"I/O error: {os.strerror(errno.ENOSPC)} (os error 28)", "a disk that takes it")
        if self.how == "killed":
            os.kill(os.getpid(), 9)
        raise RuntimeError("something else broke")


@dataclass
class Media:
    """Logs sound and a picture."""

    runtime: Mapping[str, Any]

    def run(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> None:
        import numpy as np
        import torch

        report.say(f"threads {torch.get_num_threads()}")
        report.metrics(1, {"loss": 0.5, "bad": float("nan")})
        report.audio("tone", 1, np.sin(np.arange(1600) / 10).astype(np.float32), 16000)
        report.picture("mel", 1, np.arange(12.0).reshape(3, 4))
        assert Runtime(**self.runtime).threads


@dataclass
class WithModel:
    """Takes a model's node, which it builds itself."""

    model: Mapping[str, Any]
    supplies: ClassVar[frozenset[str]] = frozenset({"symbols"})

    def run(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> None:
        assert self.model["_target_"]


class Model:
    """A model of two numbers."""

    def __init__(
        self,
        width: int,
        symbols: int,
        rate: float = 0.1,
        name: str | None = None,
        layers: Sequence[Mapping[str, Any]] = (),
        weights: Mapping[str, float] | None = None,
        frames: tuple[int, int] = (1, 2),
        count: Annotated[Mapping[str, Any], ArgumentsOf(Counter, supplied=("number",))] | None = None,
    ):
        self.count = count
        self.width, self.symbols, self.rate, self.name = width, symbols, rate, name
        self.layers, self.weights, self.frames = layers, weights, frames


@dataclass
class Ranged:
    """Takes numbers that have ranges."""

    steps: Count
    share: Share
    rate: Positive
    limit: Count | None = None

    def run(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> None:
        pass
