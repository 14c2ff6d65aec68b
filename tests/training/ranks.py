"""A stage for tests of several processes: what is hard to share between them, and ways of dying."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors.torch import save_file

from sovits_lab.nn.normalisation import MaskedBatchRenorm
from sovits_lab.pipeline.settings import Runtime
from sovits_lab.reporting import Reporter
from sovits_lab.training.loop import fit

from .trainers import Batch, Noise, Pair


class Different(Noise):
    """Batches of its own for every rank; `die` is "rank:step:how"."""

    def __init__(self, seed: int, die: str | None = None, seconds: float = 0.0):
        super().__init__(seed, seconds)
        self.die = die

    def batch(self, step: int, rank: int = 0) -> Batch:
        if self.die is not None and self.die.startswith(f"{rank}:{step}:"):
            if self.die.endswith("killed"):
                os.kill(os.getpid(), signal.SIGKILL)
            raise ValueError("a batch that cannot be read")
        made = super().batch(step + 100_000 * rank, rank)
        return Batch(step, made.x)


class Ranked(Pair):
    """`Pair`, with batch normalisation and a layer that a step may leave out."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.unused = MaskedBatchRenorm(8), torch.nn.Linear(3, 3)

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        x = (batch.x + self.global_rank)[..., None]
        mask = torch.ones(len(x), 1, dtype=torch.bool)
        super().training_step(Batch(batch.step, self.norm(x, mask)[..., 0]), batch_idx)


class TrainRanked:
    """Stage: train `Ranked`; every process that comes to an end of its training tells its weights."""

    resumable: ClassVar[bool] = True

    def __init__(
        self,
        steps: int,
        seed: int,
        world: int = 1,
        die: str | None = None,
        late: str | None = None,
        seconds: float = 0.0,
        runtime: Mapping[str, Any] | None = None,
    ):
        self.steps, self.seed, self.world, self.die, self.late, self.seconds = steps, seed, world, die, late, seconds
        self.runtime = Runtime(**(runtime or {}))

    def run(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> None:
        rank = self.runtime.world.rank
        if self.late is not None and self.late == str(rank):
            time.sleep(600)
        torch.manual_seed(self.seed)
        module = Ranked()
        (out / f"begun-{rank}").touch()
        try:
            fit(module, Different(self.seed, self.die, self.seconds), self.steps, out, report, self.runtime)
        finally:
            print(f"rank {rank}: sum {sum(float(v.double().sum()) for v in module.state_dict().values())!r}")
            print(f"group: {torch.distributed.is_initialized()}")
        save_file(module.state_dict(), out / "weights.safetensors")


class Lonely:
    """Stage: takes a world, and has no idea what to do with it."""

    def __init__(self, world: int) -> None:
        self.world = world

    def run(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> None:
        raise AssertionError("this must not run")
