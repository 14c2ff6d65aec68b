"""docs/adding_a_judge.md: a class, a YAML file and a test make a judge."""

from __future__ import annotations

import json
import shutil

from evaluation.__main__ import main
from evaluation.suite import command
from tests.evaluation.pages import add_module, blocks, run_tests
from tests.evaluation.voices import run_folder

PAGE = "adding_a_judge.md"


def test_the_page_makes_a_judge(tmp_path, monkeypatch):
    source, test = blocks(PAGE, "python")
    (yaml,) = blocks(PAGE, "yaml")
    add_module(monkeypatch, "evaluation.judges", tmp_path, "spectrum", source)
    conf = tmp_path / "conf"
    shutil.copytree(command.CONF, conf)
    (conf / "judge" / "spectrum.yaml").write_text(yaml, encoding="utf-8")
    monkeypatch.setattr(command, "CONF", conf)
    folder = run_folder(tmp_path / "s")
    off = [f"judge@judges.{one}=none" for one in ("alignment", "prosody", "words")]
    words = ["judge@judges.speaker=spectrum", *off]
    assert main([f"run={folder}", f"out={tmp_path / 'o'}", *words]) == 0
    content = json.loads((tmp_path / "o" / "scores.json").read_text(encoding="utf-8"))
    assert "long-term spectrum" in {one["name"] for one in content["judges"]}
    found = {one["name"]: one for one in content["figures"] if one["judge"] == "long-term spectrum"}
    assert found["similarity"]["n"] == 32
    assert run_tests(test) == 1
