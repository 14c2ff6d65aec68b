"""What every training stage shares: how it is optimised and run, and what it hands on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from sovits_lab.checkpoints.bundle import allowed_class
from sovits_lab.models.fitting import require
from sovits_lab.pipeline.settings import Runtime
from sovits_lab.reporting import Reporter
from sovits_lab.training.callbacks import GIVEN, Given, build_callbacks, refuse_foreign, take_best
from sovits_lab.training.loop import Batches, fit
from sovits_lab.training.regularisers import SUPPLIED, WEIGHT, DeclaredLosses, Losses
from sovits_lab.training.task import Optimisation, OptimisationArguments, Task


class TrainingJob(NamedTuple):
    """One training: what learns from what, what its callbacks are given, and what is written when it is over."""

    task: Task
    data: Batches
    given: Given
    finish: Callable[[], None]


@dataclass(kw_only=True)
class TrainingStage:
    """A stage that trains. Subclasses add their arguments, check them, and say what is trained in `begin`.

    Args:
        model: node of what is trained.
        optimisation: fields of `Optimisation`.
        precision: Lightning's name of the arithmetic, or "auto".
        seed: of weights, order and everything else drawn.
        world: processes that train together, each with a batch of its own; gradients are averaged.
        runtime: how it runs; see `sovits_lab.pipeline.settings.Runtime`.
        callbacks: nodes of callbacks, see `build_callbacks`.
        losses: name -> weight of a loss of the model, or node of a regulariser and its `weight`.
    """

    resumable: ClassVar[bool] = True
    supplies: ClassVar[frozenset[str]] = GIVEN | SUPPLIED  # arguments that the stage gives to the nodes below it
    reads: ClassVar[Mapping[str, str]] = {"losses": WEIGHT}  # argument -> key in the nodes below it that is ours
    contract: ClassVar[type | None] = None  # which the model must meet
    group: ClassVar[str] = "model"  # of the configuration, whose options meet it

    model: Mapping[str, Any]
    optimisation: OptimisationArguments
    precision: str
    seed: int
    world: int = 1
    runtime: Mapping[str, Any] | None = None
    callbacks: Sequence[Mapping[str, Any]] = ()
    losses: Losses = field(default_factory=dict)

    def __post_init__(self) -> None:
        refuse_foreign(self.callbacks)
        self.plan, self.running = Optimisation(**self.optimisation), Runtime(**(self.runtime or {}))
        self.declared = DeclaredLosses.read(self.losses)
        if self.contract is not None:
            kind = allowed_class(self.model.get("_target_"))
            require(kind, self.contract, self.group, f"any option of {self.group}=")
        self.check()

    def check(self) -> None:
        """Refuse arguments of this stage that do not fit together, before anything has run."""

    def begin(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> TrainingJob:
        """Read the inputs and build what is trained."""
        raise NotImplementedError("a training stage defines begin")

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Train, and write `out/bundle`."""
        job = self.begin(inputs, out, report)
        callbacks = build_callbacks(self.callbacks, job.given)
        fit(job.task, job.data, self.plan.steps, out, report, self.running, self.precision, callbacks)
        take_best(job.task, callbacks, report)
        job.finish()
