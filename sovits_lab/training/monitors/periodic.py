"""The rhythm of callbacks that look on: a round at every N-th step and at the last, without a trace."""

from __future__ import annotations

import time
from collections.abc import Mapping

import lightning

from sovits_lab.reporting import Reporter
from sovits_lab.training.preserved_state import undisturbed
from sovits_lab.training.step_callback import StepCallback
from sovits_lab.types import got


class Rounds(StepCallback):
    """Looks at the task in rounds; subclasses give `look`, and `name`, under which the time that it takes is logged.

    Args:
        every: steps between two rounds; the last step has one too.
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
        raise NotImplementedError("a callback with rounds defines look")

    def after_step(self, trainer: lightning.Trainer, task: lightning.LightningModule, step: int) -> None:
        """Make a round, if it is time."""
        due = step % self.every == 0 or step == trainer.num_training_batches
        if not due or not trainer.is_global_zero:
            return
        began = time.monotonic()
        with undisturbed(task):
            values = self.look(task, step)
        if values:
            self.report.metrics(step, {**values, f"time/{self.name}": time.monotonic() - began})
