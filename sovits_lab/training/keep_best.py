"""Selection by held-out utterances: the weights that did best are handed on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightning
import torch
from torch import Tensor

from sovits_lab.reporting import Reporter
from sovits_lab.training.preserved_state import preserve_training_state
from sovits_lab.training.step_callback import StepCallback
from sovits_lab.training.strategies import looks_here, whole
from sovits_lab.types import got


class KeepBest(StepCallback):
    """Every `every` steps scores held-out utterances and remembers the model's best weights; its state survives a kill.

    Args:
        every: steps between two looks.
        judged: held-out utterances, given by the stage.
        report: gets the value of each look, given by the stage.

    Raises:
        InputError: `every` below 1.
    """

    def __init__(self, every: int, *, judged: Any, report: Reporter) -> None:
        if every < 1:
            raise got("every", every, "at least 1")
        self.judged, self.every, self.report = judged, every, report
        self.best, self.weights = float("inf"), {}  # type: tuple[float, dict[str, Tensor]]

    def after_step(self, trainer: lightning.Trainer, task: Any, step: int) -> None:
        """Look, and keep a copy where it is the best so far."""
        if step % self.every or not looks_here(trainer):
            return
        with preserve_training_state(task):
            torch.manual_seed(0)  # the slices are the same at every look
            judged = task.transfer_batch_to_device(self.judged, task.device, 0)
            value = float(task.score(judged))
        self.report.metrics(step, {"valid/held_out": value})
        if value < self.best:
            self.best = value
            state = task.model.state_dict()
            self.weights = {f"model.{name}": whole(v).detach().clone() for name, v in state.items()}

    def best_weights(self) -> Mapping[str, Tensor] | None:
        """Return the model's part of the task's state."""
        return self.weights or None

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "weights": self.weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best, self.weights = state_dict["best"], state_dict["weights"]
