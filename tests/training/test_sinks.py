"""What reaches the loggers, read back from what they wrote."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sovits_lab.training.sinks import TensorBoardSink, WandbSink

from .conftest import Bench

STAGES = {"media": {"_target_": "tests.training.dummies.Media"}}


def run_with(bench: Bench, sink: Any) -> Path:
    chain, _ = bench.chain(STAGES, sink)
    chain.run()
    return chain.plan.folder


def test_tensorboard_has_scalars_sound_and_picture(bench: Bench) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    folder = run_with(bench, TensorBoardSink())
    events = accumulator.EventAccumulator(str(folder / "tensorboard")).Reload()
    assert [event.value for event in events.Scalars("media/loss")] == [0.5]
    assert events.Tags()["audio"] == ["media/tone"]
    assert events.Tags()["images"] == ["media/mel"]


def test_wandb_writes_one_offline_run_named_by_the_hash(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(bench.runs))
    monkeypatch.setenv("NETRC", str(bench.runs / "none"))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    folder = run_with(bench, WandbSink("trial", mode="offline"))
    (log,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    assert log.stem == f"run-{folder.name}"
    assert list(folder.glob("wandb/offline-run-*/files/media/audio/media/*.wav"))
    assert list(folder.glob("wandb/offline-run-*/files/media/images/media/*.png"))
    shown = subprocess.run(
        [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(log)], capture_output=True, text=True
    )
    if shown.returncode != 0:
        pytest.skip(f"this wandb cannot print its own file: {shown.stderr.strip()[:200]}")
    assert "media/loss" in shown.stdout
