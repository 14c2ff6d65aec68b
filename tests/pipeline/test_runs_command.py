"""`python -m sovits_lab runs`: what was run, and whether it is whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from sovits_lab.__main__ import main
from tests.pipeline.bench import Bench
from tests.pipeline.test_runner import DIAMOND


def test_no_runs_is_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--runs", str(tmp_path)]) == 0
    assert "no runs yet" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["{", "[]", '{"one": 5}', "\udcff"])
def test_a_damaged_record_is_one_line(tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "trial" / "abc"
    folder.mkdir(parents=True)
    (folder / "stages.json").write_bytes(content.encode(errors="surrogateescape"))
    assert main(["runs", "--runs", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert ("stages.json" in line and "expected" in line) or "cannot be read" in line


def test_runs_are_listed_and_verified(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    plan, _ = bench.run(DIAMOND)
    assert main(["runs", "--runs", str(bench.runs)]) == 0
    shown = capsys.readouterr().out
    assert plan.folder.name in shown
    assert "4 of 4" in shown
    assert main(["runs", "verify", "trial", "--runs", str(bench.runs)]) == 0
    assert capsys.readouterr().out.count("whole") == 4
    (plan.stages["four"].folder / "number.txt").write_text("6")
    assert main(["runs", "verify", plan.folder.name[:6], "--runs", str(bench.runs)]) == 1
    assert "number.txt has another checksum" in capsys.readouterr().out
    assert main(["runs", "verify", "nothing", "--runs", str(bench.runs)]) == 2
