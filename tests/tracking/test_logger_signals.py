"""A signal to every process of a job, as Slurm sends it: what W&B logs is whole all the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.tracking import wandb_file

IN_A_GROUP = """
import os, signal, sys
from pathlib import Path
from sovits_lab.tracking import RunInfo, WandbLogger
signal.signal(signal.SIGTERM, lambda *_: None)
sink = WandbLogger("x", mode="offline")
sink.open(RunInfo("trial", "0123456789abcdef", Path(sys.argv[1]), {}, {}))
sink.metrics({"stage": "gpt", "step": 1, "seconds": 0.0, "train/total": 1.0})
os.killpg(0, signal.SIGTERM)
sink.metrics({"stage": "gpt", "step": 2, "seconds": 0.0, "train/total": 1.0})
sink.close(143)
"""


def test_a_signal_to_every_process_of_the_job_leaves_the_service_alive_to_finish(tmp_path: Path) -> None:
    """As Slurm sends it, and Ctrl-C in a terminal."""
    (tmp_path / "run").mkdir()
    words = [sys.executable, "-c", IN_A_GROUP, str(tmp_path / "run")]
    done = subprocess.run(words, start_new_session=True, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = wandb_file.read_ended(next((tmp_path / "run").glob("wandb/offline-run-*/run-*.wandb")))
    assert [at for at, _ in found.steps("gpt/train/total", "gpt/step")] == [1, 2]
    assert (found.exit_code, found.preempting) == (143, True)
