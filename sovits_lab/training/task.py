"""Base of our training tasks: named losses, their weights from the configuration, the total in one line."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import lightning
import torch
from torch import Tensor, nn

from sovits_lab.losses.regulariser import Facts
from sovits_lab.types import ArgumentsOf, Count, Positive, Range, Share, got


@dataclass(frozen=True)
class Optimisation:
    """AdamW and its schedule, a pure function of the step.

    Attributes:
        steps: optimiser steps of the whole training.
        lr: peak learning rate.
        warmup: steps of linear rise.
        hold_fraction: share of the steps after which the rate falls, by a half cosine, to `min_lr_ratio` of its peak.
        min_lr_ratio: last rate as a share of the peak.
        max_grad_norm: largest gradient norm; None for any.
        weight_decay, beta1, beta2, eps: of AdamW.
        fused: whether it passes over memory once for each tensor.
        lr_multipliers: regular expression over names of parameters (those of the model are its own names) -> factor on
            the learning rate; the first that matches counts.

    Raises:
        InputError: `lr_multipliers` with what is no regular expression, or a negative factor.
    """

    steps: Count
    lr: Annotated[float, Range(0)] = 1e-3
    warmup: Annotated[int, Range(0)] = 50
    hold_fraction: Share = 0.3
    min_lr_ratio: Share = 0.02
    max_grad_norm: Positive | None = 1.0
    weight_decay: Annotated[float, Range(0)] = 0.01
    beta1: Annotated[float, Range(0, 1 - 1e-9)] = 0.9
    beta2: Annotated[float, Range(0, 1 - 1e-9)] = 0.99
    eps: Positive = 1e-8
    fused: bool = False
    lr_multipliers: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for pattern, factor in self.lr_multipliers.items():
            try:
                re.compile(pattern)
            except re.error as error:
                raise got("optimisation.lr_multipliers", pattern, f"a regular expression: {error}") from error
            if not (isinstance(factor, int | float) and factor >= 0):
                raise got(f"optimisation.lr_multipliers.{pattern}", factor, "a number of at least 0")

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        start = self.hold_fraction * self.steps
        if step < start:
            return self.lr
        progress = min(1.0, (step - start) / max(1.0, self.steps - start))
        return self.lr * (self.min_lr_ratio + (1 - self.min_lr_ratio) * 0.5 * (1 + math.cos(math.pi * progress)))

    def build(self, parameters: Iterable[tuple[str, nn.Parameter]]) -> torch.optim.AdamW:
        """Return the optimiser of those of these parameters, with their names, that learn."""
        learning = [(name.removeprefix("model."), p) for name, p in parameters if p.requires_grad]
        groups = [
            {"params": each, "factor": factor} for factor, each in by_factor(learning, self.lr_multipliers).items()
        ]
        return torch.optim.AdamW(
            groups,
            lr=self.lr,
            betas=(self.beta1, self.beta2),
            eps=self.eps,
            weight_decay=self.weight_decay,
            fused=self.fused or None,
        )

    def update(
        self, optimizer: Any, module: lightning.LightningModule, loss: Tensor, parameters: Any, step: int
    ) -> Tensor:
        """Make one step (rate, backward, clip, step) and return the gradient norm before clipping."""
        for group in optimizer.param_groups:
            group["lr"] = self.rate(step) * group["factor"]
        optimizer.zero_grad(set_to_none=True)
        module.manual_backward(loss)
        norm = clip(parameters, float("inf") if self.max_grad_norm is None else self.max_grad_norm)
        optimizer.step()
        return norm


OptimisationArguments = Annotated[Mapping[str, Any], ArgumentsOf(Optimisation)]


def by_factor(
    parameters: Iterable[tuple[str, nn.Parameter]], multipliers: Mapping[str, float]
) -> dict[float, list[nn.Parameter]]:
    """Group parameters by the factor of the first expression that is found in their name, 1 without one."""
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in parameters:
        factor = next((factor for pattern, factor in multipliers.items() if re.search(pattern, name)), 1.0)
        groups.setdefault(factor, []).append(parameter)
    return groups


def clip(parameters: Iterable[nn.Parameter], most: float) -> Tensor:
    """Scale gradients down to a joint norm of at most `most`; returns the norm before. Some may be sharded."""
    from torch.distributed.tensor import DTensor

    kinds: tuple[list[nn.Parameter], list[nn.Parameter]] = ([], [])
    for parameter in parameters:
        kinds[isinstance(parameter, DTensor)].append(parameter)
    plain, sharded = kinds
    if not sharded:
        return nn.utils.clip_grad_norm_(plain, most)
    norms = [nn.utils.get_total_norm([p.grad for p in kind if p.grad is not None]) for kind in kinds]
    norm = torch.stack([n.full_tensor() if isinstance(n, DTensor) else n for n in norms]).norm()
    for kind in kinds:
        nn.utils.clip_grads_with_norm_(kind, most, norm)
    return norm


class Task(lightning.LightningModule):
    """A model with named losses. Subclasses give `losses(batch)`.

    The step that schedules and randomness depend on is the batch's own number, not Lightning's count of optimiser
    calls, which a generator and a discriminator would advance twice.
    """

    automatic_optimization = False
    regularisers: nn.ModuleDict

    def __init__(self, weights: Mapping[str, float], optimisation: Optimisation) -> None:
        super().__init__()
        self.weights, self.optimisation = dict(weights), optimisation

    def losses(self, batch: Any) -> dict[str, Tensor]:
        """Compute named losses of a batch; every name has a weight."""
        raise NotImplementedError("a task defines its losses")

    def score(self, batch: Any) -> Tensor:
        """Return the figure by which the best weights are chosen: the total of a held-out batch, lower is better."""
        return self.total(self.losses(batch))

    def regularised(self, facts: Facts) -> dict[str, Tensor]:
        """Return the loss of each regulariser, by its name."""
        return {name: module(facts) for name, module in self.regularisers.items()}

    def total(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the weighted sum."""
        return torch.stack([self.weights[name] * value for name, value in losses.items()]).sum()

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Make one optimiser step on the total."""
        losses = self.losses(batch)
        total = self.total(losses)
        norm = self.optimisation.update(self.optimizers(), self, total, list(self.parameters()), batch.step)
        self.log_dict({**{f"train/{k}": v.detach() for k, v in losses.items()}, "train/total": total.detach(),
                       "train/gradient_norm": norm})  # fmt: skip

    def configure_optimizers(self) -> torch.optim.Optimizer | list[torch.optim.Optimizer]:
        return self.optimisation.build(self.named_parameters())
