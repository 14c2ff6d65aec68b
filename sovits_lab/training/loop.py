"""The training loop of every stage that trains: Lightning's trainer, resumed exactly.

What makes a continued run equal to one never interrupted, bit for bit on a CPU:
- batches are a pure function of the step (`Batches`), so there is no sampler's state;
- torch's generators are seeded anew at each step from (seed, step, rank), so there is no generator's state;
- weights, optimisers and Lightning's counters come from the last whole checkpoint.

Where several processes train together, each is in `fit` with batches of its own; rank 0 alone comes out of it.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch.utils.data import DataLoader, Dataset, Sampler

from sovits_lab.pipeline.distributed import OtherRank
from sovits_lab.pipeline.process_group import Alone, gather_ranks
from sovits_lab.pipeline.settings import Runtime
from sovits_lab.pipeline.signals import STOPPING, ignore
from sovits_lab.reporting import Reporter
from sovits_lab.training.checkpointing import Checkpoints, Found, forget_after, latest, load_weights
from sovits_lab.training.loop_callbacks import NonFiniteGuard, Recorder, ReportLogger, StepClock
from sovits_lab.training.monitors.summary import FirstStep, outlook
from sovits_lab.training.precision import resolve
from sovits_lab.training.strategies import Copies, RankEnvironment, SameBuffers, arrangement, device_of


@runtime_checkable
class Batches(Protocol):
    """Training data addressed by step. It may also have `names(step, rank) -> list[str]`, for error messages."""

    def batch(self, step: int, rank: int = 0) -> Any:
        """Return batch number `step`, counted from 0, of one rank: a pure function."""


def fit(
    module: lightning.LightningModule,
    data: Batches,
    steps: int,
    out: Path,
    report: Reporter,
    runtime: Runtime,
    precision: str = "32-true",
    callbacks: Sequence[Callback] = (),
) -> None:
    """Train `module` in place for `steps` batches, going on from the last checkpoint below `out` if there is one.

    `batch_idx` in `training_step` is the step, also after resuming. State that must survive a kill belongs in the
    module's buffers, the optimisers or a callback's `state_dict`, and is updated within `training_step`.

    Args:
        module: with automatic or manual optimisation.
        data: batches by step.
        steps: number of batches in all.
        out: the stage's folder; checkpoints go to `out/checkpoints`.
        report: gets progress and every logged value.
        runtime: how to run.
        precision: Lightning's name of the arithmetic, or "auto".
        callbacks: the stage's own, such as media logging.

    Raises:
        GatheringError: of several processes, not all can be reached.
        OtherRank: the training is over, and this process is not the one that goes on with the result.
        DivergedError: a logged value is not finite; the step and the names in the batch are in `out/diverged.json`.
        SystemExit: a signal asked to stop; the state is saved.
    """
    _quiet()
    device = device_of(runtime.accelerator, runtime.world)
    with gather_ranks(runtime.world, device, runtime.timeout) as group:
        last = None if runtime.world.rank else latest(out, report.say)
        shared = group.share(None if last is None else (last.step, str(last.path)))
        found = None if shared is None else Found(shared[0], Path(shared[1]))
        start = found.step if found is not None else 0
        forget_after(out, start)
        report.progress(start, steps, "steps")
        if found is not None and start >= steps:
            load_weights(module, found.path)
        else:
            if not start:
                report.say(outlook(module, data, runtime))
            _train(module, data, start, steps, out, report, runtime, precision, callbacks, group, found)
    if runtime.world.rank:
        raise OtherRank


def _train(
    module: lightning.LightningModule,
    data: Batches,
    start: int,
    steps: int,
    out: Path,
    report: Reporter,
    runtime: Runtime,
    precision: str,
    callbacks: Sequence[Callback],
    group: Alone,
    found: Found | None,
) -> None:
    guard = NonFiniteGuard(out, data, runtime.log_every)
    checkpoints = Checkpoints(out, runtime.checkpoint_seconds, guard, steps, group)
    first = [FirstStep(report)] if not start else []
    own = [StepClock(report, steps), guard, *first, *callbacks, Recorder(report, runtime.log_every), checkpoints]
    trainer = _trainer(out, report, runtime, precision, own)
    loader = _loader(data, start, steps, runtime.workers, trainer)
    path = None if found is None else found.path
    trainer.fit(module, loader, ckpt_path=path, weights_only=True)
    if isinstance(trainer.strategy, Copies):
        trainer.strategy.whole_again(module)
    if checkpoints.asked_to_stop:
        raise SystemExit(f"stopped at step {checkpoints.step} of {steps}, which is saved")


def _trainer(
    out: Path, report: Reporter, runtime: Runtime, precision: str, callbacks: list[Callback]
) -> lightning.Trainer:
    world = runtime.world
    device = device_of(runtime.accelerator, world)
    # Lightning would take a task of Slurm's for a rank of its own, and the signals of the job for itself.
    alone = {"devices": 1, "plugins": [RankEnvironment(world)]}
    placed = alone if world.alone else arrangement(runtime.strategy, world, device)
    return lightning.Trainer(
        **placed,
        accelerator=runtime.accelerator if world.alone else device.type,
        precision=resolve(precision, runtime.accelerator),  # type: ignore[arg-type]  # a plain word from the config, checked by Lightning
        max_epochs=1,
        logger=ReportLogger(report),
        callbacks=callbacks if world.alone else [SameBuffers(), *callbacks],
        log_every_n_steps=0,  # `Recorder` does it, before the step's checkpoint
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=str(out),
    )


class _ByStep(Dataset):
    """`Batches` as the map-style dataset that worker processes need."""

    def __init__(self, data: Batches, trainer: lightning.Trainer):
        self.data, self.trainer = data, trainer

    def __getitem__(self, step: int) -> Any:
        return self.data.batch(step, self.trainer.global_rank)

    def __getstate__(self) -> dict[str, Any]:
        raise TypeError("loading processes are forked, never pickled")


class _Remaining(Sampler[int]):
    """Steps from `start` on; its length is that of the whole training, which is what Lightning counts by."""

    def __init__(self, start: int, steps: int):
        self.start, self.steps = start, steps

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.steps))

    def __len__(self) -> int:
        return self.steps


class _Loader(DataLoader):
    """Resumable by construction; Lightning asks for these two methods before it believes it."""

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: the step says which batch comes next."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Read nothing: see `state_dict`."""


def _loader(data: Batches, start: int, steps: int, workers: int, trainer: lightning.Trainer) -> _Loader:
    context = "fork" if workers else None
    return _Loader(
        _ByStep(data, trainer),
        batch_size=None,
        sampler=_Remaining(start, steps),
        num_workers=workers,
        multiprocessing_context=context,
        worker_init_fn=_deaf,
        pin_memory=torch.cuda.is_available(),
    )


def _deaf(worker: int) -> None:
    """Loading processes end with the training, whatever signal comes: their end would be taken for a crash."""
    ignore(*STOPPING)


def _quiet() -> None:
    """Lightning's advice is for people who do not have this runner."""
    for name in ("lightning", "lightning.pytorch", "lightning.fabric", "pytorch_lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
