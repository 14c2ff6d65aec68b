"""Ways from noise (t = 0) to a mel (t = 1) along a velocity field.

`velocity(x, t, d)` is asked at time t; d > 0 asks for the straight way to t + d, which a field that learned shortcuts
knows, d = 0 for the velocity at t itself. `keep(x)` is applied after every step: the prompt stays zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from sovits_lab.types import got

Velocity = Callable[[Tensor, float, float], Tensor]
Keep = Callable[[Tensor], Tensor]
MOST_STEPS = 256


class FlowSolver(Protocol):
    """Integrates a velocity field."""

    @property
    def evaluations(self) -> int:
        """How often the field is asked: what a solver costs."""

    def solve(self, velocity: Velocity, x: Tensor, keep: Keep) -> Tensor:
        """Return x at time 1, from x at time 0."""


@dataclass(frozen=True)
class _Stepped:
    """Attributes:
        steps: equal steps from 0 to 1.

    Raises:
        InputError: no whole number of steps from 1 to 256.
    """

    steps: int = 8

    def __post_init__(self) -> None:
        if not isinstance(self.steps, int) or not 1 <= self.steps <= MOST_STEPS:
            raise got("steps", self.steps, f"a whole number from 1 to {MOST_STEPS}")

    @property
    def size(self) -> float:
        """The step size in flow time, of which the whole way is 1."""
        return 1 / self.steps


@dataclass(frozen=True)
class EulerShortcut(_Stepped):
    """Euler steps of a field that takes the step size as an input: as the family was published, and for few steps."""

    @property
    def evaluations(self) -> int:
        return self.steps

    def solve(self, velocity: Velocity, x: Tensor, keep: Keep) -> Tensor:
        """Take the steps from 0 to 1."""
        for i in range(self.steps):
            x = keep(x + self.size * velocity(x, i * self.size, self.size))
        return x


@dataclass(frozen=True)
class EulerPlain(_Stepped):
    """Euler steps of the field itself, d = 0."""

    @property
    def evaluations(self) -> int:
        return self.steps

    def solve(self, velocity: Velocity, x: Tensor, keep: Keep) -> Tensor:
        """Take the steps from 0 to 1."""
        for i in range(self.steps):
            x = keep(x + self.size * velocity(x, i * self.size, 0.0))
        return x


@dataclass(frozen=True)
class Midpoint(_Stepped):
    """Second order: the velocity half a step ahead."""

    @property
    def evaluations(self) -> int:
        return 2 * self.steps

    def solve(self, velocity: Velocity, x: Tensor, keep: Keep) -> Tensor:
        """Take the steps from 0 to 1."""
        for i in range(self.steps):
            t = i * self.size
            half = keep(x + self.size / 2 * velocity(x, t, 0.0))
            x = keep(x + self.size * velocity(half, t + self.size / 2, 0.0))
        return x


@dataclass(frozen=True)
class AdamsBashforth(_Stepped):
    """Second order with one evaluation a step: the velocity before extrapolates (v_i 3/2 - v_(i-1) 1/2)."""

    @property
    def evaluations(self) -> int:
        return self.steps

    def solve(self, velocity: Velocity, x: Tensor, keep: Keep) -> Tensor:
        """Take the steps from 0 to 1."""
        before: Tensor | None = None
        for i in range(self.steps):
            now = velocity(x, i * self.size, 0.0)
            x = keep(x + self.size * (now if before is None else 1.5 * now - 0.5 * before))
            before = now
        return x


@dataclass(frozen=True)
class RungeKutta(_Stepped):
    """The classical fourth order, four evaluations a step."""

    @property
    def evaluations(self) -> int:
        return 4 * self.steps

    def solve(self, velocity: Velocity, x: Tensor, keep: Keep) -> Tensor:
        """Take the steps from 0 to 1."""
        h = self.size
        for i in range(self.steps):
            t = i * h
            a = velocity(x, t, 0.0)
            b = velocity(keep(x + h / 2 * a), t + h / 2, 0.0)
            c = velocity(keep(x + h / 2 * b), t + h / 2, 0.0)
            d = velocity(keep(x + h * c), t + h, 0.0)
            x = keep(x + h / 6 * (a + 2 * b + 2 * c + d))
        return x


SOLVERS: Mapping[str, Callable[[int], FlowSolver]] = {
    "shortcut": EulerShortcut,
    "euler": EulerPlain,
    "midpoint": Midpoint,
    "adams_bashforth": AdamsBashforth,
    "runge_kutta": RungeKutta,
}
