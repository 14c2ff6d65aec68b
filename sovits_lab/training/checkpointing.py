"""Checkpoints that are always whole: written beside, flushed, renamed; the two newest are kept."""

from __future__ import annotations

import json
import os
import pickle
import signal
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.plugins import TorchCheckpointIO

from sovits_lab.pipeline.channel import METRICS, read_metrics
from sovits_lab.pipeline.files import sync_folder, write_text
from sovits_lab.pipeline.process_group import Alone
from sovits_lab.pipeline.signals import PREEMPTING
from sovits_lab.pipeline.stage_process import CHECKPOINTS
from sovits_lab.training.loop_callbacks import NonFiniteGuard
from sovits_lab.training.step_callback import StepCallback

KEPT = 2


@dataclass(frozen=True)
class Found:
    """A checkpoint: `step` batches were done."""

    step: int
    path: Path


def latest(out: Path, say: Callable[[str], None]) -> Found | None:
    """Return the newest checkpoint that can be read; leftovers of a killed write are removed."""
    folder = out / CHECKPOINTS
    for leftover in folder.glob("*.partial"):
        leftover.unlink()
    for path in sorted(folder.glob("step-*.ckpt"), reverse=True):
        if wrong := _damage(path):
            say(f"{path.name} cannot be read, going back to the one before ({wrong})")
            path.unlink()
            continue
        return Found(int(path.stem.removeprefix("step-")), path)
    return None


def _damage(path: Path) -> str | None:
    """Say why a checkpoint cannot be used; torch reads a file with flipped bytes, so the archive's CRCs are asked."""
    try:
        with zipfile.ZipFile(path) as archive:
            if name := archive.testzip():
                return f"{name} has another checksum than was written"
        torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError, zipfile.BadZipFile, pickle.UnpicklingError) as error:
        return (str(error) or type(error).__name__).splitlines()[0]
    return None


class DirectCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint straight to its path; Lightning's own way passes through the system's temporary folder."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write the file; the caller flushes and renames it."""
        torch.save(checkpoint, path)


def load_weights(module: lightning.LightningModule, path: Path) -> None:
    """Load the module's weights alone."""
    module.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["state_dict"])


def forget_after(out: Path, step: int) -> None:
    """Drop metrics of steps that will be done again, so that each step is recorded once."""
    path = out / METRICS
    records = read_metrics(path)
    kept = [record for record in records if record["step"] <= step]
    if path.exists() and len(kept) < len(records):
        write_text(path, "".join(json.dumps(record) + "\n" for record in kept))


class Checkpoints(StepCallback):
    """Save every `seconds`, at the last step, and when a signal asks to stop (then stop).

    Of several ranks, all agree on when: one that is asked to stop stops all at the same step. Rank 0 writes.

    Args:
        out: the stage's folder.
        seconds: least time between two checkpoints; 0 saves after each step.
        guard: asked before each save, so that a kept checkpoint is a sound one.
        steps: of the whole training.
        group: the ranks.
    """

    def __init__(self, out: Path, seconds: float, guard: NonFiniteGuard, steps: int, group: Alone):
        self.folder, self.seconds, self.guard = out / CHECKPOINTS, seconds, guard
        self.steps, self.group = steps, group
        self.asked_to_stop = False
        self.step = 0
        self._last = time.monotonic()

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Take over the signals; Lightning sets handlers of its own before and restores the old ones after."""
        for number in PREEMPTING:
            signal.signal(number, self._stop)
        if isinstance(trainer.strategy.checkpoint_io, TorchCheckpointIO):
            trainer.strategy.checkpoint_io = DirectCheckpointIO()
        self._last = time.monotonic()

    def after_step(self, trainer: lightning.Trainer, task: lightning.LightningModule, step: int) -> None:
        """Save if it is time."""
        self.step = step
        late = time.monotonic() - self._last >= self.seconds
        late, self.asked_to_stop = self.group.any(late, self.asked_to_stop)
        if late or self.asked_to_stop or self.step == self.steps:
            self.guard.look(trainer, step - 1)
            self.save(trainer, self.step)
            trainer.should_stop = self.asked_to_stop

    def save(self, trainer: lightning.Trainer, step: int) -> None:
        """Write the checkpoint of `step` and remove all but the newest two; every rank gives its share."""
        self.folder.mkdir(exist_ok=True)
        final = self.folder / f"step-{step:08d}.ckpt"
        partial = final.with_suffix(".partial")
        trainer.save_checkpoint(partial)
        self._last = time.monotonic()
        if not trainer.is_global_zero:
            return
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(final)
        sync_folder(self.folder)
        for old in sorted(self.folder.glob("step-*.ckpt"))[:-KEPT]:
            old.unlink()

    def _stop(self, number: int, frame: object) -> None:
        self.asked_to_stop = True
