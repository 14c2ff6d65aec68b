"""`python train.py` as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sovits_lab.pipeline.command import make_runs
from sovits_lab.training.train_command import main
from sovits_lab.types import InputError

ROOT = Path(__file__).parents[2]


def train(runs: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "train.py", "--config-dir", "tests/training/conf", f"paths.runs={runs}", *overrides]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_it_runs_tells_each_stage_and_ends_with_the_run(tmp_path: Path) -> None:
    done = train(tmp_path / "runs", "experiment=dummy")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    run = Path(lines[-1].removeprefix("run: "))
    assert (run / "result").read_text() == "1112"
    assert sum("started" in line for line in lines) == sum("done in" in line for line in lines) == 4
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {"dummy", "stages"}, "Hydra leaves nothing"


def test_help_needs_no_experiment() -> None:
    done = subprocess.run([sys.executable, "train.py", "--help"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "reference: conv_gru" in done.stdout and "sad_transfer_screen" in done.stdout


@pytest.mark.parametrize("flags", [["--multrun"], ["--cfg", "jub"], ["-m", "-x"]])
def test_a_wrong_flag_is_one_line(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*flags, "experiment=sad_transfer"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert flags[-1] in line and "expected flags -m" in line


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "runs", Path("/proc/runs")):
        with pytest.raises(InputError, match=r"paths\.runs: got .*, expected a folder that can be made"):
            make_runs(place)
    done = train(tmp_path / "file", "experiment=dummy")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "paths.runs" in done.stderr


def test_a_misspelt_key_is_one_line_and_status_2(tmp_path: Path) -> None:
    """As every other key of `tests/pipeline/test_preflight.py`."""
    done = train(tmp_path / "runs", "experiment=dummy", "+stages.one.runtime.treads=3")
    assert done.returncode == 2
    assert "did you mean 'threads'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
