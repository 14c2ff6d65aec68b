"""Searches: a study on disk that goes on, prunes, and knows several objectives."""

from __future__ import annotations

import signal
import time
from typing import Any

import pytest

optuna = pytest.importorskip("optuna")

from sovits_lab.sweeps.manifest import State  # noqa: E402
from sovits_lab.sweeps.search import STUDY  # noqa: E402

from .conftest import Sweeping  # noqa: E402

SEARCH = ("hydra/launcher=parallel", "hydra.launcher.jobs=3", "hydra/sweeper=optuna")


def trials(sweeping: Sweeping) -> list[Any]:
    folder = sweeping.manifest().folder
    return optuna.load_study(study_name=folder.name, storage=f"sqlite:///{folder / STUDY}").get_trials()


def states(sweeping: Sweeping) -> list[str]:
    return [trial.state.name for trial in trials(sweeping)]


def test_a_killed_search_goes_on_and_adds_only_what_is_missing(sweeping: Sweeping) -> None:
    words = (*SEARCH, "sweep=near", "stages.own.pause=0.1")
    command = sweeping.start(*words, "hydra.sweeper.trials=4")
    deadline = time.monotonic() + 200
    while not list(sweeping.runs.glob("stages/own-*")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    command.send_signal(signal.SIGKILL)
    command.communicate(timeout=200)
    assert "RUNNING" in states(sweeping)
    done = sweeping.run(*words, "hydra.sweeper.trials=4")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "best: stages.own.x=" in done.stdout
    counted = states(sweeping)
    assert counted.count("COMPLETE") == 4
    assert counted.count("FAIL") >= 1, "killed trials are failed"
    assert "RUNNING" not in counted
    failed = [trial.params for trial in trials(sweeping) if trial.state.name == "FAIL"]
    assert all(params in [t.params for t in trials(sweeping) if t.state.name == "COMPLETE"] for params in failed)
    assert len(sweeping.traces()) == 4 + 1, "a repeated trial is the same job"
    assert sweeping.run(*words, "hydra.sweeper.trials=5").returncode == 0
    assert states(sweeping).count("COMPLETE") == 5
    assert len({str(trial.params) for trial in trials(sweeping) if trial.state.name == "COMPLETE"}) == 5


def test_several_objectives_and_hopeless_directions(sweeping: Sweeping) -> None:
    words = (*SEARCH, "sweep=both", "hydra.sweeper.trials=3", "hydra/sweeper/sampler=nsga2")
    assert sweeping.run(*words).returncode == 0
    for trial in trials(sweeping):
        near, far = trial.values
        assert far == pytest.approx(trial.params["stages.own.x"], rel=1e-5), "a label has six digits"
        assert near == pytest.approx((far - 0.3) ** 2 + 0.36 + 1)
    refused = sweeping.run(*words, "hydra/sweeper/pruner=median")
    assert refused.returncode == 2
    assert "hydra/sweeper/pruner: needs sweep.watch and a single objective" in refused.stderr
    wrong = sweeping.run(*words, "sweep.objectives.far.figure=fra")
    assert wrong.returncode == 2
    assert "got fra (all, all), expected one of far (all, all), near (all, all)" in wrong.stderr


def test_a_grid_study_ends_with_its_grid_and_the_pruner_ends_what_is_worse(sweeping: Sweeping) -> None:
    words = ("hydra/sweeper=optuna", "hydra/sweeper/sampler=grid", "sweep=near", "stages.own.pause=0.2")
    axes = ("stages.own.x=range(0.0,1.0,0.4)", "stages.own.kind=good")
    pruner = ("hydra/sweeper/pruner=median", "hydra.sweeper.pruner.n_startup_trials=1")
    done = sweeping.run(*words, *axes, *pruner)
    assert done.returncode == 0, done.stdout + done.stderr
    finished = {trial.params["stages.own.x"]: trial.state.name for trial in trials(sweeping)}
    assert set(finished) == {"0.0", "0.4", "0.8"}
    assert finished["0.4"] == "COMPLETE", "the best one is never pruned"
    assert "PRUNED" in finished.values()
    assert State.PRUNED in sweeping.states().values()
