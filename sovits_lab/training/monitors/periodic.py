"""The rhythm of callbacks that look on: a round at every N-th step and at the last, without a trace."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from sovits_lab.reporting import Reporter
from sovits_lab.training.preserved_state import undisturbed
from sovits_lab.types import got


class Rounds(Callback):
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

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Make a round, if it is time."""
        step = batch_idx + 1
        due = step % self.every == 0 or step == trainer.num_training_batches
        if not due or not trainer.is_global_zero:
            return
        began = time.monotonic()
        with undisturbed(pl_module):
            values = self.look(pl_module, step)
        if values:
            self.report.metrics(step, {**values, f"time/{self.name}": time.monotonic() - began})
