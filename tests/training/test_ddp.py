"""Several processes train one model: the runner starts them, and all end when one does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from .conftest import TRAINER, Bench

TWO = {**TRAINER, "devices": 2, "checkpoint_seconds": 1000}


def stage(**more: Any) -> dict[str, Any]:
    return {"train": {"_target_": "tests.training.ranks.TrainRanked", "steps": 12, "seed": 5, "world": 2, **more}}


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "weights.safetensors")


def test_two_processes_end_with_the_same_weights_and_one_result(bench: Bench) -> None:
    plan, _ = bench.run(stage(), trainer=TWO)
    folder = plan.stages["train"].folder
    assert {p.name for p in folder.iterdir()} == {
        "begun-0", "log.txt", "log-rank1.txt", "metrics.jsonl", "stage.json", "weights.safetensors",
    }  # fmt: skip
    sums = [(folder / name).read_text().split("sum ")[1].split()[0] for name in ("log.txt", "log-rank1.txt")]
    assert sums[0] == sums[1], "weights and buffers"
