"""What a training will be, in one line before it starts."""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import lightning
import torch

from sovits_lab.data.plan import Size
from sovits_lab.pipeline.memory import peak_megabytes
from sovits_lab.pipeline.settings import Runtime
from sovits_lab.reporting import Reporter
from sovits_lab.training.step_callback import StepCallback


@runtime_checkable
class Sized(Protocol):
    """Data that know how large their batches and epochs are."""

    def size(self) -> Size:
        """Return the size of one rank's batches and of an epoch."""


def outlook(module: lightning.LightningModule, data: object, runtime: Runtime) -> str:
    """Describe the effective batch, an epoch's steps, the parameters, and the memory of the model in each process.

    The memory is counted, not measured: weights, gradients and two moments of Adam, four bytes each (what is sharded
    in equal parts). Activations come on top; `FirstStep` measures them.
    """
    size, world = data.size() if isinstance(data, Sized) else None, runtime.world.size
    parts = []
    if size is not None:
        alone = f"{size.seconds * world:.0f} s, about {size.items * world:.0f} utterances"
        parts.append(f"a batch is {alone}" + (f", in {world} processes" if world > 1 else ""))
        parts.append(f"{math.ceil(size.batches / world)} steps an epoch")
    learned = sum(p.numel() for p in module.parameters() if p.requires_grad)
    fixed = sum(p.numel() for p in module.parameters()) - learned
    parts.append(f"{(learned + fixed) / 1e6:.2f} M parameters")
    if world > 1 and runtime.strategy == "fsdp":
        from sovits_lab.training.strategies import layers_of

        inside = sum(p.numel() for layer in layers_of(module) for p in layer.parameters() if p.requires_grad)
        learned -= inside - inside // world
    parts.append(f"{(16 * learned + 4 * fixed) / 2**20:.1f} MiB for weights, gradients and Adam, without activations")
    return "; ".join(parts)


class FirstStep(StepCallback):
    """Says how much memory the first step has taken at its peak, activations and all.

    On a GPU that is what torch has allocated; on a CPU the largest resident size of the process, libraries included.
    """

    def __init__(self, report: Reporter) -> None:
        self.report, self._reported = report, False

    def after_step(self, trainer: lightning.Trainer, task: lightning.LightningModule, step: int) -> None:
        """Report memory and expected duration after the first step."""
        if self._reported:
            return
        self._reported = True
        device = task.device
        if device.type == "cuda":
            measured = f"{torch.cuda.max_memory_allocated(device) / 2**20:.0f} MiB of {device}"
        else:
            measured = f"{peak_megabytes():.0f} MB of main memory"
        self.report.say(f"the first step took {measured} at its peak{_each(trainer)}")


def _each(trainer: lightning.Trainer) -> str:
    return " in this process, rank 0" if trainer.world_size > 1 else ""
