"""What a run says of where it ran."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import pytest

from sovits_lab.pipeline.environment import git_state
from sovits_lab.pipeline.runner import StageError
from sovits_lab.types import InputError
from tests.pipeline.bench import Bench

PACKAGE = "tests.training.dummies"


def test_every_start_of_a_run_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    stages = {
        "one": {"_target_": f"{PACKAGE}.Counter", "seed": 7},
        "two": {"_target_": f"{PACKAGE}.Failing", "inputs": ["one"], "how": "other"},
    }
    chain, _ = bench.chain(stages)
    with pytest.raises(StageError):
        chain.run()
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    again, _ = bench.chain(stages)
    with pytest.raises(StageError):
        again.run()
    told = json.loads((chain.plan.folder / "environment.json").read_text())
    assert told["seed"] == 1
    assert told["stages"]["one"] == {"seed": 7, "world": 1, "threads": chain.plan.stages["one"].runtime["threads"]}
    assert told["stages"]["two"]["seed"] is None
    assert [each["scheduler"] for each in told["starts"]] == [{}, {"SLURM_JOB_ID": "4711"}]
    assert told["starts"][0]["devices"]["cpu_capability"]
    assert {"git", "packages", "cpu", "python", "system", "devices"} <= told.keys()


def test_a_temporary_folder_whose_path_is_too_long_for_sockets_is_named(
    monkeypatch: pytest.MonkeyPatch, bench: Bench
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/tmp/" + 80 * "x")
    chain, _ = bench.chain({"one": {"_target_": f"{PACKAGE}.Counter"}})
    with pytest.raises(InputError, match=r"TMPDIR: got '/tmp/x+', expected a path of at most 75 bytes, for sockets"):
        chain.run()


def test_a_changed_file_changes_the_difference(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b", *arguments], check=True
        )

    assert git_state(tmp_path) == {"commit": None, "diff": None}
    git("init", "-q")
    (tmp_path / "a.txt").write_text("one")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    clean = git_state(tmp_path)
    (tmp_path / "a.txt").write_text("two")
    changed = git_state(tmp_path)
    assert clean["commit"] == changed["commit"] and clean["diff"] is None and changed["diff"] is not None
    installed = tmp_path / "venv"
    installed.mkdir()
    (installed / "b.txt").write_text("a package inside somebody else's repository")
    assert git_state(installed) == {"commit": None, "diff": None}
