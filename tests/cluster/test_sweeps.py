"""`hydra/launcher=slurm_array` on a real Slurm: jobs outlive the command, may be requeued, and stop."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sovits_lab.sweeps.manifest import State, SweepJob
from tests.sweeps.conftest import Sweeping

from .slurm import Slurm

SLURM = ("hydra/launcher=slurm_array", "hydra.launcher.cpus_per_task=1", "hydra.launcher.poll_seconds=0.5")


@pytest.fixture
def sweeping(slurm: Slurm, tmp_path: Path) -> Sweeping:
    return Sweeping(tmp_path / "runs", slurm.environment)


def wait_for_running(sweeping: Sweeping, number: int) -> list[SweepJob]:
    found: list[SweepJob] = []

    def run() -> bool:
        there = list(sweeping.runs.glob("sweeps/*/*/manifest.jsonl"))
        found[:] = [job for job in sweeping.jobs() if job.state is State.RUNNING] if there else []
        return len(found) == number

    wait_until(run)
    return found


def begins(sweeping: Sweeping) -> int:
    """How many commands have taken the sweep up."""
    return sweeping.manifest().path.read_text().count('"kind": "begin"')


def wait_until(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 200
    while not ready():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


def test_jobs_outlive_the_command_and_a_requeue_is_waited_for(slurm: Slurm, sweeping: Sweeping) -> None:
    words = (*SLURM, "hydra.launcher.partition=low", "seed=1,2", "stages.own.pause=2.0")
    command = sweeping.start(*words)
    jobs = wait_for_running(sweeping, 2)
    command.send_signal(signal.SIGKILL)
    command.communicate(timeout=200)
    begun = begins(sweeping)
    again = sweeping.start(*words)
    wait_until(lambda: begins(sweeping) > begun)
    slurm.call("scontrol", "requeue", str(jobs[0].slurm))
    time.sleep(1.0)
    slurm.hasten(str(jobs[0].slurm))
    output, errors = again.communicate(timeout=250)
    assert again.returncode == 0, output + errors
    assert output.count("under way already") == 2
    assert sorted(job.attempts for job in sweeping.jobs()) == [1, 2]
    assert all(sorted(steps, key=int) == steps for steps in sweeping.traces().values()), "it went on from its step"


def test_ctrl_c_stops_what_runs_and_takes_the_rest_out_of_the_queue(slurm: Slurm, sweeping: Sweeping) -> None:
    words = (*SLURM, "seed=1,2,3", "stages.own.pause=0.5")
    command = sweeping.start(*words)
    wait_for_running(sweeping, 2)
    command.send_signal(signal.SIGINT)
    command.communicate(timeout=250)
    assert command.returncode == 130
    assert slurm.call("squeue", "--noheader").strip() == ""
    assert set(sweeping.states().values()) == {State.PENDING}
    done = sweeping.run(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(sweeping.states().values()) == {State.DONE}
