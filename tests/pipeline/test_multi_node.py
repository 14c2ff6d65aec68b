"""One command started in two tasks: the first leads, the other lends its processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sovits_lab.bench.service_stack import free_port
from sovits_lab.pipeline.distributed import Tasks
from sovits_lab.pipeline.multi_node import Leader
from sovits_lab.pipeline.workers import StageError
from tests.pipeline.bench import RecordingDisplay

ROOT = Path(__file__).parents[2]
SMALL = ("experiment=ranks", "trainer.accelerator=cpu", "trainer.threads=1", "trainer.precision=32-true")


class Commands:
    """Commands with a common leader's address; whatever still runs at the end is killed."""

    def __init__(self) -> None:
        self.leader = f"127.0.0.1:{free_port()}"
        self.started: list[subprocess.Popen[str]] = []

    def start(self, runs: Path, *overrides: str, task: int | None = None) -> subprocess.Popen[str]:
        command = [sys.executable, "train.py", "--config-dir", "tests/training/conf", f"paths.runs={runs}", *SMALL]
        own = {} if task is None else {"SOVITS_LAB_TASK": str(task), "SOVITS_LAB_LEADER": self.leader}
        self.started.append(
            subprocess.Popen(
                [*command, *overrides],
                cwd=ROOT,
                env=os.environ | own,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return self.started[-1]

    def both(self, runs: Path, *overrides: str) -> tuple[subprocess.Popen[str], subprocess.Popen[str]]:
        two = ("trainer.nodes=2", "trainer.timeout=200", *overrides)
        return self.start(runs, *two, task=0), self.start(runs, *two, task=1)


@pytest.fixture
def commands() -> Iterator[Commands]:
    made = Commands()
    yield made
    for each in made.started:
        each.kill()
        each.communicate()


def results(runs: Path) -> dict[str, bytes]:
    return {p.parent.name: p.read_bytes() for p in runs.glob("stages/*/*") if p.suffix in (".safetensors", ".txt")
            and not p.name.startswith("log")}  # fmt: skip


def test_two_tasks_do_what_one_with_two_processes_does(commands: Commands, tmp_path: Path) -> None:
    leader, follower = commands.both(tmp_path / "two")
    out, errors = leader.communicate(timeout=240)
    assert leader.returncode == 0, errors
    assert "2 tasks: this one and 1 on" in out
    said = follower.communicate(timeout=240)
    assert (follower.returncode, said) == (0, ("", "")), "a follower is mute"
    one = commands.start(tmp_path / "one", "trainer.devices=2")
    assert one.wait(timeout=240) == 0
    assert results(tmp_path / "one") == results(tmp_path / "two"), "the same folders, the same bits"
    assert len(results(tmp_path / "one")) == 2


@pytest.mark.slow
def test_a_failure_in_another_task_is_told_by_the_leader(commands: Commands, tmp_path: Path) -> None:
    leader, follower = commands.both(tmp_path, "stages.train.die='1:6:error'")
    _, errors = leader.communicate(timeout=240)
    assert leader.returncode == 1
    assert "error: train: rank 1: ValueError: a batch that cannot be read" in errors
    assert follower.wait(timeout=240) == 0


@pytest.mark.slow
def test_a_follower_does_not_outlive_its_leader(commands: Commands, tmp_path: Path) -> None:
    leader, follower = commands.both(tmp_path, "stages.train.steps=100000", "stages.train.seconds=0.01")
    while not list(tmp_path.glob("stages/train-*.partial/checkpoints")) and leader.poll() is None:
        time.sleep(0.05)
        if list(tmp_path.glob("stages/train-*.partial/log-rank1.txt")):
            break
    leader.kill()
    _, errors = follower.communicate(timeout=240)
    assert follower.returncode == 1
    assert "task 1: the leader is gone" in errors


def lead(port: int) -> None:
    Leader(Tasks(size=2, port=port), {}, 0.5, RecordingDisplay())


def test_a_task_that_does_not_come_is_named(commands: Commands) -> None:
    with pytest.raises(StageError, match=r"tasks \[1\] of 2 have not come to .* within 0.5 s"):
        lead(int(commands.leader.partition(":")[2]))


def test_a_leaders_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StageError, match=rf"port {port} of .* cannot be opened"):
            lead(port)


@pytest.mark.slow
def test_a_sweep_of_jobs_with_two_processes_each(commands: Commands, tmp_path: Path) -> None:
    sweep = commands.start(tmp_path, "trainer.devices=2", "seed=1,2", "stages.train.steps=5", "-m")
    out, errors = sweep.communicate(timeout=180)
    assert sweep.returncode == 0, out + errors
    weights = results(tmp_path)
    assert len(weights) == 3, "one stage without a seed, and two trainings"
    assert len(set(weights.values())) == 3
