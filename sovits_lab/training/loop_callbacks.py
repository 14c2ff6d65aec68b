"""What watches a training loop: its log, its clock, and the guard against numbers that are none."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.loggers import Logger

from sovits_lab.pipeline.files import write_json
from sovits_lab.reporting import Reporter
from sovits_lab.training.step_callback import StepCallback

# Seeds of neighbouring steps must not be neighbours: an odd constant near 2^64 / golden ratio (Knuth 6.4).
MIX = 0x9E3779B97F4A7C15
RANKS = 4096


class DivergedError(RuntimeError):
    """A loss is not finite."""


class ReportLogger(Logger):
    """What callbacks give to Lightning's logger, to the stage's reporter."""

    def __init__(self, report: Reporter):
        super().__init__()
        self.report = report

    @property
    def name(self) -> str:
        """A name that Lightning asks for and that nothing here uses."""
        return "report"

    @property
    def version(self) -> str:
        """No version: nothing here uses it."""
        return ""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Record the values of the step just done under the number of steps done."""
        values = {key: float(value) for key, value in metrics.items() if key != "epoch"}
        if values:
            self.report.metrics((step or 0) + 1, values)

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the stage's record holds its whole config."""


class Recorder(StepCallback):
    """Reports what a step has logged, at every `every`-th step.

    Lightning would log after all callbacks, so after the step's checkpoint: a run killed in between would go on with
    the next step, and this one would never be recorded.
    """

    def __init__(self, report: Reporter, every: int):
        self.report, self.every = report, every

    def after_step(self, trainer: lightning.Trainer, task: lightning.LightningModule, step: int) -> None:
        """Record what was logged under the number of steps done."""
        if step % self.every == 0:
            values = {name: float(value) for name, value in trainer.logged_metrics.items()}
            self.report.metrics(step, values)


class StepClock(StepCallback):
    """Seeds each step, reports progress, and logs how long a step took and how long it waited for its batch."""

    def __init__(self, report: Reporter, steps: int):
        self.report, self.steps = report, steps
        self._seed = 0
        self._ended = self._began = time.monotonic()

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Remember the seed that the stage has set; it is the same on every rank and after every resume."""
        self._seed = torch.initial_seed()
        self._ended = time.monotonic()

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Seed the step: all its randomness (dropout, sampling) is a function of seed, step and rank."""
        self._began = time.monotonic()
        torch.manual_seed((self._seed * RANKS + trainer.global_rank + batch_idx * MIX) % 2**63)

    def after_step(self, trainer: lightning.Trainer, task: lightning.LightningModule, step: int) -> None:
        """Report progress and log times (seconds)."""
        now = time.monotonic()
        task.log_dict({"time/step": now - self._ended, "time/wait": self._began - self._ended})
        self._ended = now
        self.report.progress(step, self.steps, "steps")


class NonFiniteGuard(StepCallback):
    """Stops when a logged value is not finite, and says which batch did it.

    On a GPU looking at a value waits for it, so there it looks only when values are logged anyway, and before a
    checkpoint is written.

    Args:
        out: gets `diverged.json`.
        data: asked for `names(step, rank)` if it has that.
        every: steps between two looks on a GPU.
    """

    def __init__(self, out: Path, data: object, every: int):
        self.out, self.data, self.every = out, data, every

    def after_step(self, trainer: lightning.Trainer, task: lightning.LightningModule, step: int) -> None:
        """Check the losses: each step on a CPU, every `every` steps on a GPU, which would have to wait for them."""
        if task.device.type == "cpu" or step % self.every == 0:
            self.look(trainer, step - 1)

    def look(self, trainer: lightning.Trainer, batch_idx: int) -> None:
        """Check everything that the step has logged.

        Raises:
            DivergedError: naming the values, the step and the batch.
        """
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        bad = {name: value for name, value in values.items() if not torch.isfinite(torch.tensor(value))}
        if not bad:
            return
        naming = getattr(self.data, "names", None)
        names: list[str] = list(naming(batch_idx, trainer.global_rank)) if naming is not None else []
        path = self.out / "diverged.json"
        write_json(path, {"step": batch_idx, "values": {k: str(v) for k, v in values.items()}, "batch": names})
        shown = ", ".join(f"{name} is {value}" for name, value in bad.items())
        first = f" (batch: {', '.join(names[:5])}...)" if names else ""
        raise DivergedError(f"at step {batch_idx} {shown}{first}; the whole batch is named in {path}")
