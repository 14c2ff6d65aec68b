"""The base of callbacks that measure a model while it trains, every N steps, without changing what it learns."""

from __future__ import annotations

import time
from collections.abc import Mapping

import lightning

from sovits_lab.reporting import Reporter
from sovits_lab.training.preserved_state import preserve_training_state
from sovits_lab.training.step_callback import StepCallback
from sovits_lab.types import got


class PeriodicCallback(StepCallback):
    """Measures the task every so many steps: subclasses define `look`, and `name`, under which its duration is logged.

    Args:
        every: steps between two measurements; there is one at the last step too.
        report: where values go.

    Raises:
        InputError: `every` below 1.
    """

    name: str

    def __init__(self, every: int, report: Reporter) -> None:
        if every < 1:
            raise got(f"{type(self).__name__}.every", every, "at least 1")
        self.every, self.report = every, report

    def look(self, task: lightning.LightningModule, step: int) -> Mapping[str, float]:
        """Return the values to log. Called in evaluation mode, without gradients, with generators of its own."""
        raise NotImplementedError("a periodic callback defines look")

    def after_step(self, trainer: lightning.Trainer, task: lightning.LightningModule, step: int) -> None:
        """Measure and log, where it is time."""
        due = step % self.every == 0 or step == trainer.num_training_batches
        if not due or not trainer.is_global_zero:
            return
        began = time.monotonic()
        with preserve_training_state(task):
            values = self.look(task, step)
        if values:
            self.report.metrics(step, {**values, f"time/{self.name}": time.monotonic() - began})
