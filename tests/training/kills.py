"""Dying as a killed run dies, at a chosen step, and comparing what was left with a run never interrupted.

A test leaves a `Wish` beside a stage's folder; the stage's process finds it and kills itself with SIGKILL.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightning
import torch

from sovits_lab.pipeline.channel import METRICS, read_metrics
from sovits_lab.training import checkpointing
from sovits_lab.training.loop_callbacks import StepClock

WISH = "die.json"
KEEP = "keep-every-checkpoint"
PACE = "seconds-per-step"
TIMES = ("seconds", "time/step", "time/wait", "time/valid")
HOWS = ("moment", "half", "written", "renamed")


@dataclass(frozen=True)
class Wish:
    """When to die.

    Attributes:
        step: at the checkpoint of this step.
        how: "half" in the middle of its file, "written" before the file gets its name, "renamed" before the old
            checkpoint is removed, "moment" `seconds` after its writing began.
        seconds: see above.
        tree: the whole process group dies, runner and all; else the stage's process alone.
    """

    step: int
    how: str
    seconds: float = 0.0
    tree: bool = False

    def leave(self, stages: Path) -> None:
        """Tell the next process of a stage below this folder."""
        stages.mkdir(parents=True, exist_ok=True)
        (stages / WISH).write_text(json.dumps(asdict(self)))

    def die(self) -> None:
        if self.tree:
            os.killpg(0, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


def draw_wishes(kills: int, steps: int, draw: random.Random, step_seconds: float, tree: bool = False) -> list[Wish]:
    """`kills` moments, one in each equal part of the steps, the ways of dying in turn."""
    wishes = []
    for trial in range(kills):
        step = draw.randint(1 + trial * (steps - 1) // kills, (trial + 1) * (steps - 1) // kills)
        wishes.append(Wish(step, HOWS[trial % len(HOWS)], draw.uniform(0, 1.5 * step_seconds), tree))
    return wishes


def obey(out: Path) -> None:
    """In a stage's process: keep checkpoints, go slowly, die, as the files beside the stage's folder say."""
    if (out.parent / KEEP).exists():
        checkpointing.KEPT = 10**6
    if (out.parent / PACE).exists():
        _slow_down(float((out.parent / PACE).read_text()))
    path = out.parent / WISH
    if not path.exists():
        return
    wish = Wish(**json.loads(path.read_text()))
    path.unlink()
    save, sync = lightning.Trainer.save_checkpoint, checkpointing.sync_folder
    due = False

    def saving(self: lightning.Trainer, partial: Path, *args: Any, **kwargs: Any) -> None:
        nonlocal due
        due = int(Path(partial).stem.removeprefix("step-")) >= wish.step
        if due and wish.how == "moment":
            threading.Timer(wish.seconds, wish.die).start()
        save(self, partial, *args, **kwargs)
        if due and wish.how == "half":
            os.truncate(partial, Path(partial).stat().st_size // 2)
        if due and wish.how in ("half", "written"):
            wish.die()

    def renamed(folder: Path) -> None:
        if due and wish.how == "renamed":
            wish.die()
        sync(folder)

    lightning.Trainer.save_checkpoint = saving
    checkpointing.sync_folder = renamed


def _slow_down(seconds: float) -> None:
    begin = StepClock.on_train_batch_start

    def slowly(self: StepClock, *args: Any) -> None:
        time.sleep(seconds)
        begin(self, *args)

    StepClock.on_train_batch_start = slowly


def differences(a: Any, b: Any, path: str = "") -> list[str]:
    """Where two checkpoints' contents are not the same bits."""
    if type(a) is not type(b):
        return [f"{path}: {type(a).__name__} and {type(b).__name__}"]
    if isinstance(a, torch.Tensor):
        alike = a.dtype == b.dtype and a.shape == b.shape and torch.equal(_bits(a), _bits(b))
        return [] if alike else [path]
    if isinstance(a, dict):
        found = [] if a.keys() == b.keys() else [f"{path}: keys {sorted(map(str, a.keys() ^ b.keys()))}"]
        return found + [d for key in a.keys() & b.keys() for d in differences(a[key], b[key], f"{path}/{key}")]
    if isinstance(a, list | tuple):
        found = [] if len(a) == len(b) else [f"{path}: {len(a)} and {len(b)} entries"]
        return found + [d for i, (x, y) in enumerate(zip(a, b, strict=False)) for d in differences(x, y, f"{path}/{i}")]
    return [] if a == b else [f"{path}: {a} and {b}"]


def compare_checkpoints(whole: Path, parts: Path) -> tuple[int, list[str]]:
    """Compare each checkpoint in the folder `parts` with that of the same step in `whole`; how many, and where not."""
    found: list[str] = []
    paths = sorted(parts.glob("step-*.ckpt"))
    for path in paths:
        a, b = (torch.load(p, map_location="cpu", weights_only=True) for p in (whole / path.name, path))
        found += [f"{path.name}{where}" for where in differences(a, b)]
    return len(paths), found


def compare_stages(whole: Path, parts: Path) -> list[str]:
    """Where two finished stages differ: written files bit for bit, metrics but for their times, each step once."""
    found = []
    for path in sorted(whole.rglob("*")):
        name = path.relative_to(whole)
        if path.suffix in (".safetensors", ".npz", ".npy") and path.read_bytes() != (parts / name).read_bytes():
            found.append(str(name))
    a, b = timeless(whole / METRICS), timeless(parts / METRICS)
    if a != b:
        found.append(f"{METRICS}: {len(a)} and {len(b)} records: {[r for r in a + b if r not in a or r not in b][:2]}")
    return found


def timeless(path: Path) -> list[dict[str, Any]]:
    """Records without what the clock has put there."""
    return [{k: v for k, v in record.items() if k not in TIMES} for record in read_metrics(path)]


def _bits(x: torch.Tensor) -> torch.Tensor:
    """NaN equals itself, 0 is not -0."""
    return x.contiguous().reshape(-1).view(torch.uint8) if x.numel() else x
