"""How the flow of v3 and v4 is integrated when a voice speaks: the solver and its steps, and bfloat16 on a CPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sovits_lab.models.sovits.matching import MatchingSynthesizer
from sovits_lab.models.sovits.solvers import SOLVERS, FlowSolver
from sovits_lab.types import got


@dataclass(frozen=True)
class FlowSettings:
    """What is chosen otherwise than in the bundle.

    Attributes:
        steps: of the solver; None is as many as the bundle says.
        solver: one of `SOLVERS`; None is the bundle's.
    """

    steps: int | None = None
    solver: str | None = None

    def apply(self, sovits: object) -> None:
        """Set the solver of a model that has a flow from noise to mel.

        Raises:
            InputError: a model without one, an unknown solver, a number of steps that it cannot take.
        """
        chosen: dict[str, Any] = {"steps": self.steps, "solver": self.solver}
        named = {name: value for name, value in chosen.items() if value is not None}
        if not named:
            return
        if not isinstance(sovits, MatchingSynthesizer):
            name, value = next(iter(named.items()))
            raise got(name, value, "none: this voice has no flow from noise to mel, which v3 and v4 have")
        if self.solver is not None and self.solver not in SOLVERS:
            raise got("solver", self.solver, f"one of {', '.join(SOLVERS)}")
        before: Any = sovits.solver
        kind: Callable[[int], FlowSolver] = type(before) if self.solver is None else SOLVERS[self.solver]
        sovits.solver = kind(before.steps if self.steps is None else self.steps)


def pack_flow(sovits: object, precision: str) -> None:
    """Keep the large products of a flow in bfloat16 where that is asked; other precisions are of the GPT alone."""
    if precision == "bf16" and isinstance(sovits, MatchingSynthesizer):
        sovits.flow.estimator.pack()
