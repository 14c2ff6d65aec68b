"""What a callback does after each step of a training."""

from __future__ import annotations

from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback


class StepCallback(Callback):
    """A callback whose subclasses give `after_step`."""

    def after_step(self, trainer: lightning.Trainer, task: lightning.LightningModule, step: int) -> None:
        """Do what is to be done after a step; `step` steps are done."""
        raise NotImplementedError("a step callback defines after_step")

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Count the step."""
        self.after_step(trainer, pl_module, batch_idx + 1)
