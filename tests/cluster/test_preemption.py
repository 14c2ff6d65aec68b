"""A training by two tasks on a real Slurm: preempted, signalled, cancelled; no step is lost or done twice."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sovits_lab.pipeline.channel import read_metrics
from tests.tracking import wandb_file
from tests.training.kept import KEPT
from tests.training.kills import KEEP, PACE, compare_checkpoints, compare_stages

from .slurm import Slurm

ROOT = Path(__file__).parents[2]
STEPS = 48
TWO_TASKS = ("trainer.nodes=2", "trainer.devices=1")
pytestmark = pytest.mark.timeout(600)


def command(runs: Path, *overrides: str) -> list[str]:
    """`train.py` on two processes, checkpoints only where a signal asks for one."""
    return [
        sys.executable, "train.py", "--config-dir", "tests/cluster/conf", "experiment=preempted", f"paths.runs={runs}",
        "trainer=ddp", "trainer.accelerator=cpu", "trainer.threads=1", "trainer.parallel=1", "trainer.log_every=1",
        "trainer.checkpoint_seconds=1000", *overrides,
    ]  # fmt: skip


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stage's folder of a run never interrupted, without Slurm, with the checkpoint of every step."""
    runs = tmp_path_factory.mktemp("whole") / "runs"
    (runs / "stages").mkdir(parents=True)
    (runs / "stages" / KEEP).touch()
    done = subprocess.run(
        command(runs, "trainer.devices=2", "trainer.checkpoint_seconds=0"),
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder,) = (runs / "stages").glob("gpt-*")
    return folder


class Training:
    """A batch job of two tasks.

    Args:
        slurm: where.
        folder: of the test.
        pace: seconds that a step takes at least.
        overrides: of the command, after those of `command`.
        options: of `sbatch`.
        launch: what starts the command within the job.
    """

    def __init__(
        self,
        slurm: Slurm,
        folder: Path,
        overrides: tuple[str, ...] = TWO_TASKS,
        pace: float = 0.12,
        launch: str = "srun --ntasks=2 --kill-on-bad-exit=1",
    ) -> None:
        self.slurm, self.runs, self.log = slurm, folder / "runs", folder / "job.log"
        (self.runs / "stages").mkdir(parents=True, exist_ok=True)
        (self.runs / "stages" / PACE).write_text(str(pace))
        self.script = f"cd {ROOT}\n{launch} {shlex.join(command(self.runs, *overrides))}"
        self.job = ""

    def submit(self, *options: str) -> None:
        """As docs/cluster.md says."""
        self.job = self.slurm.submit(
            self.script, "--ntasks=2", "--requeue", "--open-mode=append", f"--output={self.log}", *options
        )

    @property
    def stage(self) -> Path:
        """The stage's folder, finished or not."""
        return next(iter((self.runs / "stages").glob("gpt-*")), self.runs / "none")

    @property
    def steps(self) -> int:
        """The last step recorded."""
        return max((record["step"] for record in read_metrics(self.stage / "metrics.jsonl")), default=0)

    @property
    def saved(self) -> int:
        """The step of the last checkpoint."""
        found = (self.stage / "checkpoints").glob("step-*.ckpt")
        return max((int(path.stem.removeprefix("step-")) for path in found), default=0)

    def reach(self, step: int) -> None:
        """Wait until so many steps are done."""
        self.until(lambda: self.steps >= step, f"step {step}")

    def until(self, ready: Callable[[], bool], what: str, seconds: float = 240) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            log = self.log.read_text() if self.log.exists() else ""
            assert time.monotonic() < deadline, f"no {what}: {self.slurm.facts(self.job)}\n{log}"
            time.sleep(0.05)

    def preempt(self) -> None:
        """A job of the partition `high` takes both CPUs for a moment; afterwards this one may start again."""
        other = self.slurm.submit("sleep 0.1", "--partition=high", "--ntasks=2", "--output=/dev/null")
        self.slurm.wait_for(self.job, "PENDING")
        self.slurm.wait_for(other, "COMPLETED", "COMPLETING")

    def go_on(self) -> None:
        self.slurm.hasten(self.job)

    def check(self, whole: Path) -> None:
        """It ended well, each step was done once, and every bit is that of the run never interrupted."""
        self.slurm.wait_for(self.job, "COMPLETED")
        assert [r["step"] for r in read_metrics(self.stage / "metrics.jsonl")] == list(range(1, STEPS + 1))
        assert compare_stages(whole, self.stage) == []
        compared, other = compare_checkpoints(whole / KEPT, self.stage / KEPT)
        assert compared >= 1
        assert other == []


def test_a_preempted_job_goes_on_with_the_next_step(slurm: Slurm, whole: Path, tmp_path: Path) -> None:
    training = Training(slurm, tmp_path)
    training.submit()
    training.reach(8)
    training.preempt()
    assert training.saved == training.steps < STEPS, "what was done is saved"
    compared, other = compare_checkpoints(whole / KEPT, training.stage / "checkpoints")
    assert (compared, other) == (1, [])
    training.go_on()
    training.check(whole)
    assert slurm.facts(training.job)["Restarts"] == "1"
    log = training.log.read_text()
    assert log.count("gpt          started") == 2, "the log goes on where it was"
    assert f"everything is saved, and job {training.job} is queued again" in log


@pytest.mark.slow
def test_five_preemptions_lose_and_repeat_nothing(slurm: Slurm, whole: Path, tmp_path: Path) -> None:
    training = Training(slurm, tmp_path, (*TWO_TASKS, "logger=wandb"), pace=0.3)
    training.submit()
    for trial in range(5):
        before = training.steps
        training.reach(before + 2 + trial)
        training.preempt()
        assert before < training.saved == training.steps < STEPS
        compared, other = compare_checkpoints(whole / KEPT, training.stage / "checkpoints")
        print(f"preemption {trial + 1}: stopped and saved at step {training.saved}, {compared} checkpoints compared, "
              f"{other or 'the same bits'}")  # fmt: skip
        assert other == []
        training.go_on()
    training.check(whole)
    assert slurm.facts(training.job)["Restarts"] == "5"
    (run,) = (training.runs / "preempted").iterdir()
    check_wandb(run, starts=6)


@pytest.mark.slow
def test_a_job_preempted_twice_is_one_run_of_the_logger(slurm: Slurm, whole: Path, tmp_path: Path) -> None:
    training = Training(slurm, tmp_path, (*TWO_TASKS, "logger=wandb"))
    training.submit()
    for step in (5, 15):
        training.reach(step)
        training.preempt()
        training.go_on()
    training.check(whole)
    (run,) = (training.runs / "preempted").iterdir()
    check_wandb(run, starts=3)


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2])
@pytest.mark.slow
def test_a_signal_to_one_task_stops_both_at_one_step(slurm: Slurm, whole: Path, tmp_path: Path, number: int) -> None:
    training = Training(slurm, tmp_path)
    training.submit()
    training.reach(5)
    os.kill(follower(training.job), number)
    slurm.wait_for(training.job, "PENDING")
    assert training.saved == training.steps < STEPS
    training.go_on()
    training.check(whole)


@pytest.mark.slow
def test_a_second_signal_changes_nothing(slurm: Slurm, whole: Path, tmp_path: Path) -> None:
    training = Training(slurm, tmp_path)
    training.submit()
    training.reach(5)
    for _ in range(4):
        slurm.call("scancel", "--signal=USR1", training.job, check=False)
        slurm.call("scancel", "--signal=TERM", training.job, check=False)
    slurm.wait_for(training.job, "PENDING")
    assert training.saved == training.steps < STEPS
    training.go_on()
    training.check(whole)


@pytest.mark.slow
def test_a_signal_to_the_batch_script_alone(slurm: Slurm, whole: Path, tmp_path: Path) -> None:
    """`sbatch --signal=B:USR1@120`, and a script that becomes the command."""
    training = Training(slurm, tmp_path, ("trainer.devices=2",), launch="exec")
    training.submit()
    training.reach(5)
    slurm.call("scancel", "--batch", "--signal=USR1", training.job)
    slurm.wait_for(training.job, "PENDING")
    assert training.saved == training.steps < STEPS
    training.go_on()
    training.check(whole)


@pytest.mark.slow
def test_scancel_is_for_good_and_still_saves(slurm: Slurm, whole: Path, tmp_path: Path) -> None:
    training = Training(slurm, tmp_path)
    training.submit()
    training.reach(5)
    slurm.call("scancel", training.job)
    slurm.wait_for(training.job, "CANCELLED")
    time.sleep(2)
    assert slurm.facts(training.job)["JobState"] == "CANCELLED"
    assert slurm.facts(training.job)["Restarts"] == "0"
    assert training.saved == training.steps < STEPS
    training.submit()
    training.check(whole)


@pytest.mark.slow
def test_of_an_array_only_the_task_that_was_asked_is_queued_again(slurm: Slurm, tmp_path: Path) -> None:
    script = shlex.join(command(tmp_path / "runs", "trainer.devices=1", "stages.gpt.world=1"))
    (tmp_path / "runs" / "stages").mkdir(parents=True)
    (tmp_path / "runs" / "stages" / PACE).write_text("0.3")
    array = slurm.submit(
        f"cd {ROOT}\nsrun --ntasks=1 {script} seed=$SLURM_ARRAY_TASK_ID",
        "--ntasks=1", "--array=1-2", "--requeue", "--open-mode=append", f"--output={tmp_path}/job-%a.log",
    )  # fmt: skip
    deadline = time.monotonic() + 240
    while len(list((tmp_path / "runs" / "stages").glob("gpt-*.partial/metrics.jsonl"))) < 2:
        assert time.monotonic() < deadline, slurm.call("squeue")
        time.sleep(0.1)
    last = f"{array}_2"  # its own number is the array's, which means all tasks
    slurm.call("scancel", "--signal=USR1", last)
    slurm.wait_for(last, "PENDING")
    assert slurm.facts(last)["Restarts"] == "1"
    assert slurm.facts(f"{array}_1")["Restarts"] == "0"
    slurm.hasten(last)
    for task in (1, 2):
        slurm.wait_for(f"{array}_{task}", "COMPLETED")
    assert "queued again" not in (tmp_path / "job-1.log").read_text()


def check_wandb(run: Path, starts: int) -> None:
    """One run of the service, whatever the number of starts and ranks, and it holds every step once."""
    begun = sorted((run / "wandb").rglob("offline-run-*"))
    assert {path.name.partition(".")[0].rpartition("-")[2] for path in begun if path.is_dir()} == {run.name}
    assert len([path for path in begun if path.is_dir()]) == starts, "only the leader starts it"
    (file,) = (run / "wandb").glob("offline-run-*/run-*.wandb")
    told = wandb_file.read(file)
    steps = [step for step, _ in told.steps("gpt/train/total", "gpt/step")]
    print(
        f"W&B: {starts} starts, 1 run {run.name}, {len(steps)} steps, each once: {steps == list(range(1, STEPS + 1))}"
    )
    assert steps == list(range(1, STEPS + 1))
    assert told.exit_code == 0


def follower(job: str) -> int:
    """The process that `srun` started as task 1 of the job."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            environment = (path / "environ").read_bytes().split(b"\0")
            words = (path / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        wanted = {b"SLURM_PROCID=1", f"SLURM_JOB_ID={job}".encode()}
        if b"train.py" in words and wanted <= set(environment):
            return int(path.name)
    raise AssertionError("task 1 does not run")
