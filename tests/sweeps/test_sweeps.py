"""A sweep from the user's side: done once, gone on with, refused, told."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from sovits_lab.sweeps.command import main as list_sweeps
from sovits_lab.sweeps.locks import is_held
from sovits_lab.sweeps.manifest import Manifest, State, sweeps
from sovits_lab.types import InputError

from .conftest import ROOT, Sweeping

PARALLEL = ("hydra/launcher=parallel", "hydra.launcher.jobs=4")


def wait_for(condition: object, seconds: float = 200.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def running(sweeping: Sweeping) -> list[int]:
    """Processes of jobs under way."""
    found = sweeps(sweeping.runs)
    jobs = [job for each in found for job in each.jobs.values() if each.stands(job) is State.RUNNING]
    return [job.pid for job in jobs if job.pid]


def children(pid: int) -> list[int]:
    """Processes that a process has started."""
    done = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in done.stdout.split()]


def test_twelve_arms_killed_at_random_are_each_done_once(sweeping: Sweeping, tmp_path: Path) -> None:
    """SIGKILL for the sweep's command, the jobs' keepers and the jobs themselves; the same command goes on."""
    axes = ("seed=1,2,3,4,5,6", "stages.own.x=0.1,0.2", "stages.own.pause=0.04")
    chance = random.Random(7)
    kills = {"command": 0, "keeper": 0, "job": 0}
    for _ in range(30):
        command = sweeping.start(*PARALLEL, *axes)
        while command.poll() is None and sum(kills.values()) < 9:
            time.sleep(chance.uniform(0.1, 0.5))
            keepers = running(sweeping)
            jobs = [child for pid in keepers for child in children(pid)]
            victims = {"command": [command.pid] if keepers else [], "keeper": keepers, "job": jobs}
            alive = [kind for kind, pids in victims.items() if pids]
            if alive:
                kind = min(alive, key=kills.__getitem__)
                with suppress(ProcessLookupError):  # it ended by itself meanwhile
                    os.kill(chance.choice(victims[kind]), signal.SIGKILL)
                    kills[kind] += 1
        command.communicate(timeout=200)
        if command.returncode == 0:
            break
    assert command.returncode == 0
    assert all(kills.values()), kills
    assert set(sweeping.states().values()) == {State.DONE}
    assert len(sweeping.jobs()) == 12
    calm = Sweeping(tmp_path / "calm")
    assert calm.run(*PARALLEL, *axes[:-1], "stages.own.pause=0.04").returncode == 0
    assert sweeping.results() == calm.results()
    assert len(set(calm.results().values())) == 12
    # a killed step is begun again, and that is all: nobody computes what is there, nor beside another
    steps = sweeping.traces()
    assert steps.keys() == calm.traces().keys()
    assert sum(map(len, steps.values())) - sum(map(len, calm.traces().values())) <= sum(kills.values())
    assert all(sorted(each, key=int) == each for each in steps.values())


def test_the_same_command_does_nothing_twice_and_more_arms_share(sweeping: Sweeping) -> None:
    first = sweeping.run("seed=1,2")
    assert first.returncode == 0, first.stderr
    before = sweeping.traces()
    assert len(before) == 3, "one shared stage, two of their own"
    again = sweeping.run("seed=1,2")
    assert again.returncode == 0
    assert again.stdout.count("done already") == 2
    assert [job.attempts for job in sweeping.jobs()] == [1, 1]
    job = sweeping.jobs()[0]
    assert sweeping.told(job) == {"id": sweeping.manifest().folder.name, "cores": None}

    for stage in (sweeping.runs / "stages").glob("own-*"):
        stage.rename(stage.with_suffix(".gone"))
    assert sweeping.run("seed=1,2").returncode == 0, "results that were removed are made anew"
    assert [job.attempts for job in sweeping.jobs()] == [2, 2]


def test_arms_of_one_config_are_one_job_and_share_the_cores(sweeping: Sweeping) -> None:
    done = sweeping.run(*PARALLEL, "seed=1,2", "trainer.log_every=1,2")
    assert done.returncode == 0, done.stderr
    assert len(sweeping.jobs()) == 2
    assert done.stdout.count("the same job as") == 2
    assert sweeping.told(sweeping.jobs()[0])["cores"] == max(1, len(os.sched_getaffinity(0)) // 4)


def test_the_files_of_a_sweep_never_say_what_is_executed(sweeping: Sweeping, tmp_path: Path) -> None:
    trace = tmp_path / "executed"
    assert sweeping.run("seed=1").returncode == 0
    path = sweeping.manifest().path
    planted = [{"kind": "sweep", "command": ["touch", str(trace)], "cwd": "/"}, {"kind": "begin", "keep": True}]
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines = [
        line | planted[0] | {"kind": line["kind"]} if line["kind"] in ("sweep", "begin") else line for line in lines
    ]
    lines = [line for line in lines if line["kind"] != "state"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    again = sweeping.run("seed=1")
    assert again.returncode == 0, again.stderr
    assert not trace.exists()


def test_two_sweeps_that_share_a_job_both_end_well(sweeping: Sweeping) -> None:
    first = sweeping.start("seed=1", "stages.own.pause=1.0", "sweep.label=one")
    wait_for(lambda: running(sweeping))
    second = sweeping.run("seed=1", "stages.own.pause=1.0", "sweep.label=two")
    first.communicate(timeout=200)
    assert (first.returncode, second.returncode) == (0, 0), second.stdout + second.stderr
    assert "under way already" in second.stdout
    assert "stopped" not in second.stdout


def test_nothing_starts_when_an_arm_does_not_compose(sweeping: Sweeping) -> None:
    for words, message in {
        ("seed=1,many",): "seed=many",
        ("stages.own.inputs=[shared],[sharde]",): "did you mean 'shared'",
        ("sweep=nothing", "seed=1"): "nothing",
        ("seed=interval(1,3)",): "hydra/sweeper=optuna",
        ("seed=1,2", "hydra/launcher=basic"): "hydra/launcher: got 'basic'",
        ("seed=1,2", "hydra/sweeper=basic"): "hydra/sweeper",
        ("seed=1,2", "sweep.on_failure=hope"): "sweep.on_failure: got 'hope'",
    }.items():
        done = sweeping.run(*words)
        assert done.returncode != 0
        assert message in done.stderr, done.stderr
        assert not (sweeping.runs / "stages").exists()


def test_a_failure_is_told_at_once_with_its_log(sweeping: Sweeping) -> None:
    axes = ("stages.own.fail=true,false", "seed=1,2")
    done = sweeping.run(*axes)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    failed = next(i for i, line in enumerate(lines) if "FAILED" in line)
    log = Path(lines[failed].rpartition("log ")[2])
    assert "it was told to fail" in log.read_text()
    assert any("it was told to fail" in line for line in lines[failed : failed + 12])
    assert "started" in "".join(lines[failed:]), "the others go on"
    assert sorted(sweeping.states().values()) == [State.DONE, State.DONE, State.FAILED, State.FAILED]
    fast = sweeping.run(*axes, "sweep.on_failure=fail_fast")
    assert fast.returncode == 1
    assert fast.stdout.count("FAILED") == 1, "failed ones are tried again, and the first that fails is the last"


def test_a_changed_configuration_is_refused_and_can_begin_anew(sweeping: Sweeping, tmp_path: Path) -> None:
    option = tmp_path / "conf" / "sweep" / "mine.yaml"
    option.parent.mkdir(parents=True)
    tiny = (ROOT / "tests/sweeps/conf/tiny.yaml").read_text()
    (tmp_path / "conf" / "tiny.yaml").write_text(tiny)
    option.write_text("on_failure: keep_going\n")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "tests/sweeps/program.py", "--config-dir", str(tmp_path / "conf"), "-m"]
        command += [f"paths.runs={sweeping.runs}", "seed=1,2", *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)

    assert run().returncode == 0
    (tmp_path / "conf" / "tiny.yaml").write_text(tiny.replace("x: 0.0", "x: 0.5"))
    refused = run()
    assert refused.returncode == 2
    assert "stages.own.x was 0.0, is 0.5" in refused.stderr
    assert "sweep.label=" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert run("sweep.label=second").returncode == 0
    assert len(sweeps(sweeping.runs)) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_sweep_stops_its_jobs_and_goes_on(sweeping: Sweeping, number: int) -> None:
    words = (*PARALLEL, "seed=1,2,3", "stages.own.pause=0.4")
    command = sweeping.start(*words)
    wait_for(lambda: len(running(sweeping)) == 3)
    time.sleep(0.5)
    command.send_signal(number)
    _, errors = command.communicate(timeout=200)
    assert command.returncode == 128 + number
    assert "goes on from here" in errors
    assert not running(sweeping)
    assert set(sweeping.states().values()) == {State.PENDING}
    assert sweeping.run(*words).returncode == 0


def test_two_commands_do_not_run_one_sweep(sweeping: Sweeping) -> None:
    words = ("seed=1", "stages.own.pause=0.3")
    command = sweeping.start(*words)
    wait_for(lambda: running(sweeping))
    second = sweeping.run(*words)
    assert second.returncode == 2
    assert "another command" in second.stderr
    command.communicate(timeout=200)
    assert command.returncode == 0
    job = sweeping.jobs()[0]
    assert job.attempts == 1
    assert not is_held(sweeping.manifest().lock(job.arm.key))


def test_a_line_cut_short_is_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "sweeps" / "x" / "y"
    manifest = Manifest(folder)
    manifest.create(arguments=[])
    with manifest.path.open("ab") as file:
        file.write(b'{"kind": "state", "job"')
    manifest.begin(keep=False)
    again = Manifest(folder)
    assert again.header is not None
    assert len(manifest.path.read_bytes().splitlines()) == 3


def test_sweeps_are_listed_without_torch(sweeping: Sweeping) -> None:
    assert sweeping.run("stages.own.fail=true,false").returncode == 1
    command = [sys.executable, "-X", "importtime", "-m", "sovits_lab", "sweeps", "--runs", str(sweeping.runs)]
    environment = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0
    assert "1 done, 1 failed" in done.stdout
    assert str(sweeping.manifest().log("").parent) in done.stdout
    assert not any(line.rpartition("|")[2].strip() in ("torch", "numpy", "hydra") for line in done.stderr.splitlines())


def test_a_key_of_the_training_is_no_name_of_a_sweep() -> None:
    with pytest.raises(InputError, match=r"sweeps: got 'paths.runs=/data', expected names of sweeps, or runs=DIR"):
        list_sweeps(["paths.runs=/data"])
