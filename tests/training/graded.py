"""Real training stages that write down the gradients of their steps, also as a rank that they are not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from sovits_lab.training.gpt import TrainGpt
from sovits_lab.training.sovits import TrainSovits
from sovits_lab.training.strategies import whole
from sovits_lab.training.tokenizer import TrainTokenizer

WORLD = 2


class _Graded:
    """`as_rank`: be this rank of two as far as batches and seeds go, without anybody else; -1 for a real rank."""

    def __init__(self, as_rank: int = -1, runtime: Mapping[str, Any] | None = None, **arguments: Any) -> None:
        super().__init__(runtime=runtime, **arguments)
        self.as_rank, self.world = as_rank, WORLD

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        if self.as_rank >= 0:
            rank = self.as_rank
            setattr(lightning.Trainer, "global_rank", property(lambda trainer: rank))  # noqa: B010  a method to mypy
        steps: list[list[torch.Tensor | None]] = []

        def keep(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            steps.append([None if p.grad is None else whole(p.grad).detach().clone() for p in parameters])

        register_optimizer_step_pre_hook(keep)
        super().run(inputs, out, report)  # type: ignore[misc]  # of the stage beside it
        torch.save(steps, out / "gradients.pt")


class Tokenizer(_Graded, TrainTokenizer): ...


class Gpt(_Graded, TrainGpt): ...


class Sovits(_Graded, TrainSovits): ...
