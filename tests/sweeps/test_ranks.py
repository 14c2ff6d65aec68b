"""Jobs of a sweep that are themselves of several processes, two such jobs at once, through the real runner."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from sovits_lab.sweeps.manifest import State, sweeps

from .conftest import ROOT


def test_multirun_and_ddp(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    command = [sys.executable, "train.py", "--config-dir", "tests/training/conf", "-m", f"paths.runs={runs}"]
    command += ["experiment=ranks", "seed=1,2", "hydra/launcher=parallel", "stages.train.steps=20"]
    command += ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (sweep,) = sweeps(runs)
    assert [(job.state, job.attempts) for job in sweep.jobs.values()] == [(State.DONE, 1)] * 2
    stages = sorted((runs / "stages").glob("train-*"))
    assert len(stages) == 2
    for stage in stages:
        assert (stage / "log-rank1.txt").is_file(), "it had a second process"
        records = [json.loads(line) for line in (stage / "metrics.jsonl").read_text().splitlines()]
        steps = [record["step"] for record in records]
        assert steps and steps == sorted(set(steps)), "each record once"
    one, two = ((stage / "weights.safetensors").read_bytes() for stage in stages)
    assert one != two, "each job had its own seed"
