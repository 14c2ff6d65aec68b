"""A small training stage with what makes exact resuming hard: dropout, momentum, two optimisers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import lightning
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from sovits_lab.pipeline.settings import Runtime
from sovits_lab.reporting import Reporter
from sovits_lab.training.loop import fit


class Batch(NamedTuple):
    step: int
    x: Tensor


class Noise:
    """Batches drawn from (seed, step); `bad` is a step whose batch is not finite."""

    def __init__(self, seed: int, seconds: float = 0.0, bad: int | None = None):
        self.seed, self.seconds, self.bad = seed, seconds, bad

    def batch(self, step: int, rank: int = 0) -> Batch:
        time.sleep(self.seconds)
        x = torch.randn(4, 8, generator=torch.Generator().manual_seed(self.seed * 1000 + step))
        return Batch(step, x * float("nan") if step == self.bad else x)

    def names(self, step: int, rank: int = 0) -> list[str]:
        return [f"clip-{step}-{i}" for i in range(4)]


class Pair(lightning.LightningModule):
    """Two networks and two optimisers stepped by hand, as in a GAN."""

    automatic_optimization = False

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.3), nn.Linear(8, 8))
        self.b = nn.Linear(8, 1)
        self.register_buffer("average", torch.zeros(()))
        self.steps: list[int] = []

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        assert batch.step == batch_idx, "batch_idx is the step"
        self.steps.append(batch_idx)
        first, second = self.optimizers()
        loss = (self.a(batch.x) - batch.x).square().mean()
        first.zero_grad()
        self.manual_backward(loss)
        first.step()
        other = self.b(self.a(batch.x).detach() + torch.randn_like(batch.x)).square().mean()
        second.zero_grad()
        self.manual_backward(other)
        second.step()
        self.average.mul_(0.9).add_(0.1 * loss.detach())
        self.log_dict({"loss": loss.detach(), "other": other.detach()})

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [torch.optim.AdamW(self.a.parameters(), 1e-2), torch.optim.SGD(self.b.parameters(), 1e-3, momentum=0.9)]


class Train:
    """Stage: train `Pair` on `Noise`."""

    resumable: ClassVar[bool] = True

    def __init__(
        self,
        steps: int,
        seed: int,
        seconds: float = 0.0,
        bad: int | None = None,
        runtime: Mapping[str, Any] | None = None,
    ):
        self.steps, self.seed, self.seconds, self.bad = steps, seed, seconds, bad
        self.runtime = Runtime(**(runtime or {}))

    def run(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> None:
        _die_writing(out)
        torch.manual_seed(self.seed)
        module = Pair()
        fit(module, Noise(self.seed, self.seconds, self.bad), self.steps, out, report, self.runtime)
        save_file(module.state_dict(), out / "weights.safetensors")


def _die_writing(out: Path) -> None:
    """Where a test has left a file `die` (a step) beside the stage: SIGKILL in the middle of its write."""
    wish = out.parent / "die"
    if not wish.exists():
        return
    step = int(wish.read_text())
    wish.unlink()
    whole = lightning.Trainer.save_checkpoint

    def half(self: lightning.Trainer, path: Path, *args: Any, **kwargs: Any) -> None:
        whole(self, path, *args, **kwargs)
        if int(Path(path).stem.removeprefix("step-")) >= step:
            os.truncate(path, Path(path).stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    lightning.Trainer.save_checkpoint = half
