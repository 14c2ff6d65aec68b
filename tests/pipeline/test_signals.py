"""Signals end a run in order, wherever they arrive; on a cluster the job is queued again when that is right."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sovits_lab.pipeline.requeue import GO_ON, after_stop, slurm_job
from sovits_lab.pipeline.runner import StageError
from sovits_lab.pipeline.signals import PREEMPTING, Interrupts, Stopped
from tests.pipeline.bench import Bench
from tests.pipeline.test_runner import counter, kill_when

ROOT = Path(__file__).parents[2]
TERM, USR1 = signal.SIGTERM, signal.SIGUSR1


def test_the_first_signal_counts_and_only_the_first() -> None:
    with Interrupts(), pytest.raises(Stopped, match="SIGUSR1"):
        try:
            os.kill(os.getpid(), USR1)
            time.sleep(5)
        finally:
            os.kill(os.getpid(), TERM)  # while it is saving
    assert signal.getsignal(TERM) == signal.SIG_DFL, "the handlers are put back"


def test_what_is_held_is_not_torn_apart() -> None:
    done: list[int] = []
    with Interrupts() as interrupts, pytest.raises(Stopped, match="SIGTERM"):
        with interrupts.held():
            os.kill(os.getpid(), TERM)
            done.append(1)
        done.append(2)
    assert done == [1]


@pytest.mark.parametrize("number", PREEMPTING)
def test_a_signal_to_a_stage_alone_stops_the_run(bench: Bench, number: int) -> None:
    chain, _ = bench.chain({"slow": counter(seconds=200)})
    kill_when(chain, "slow", (chain.plan.stages["slow"].partial / "started").exists, number)
    with pytest.raises(Stopped):
        chain.run()


def test_a_crash_is_still_a_failure(bench: Bench) -> None:
    chain, _ = bench.chain({"slow": counter(seconds=200)})
    kill_when(chain, "slow", (chain.plan.stages["slow"].partial / "started").exists, signal.SIGSEGV)
    with pytest.raises(StageError, match="SIGSEGV"):
        chain.run()


@pytest.mark.parametrize("number", [TERM, *(pytest.param(n, marks=pytest.mark.slow) for n in PREEMPTING[1:])])
def test_a_signal_to_every_process_at_once_saves(tmp_path: Path, number: int) -> None:
    """As Slurm sends it: to the runner, the server, the stage and the processes that load its batches."""
    runs = tmp_path / "runs"
    process = subprocess.Popen(
        [sys.executable, "train.py", "--config-dir", "tests/training/conf", "experiment=training", "until=first",
         f"paths.runs={runs}", "trainer.workers=1", "trainer.checkpoint_seconds=1000", "trainer.log_every=1"],
        cwd=ROOT, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not list(runs.glob("stages/first-*.partial/metrics.jsonl")):
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, number)
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 128 + number, errors
    assert errors.splitlines()[-1].endswith(GO_ON)
    (saved,) = runs.glob("stages/first-*.partial/checkpoints/*")
    steps = len(next(runs.glob("stages/first-*.partial/metrics.jsonl")).read_text().splitlines())
    assert saved.name == f"step-{steps:08d}.ckpt", "saved at the end of the step, nothing half written"


def test_an_array_task_is_not_called_by_the_arrays_number() -> None:
    job = {"SLURM_JOB_ID": "12"}
    assert slurm_job({}) is None
    assert slurm_job(job) == "12"
    assert slurm_job(job | {"SLURM_ARRAY_JOB_ID": "12", "SLURM_ARRAY_TASK_ID": "3"}) == "12_3"


@pytest.mark.parametrize(
    ("state", "batch", "number", "asked", "answer"),
    [
        ("RUNNING", 1, TERM, True, "job 12 is queued again"),
        ("RUNNING", 1, signal.SIGINT, False, GO_ON),
        ("COMPLETING", 1, TERM, False, "Slurm says COMPLETING of job 12"),  # scancel, or already queued again
        ("RUNNING", 0, TERM, False, "no batch job"),
        ("UNKNOWN", 1, TERM, False, "Slurm says nothing of job 12"),
    ],
)
def test_a_job_asks_for_itself_only_while_it_counts_as_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, batch: int, number: int, asked: bool, answer: str
) -> None:
    program = tmp_path / "scontrol"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n[ {state} = UNKNOWN ] && exit 1\n'
        f'if [ "$1" = requeue ]; then kill -TERM {os.getpid()}; else echo "JobState={state} BatchFlag={batch}"; fi\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    for name in ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    before = {each: signal.getsignal(each) for each in PREEMPTING}
    try:
        assert answer in after_stop(number)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    calls = (tmp_path / "calls").read_text() if (tmp_path / "calls").exists() else ""
    assert ("requeue 12" in calls) == asked


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT])
def test_a_terminal_that_is_closed_stops_the_run_in_order(
    bench: Bench, number: int, request: pytest.FixtureRequest
) -> None:
    before = signal.signal(number, signal.SIG_DFL)  # whatever the tests were started with
    request.addfinalizer(lambda: signal.signal(number, before))
    chain, display = bench.chain({"slow": counter(seconds=200)})
    started = chain.plan.stages["slow"].partial / "started"
    threading.Thread(target=lambda: (wait_until(started.exists), os.kill(os.getpid(), number)), daemon=True).start()
    with pytest.raises(Stopped, match=signal.Signals(number).name):
        chain.run()
    assert any("goes on from here" in line for line in display.of("slow"))


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, TERM])
@pytest.mark.parametrize("everybody", [True, False])
def test_a_stage_that_holds_a_lock_is_stopped_without_remarks_of_python(
    tmp_path: Path, number: int, everybody: bool
) -> None:
    """The lock is one of the system's: who is ended at once cannot give it back, and Python's tracker of them does."""
    runs = tmp_path / "runs"
    process = subprocess.Popen(
        [sys.executable, "train.py", "--config-dir", "tests/training/conf", "experiment=locking", f"paths.runs={runs}"],
        cwd=ROOT, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # whatever the tests were started with
    )  # fmt: skip
    wait_until(lambda: list(runs.glob("stages/slow-*.partial/started")) or process.poll() is not None)
    (os.killpg if everybody else os.kill)(process.pid, number)
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 128 + number, errors
    assert len(errors.splitlines()) == 1 and errors.strip().endswith(GO_ON)
    name = next(runs.glob("stages/*.semaphore")).read_text()
    deadline = time.monotonic() + 20
    while Path(f"/dev/shm/sem.{name[1:]}").exists():
        assert time.monotonic() < deadline, "the lock stays on the machine"
        time.sleep(0.01)


def wait_until(ready: Callable[[], bool]) -> None:
    while not ready():
        time.sleep(0.01)
