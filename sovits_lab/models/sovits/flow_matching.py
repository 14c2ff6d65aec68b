"""Conditional flow matching of mels with shortcuts (Lipman et al. 2023; Frans et al. 2024), as in v3 and v4."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sovits_lab.models.sovits.flow_transformer import FlowTransformer
from sovits_lab.models.sovits.solvers import FlowSolver
from sovits_lab.nn.masks import length_mask

BASES = (2, 8)  # d = 2^-b, b in [2, 8)
FINEST = 0.01  # smaller steps are given to the field as 0


class FlowCondition(NamedTuple):
    """A velocity field's condition at every step: the constant part of its first layer, and a style's modulation."""

    entered: Float[Tensor, "B L D"]
    style: Float[Tensor, "B D"] | None = None


class Guidance(NamedTuple):
    """Classifier-free guidance (Ho and Salimans 2022): v + rate (v - v of the contrast)."""

    rate: float
    contrast: FlowCondition


class FlowDraws(NamedTuple):
    """The chance of one training step. `base` is None for a batch that learns velocities, else d = 2^-base."""

    time: Float[Tensor, " B"]
    noise: Float[Tensor, "B M L"]
    base: Int[Tensor, " B"] | None


class TrainingShares(NamedTuple):
    """Largest share of an utterance that is given as its own prompt, and share of the batches that learn shortcuts."""

    prompt: float
    shortcut: float


class FlowStep(NamedTuple):
    """A training step in full: what the field was given, gave and should have given. Halves are None without them."""

    noisy: Float[Tensor, "B M L"]
    velocity: Float[Tensor, "B M L"]
    target: Float[Tensor, "B M L"]
    halves: tuple[Tensor, Tensor] | None
    middle: Float[Tensor, "B M L"] | None


class FlowMatching(nn.Module):
    """A velocity field, its sampling and its training loss.

    Args:
        estimator: the field.
    """

    def __init__(self, estimator: FlowTransformer) -> None:
        super().__init__()
        self.estimator = estimator

    def condition(
        self,
        features: Float[Tensor, "B L C"],
        prompt: Float[Tensor, "B M P"],
        style: Float[Tensor, "B D"] | None = None,
    ) -> FlowCondition:
        """Prepare what stays the same over the steps. The prompt's mel lies at the beginning; P may be 0."""
        padded = nn.functional.pad(prompt, (0, features.shape[1] - prompt.shape[2]))
        return FlowCondition(self.estimator.entered(padded, self.estimator.context(features)), style)

    def withheld(self, features: Float[Tensor, "B L C"], style: Tensor | None = None) -> FlowCondition:
        """Prepare the condition of nothing: neither prompt nor features."""
        silent = features.new_zeros(features.shape[0], self.estimator.mels, 0)
        return self.condition(torch.zeros_like(features), silent, style)

    @torch.no_grad()
    def sample(
        self,
        noise: Float[Tensor, "B M L"],
        condition: FlowCondition,
        prompt_frames: int,
        solver: FlowSolver,
        mask: Bool[Tensor, "B L"] | None = None,
        guidance: Guidance | None = None,
    ) -> Float[Tensor, "B M L"]:
        """Return the normalised mel, zero where the prompt is.

        Args:
            noise: standard normal, times the temperature.
            mask: real frames, None where all are.
            guidance: extrapolates away from a contrast.
        """

        def keep(x: Tensor) -> Tensor:
            return nn.functional.pad(x[..., prompt_frames:], (prompt_frames, 0))

        def velocity(x: Tensor, time: float, step: float) -> Tensor:
            modulation = self.estimator.modulation(*(noise.new_tensor([value]) for value in (time, step)))
            v = self._velocity(x, condition, modulation, mask)
            if guidance is None or not guidance.rate:
                return v
            return v + guidance.rate * (v - self._velocity(x, guidance.contrast, modulation, mask))

        return solver.solve(velocity, keep(noise), keep)

    def _velocity(self, x: Tensor, condition: FlowCondition, modulation: Tensor, mask: Tensor | None) -> Tensor:
        modulation = modulation if condition.style is None else modulation + condition.style
        v: Tensor = self.estimator(x, condition.entered, modulation, mask)
        return v

    def draws(self, mel: Float[Tensor, "B M L"], shortcut: bool, generator: torch.Generator | None = None) -> FlowDraws:
        """Draw the chance of a training step."""
        rows, device = len(mel), mel.device
        time = torch.rand(rows, device=device, generator=generator)
        noise = torch.empty_like(mel).normal_(generator=generator)
        base = torch.randint(*BASES, (rows,), device=device, generator=generator) if shortcut else None
        return FlowDraws(time, noise, base)

    def training_step(
        self,
        mel: Float[Tensor, "B M L"],
        features: Float[Tensor, "B L C"],
        prompt: Bool[Tensor, "B L"],
        mask: Bool[Tensor, "B L"],
        draws: FlowDraws,
        style: Float[Tensor, "B D"] | None = None,
    ) -> FlowStep:
        """Make one step: velocities, or shortcuts whose target is the mean of the field's own two half steps.

        Args:
            mel: normalised target.
            prompt: frames that are given, at the beginning of each row.
            mask: real frames.
        """
        given = prompt[:, None]
        noisy = (draws.noise + draws.time[:, None, None] * (mel - draws.noise)).masked_fill(given, 0.0)
        context = self.estimator.context(features)
        condition = FlowCondition(self.estimator.entered(mel * given.to(mel.dtype), context), style)
        halves, middle, step = None, None, torch.zeros_like(draws.time)
        target = mel - draws.noise
        if draws.base is not None:
            size = 0.5**draws.base
            halves, middle = self._halves(noisy, condition, draws.time, size, mask)
            target, step = (halves[0] + halves[1]) / 2, 2 * size
        velocity = self._velocity(noisy, condition, self.estimator.modulation(draws.time, step), mask)
        return FlowStep(noisy, velocity, target, halves, middle)

    def loss(
        self,
        mel: Float[Tensor, "B M L"],
        features: Float[Tensor, "B L C"],
        mask: Bool[Tensor, "B L"],
        style: Float[Tensor, "B D"] | None,
        shares: TrainingShares,
        generator: torch.Generator,
    ) -> Float[Tensor, ""]:
        """Compute `flow_loss` of whole utterances; a given beginning is not counted.

        Args:
            generator: on the CPU, so that a run on another device learns from the same.
        """
        counts = (torch.rand(len(mel), generator=generator).to(mel.device) * mask.sum(1) * shares.prompt).long()
        prompt = length_mask(counts, mel.shape[2])
        shortcut = bool(torch.rand((), generator=generator) < shares.shortcut)
        drawn = self.draws(mel.cpu(), shortcut, generator)
        draws = FlowDraws(*(None if each is None else each.to(mel.device) for each in drawn))  # type: ignore[arg-type]
        return flow_loss(self.training_step(mel, features, prompt, mask, draws, style), mask & ~prompt)

    @torch.no_grad()
    def _halves(
        self, noisy: Tensor, condition: FlowCondition, time: Tensor, size: Tensor, mask: Tensor
    ) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """Two steps of `size`. The middle is not zeroed where the prompt is, as published."""
        style = None if condition.style is None else condition.style.detach()
        condition = FlowCondition(condition.entered.detach(), style)
        step = torch.where(size < FINEST, 0.0, size)
        first = self._velocity(noisy, condition, self.estimator.modulation(time, step), mask)
        middle = noisy + size[:, None, None] * first
        second = self._velocity(middle, condition, self.estimator.modulation(time + size, step), mask)
        return (first, second), middle


def flow_loss(step: FlowStep, counted: Bool[Tensor, "B L"]) -> Float[Tensor, ""]:
    """Average over rows the mean squared error of the velocities in the counted frames."""
    weight = counted[:, None].to(step.velocity.dtype)
    errors = ((step.velocity - step.target).square() * weight).sum((1, 2))
    return (errors / (weight.sum((1, 2)) * step.velocity.shape[1]).clamp(min=1)).mean()
