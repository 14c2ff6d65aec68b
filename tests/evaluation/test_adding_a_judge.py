"""docs/adding_a_judge.md: a class and a YAML file make a judge."""

from __future__ import annotations

import json
import shutil

from evaluation.__main__ import main
from evaluation.scoring.samples import read_samples
from evaluation.suite import command
from tests.evaluation.judges.contract import build, check_judge, options
from tests.evaluation.pages import add_module, blocks
from tests.evaluation.voices import run_folder

PAGE = "adding_a_judge.md"


def test_the_page_makes_a_judge(tmp_path, monkeypatch):
    (source,), (yaml,) = blocks(PAGE, "python"), blocks(PAGE, "yaml")
    add_module(monkeypatch, "evaluation.judges", tmp_path, "spectrum", source)
    conf = tmp_path / "conf"
    shutil.copytree(command.CONF, conf)
    (conf / "judge" / "spectrum.yaml").write_text(yaml, encoding="utf-8")
    monkeypatch.setattr(command, "CONF", conf)
    folder = run_folder(tmp_path / "s")
    assert set(options(conf)) - set(options()) == {"spectrum"}
    check_judge(build("spectrum"), read_samples(folder / "samples.jsonl"))
    off = [f"judge@judges.{one}=none" for one in ("alignment", "prosody", "words")]
    words = ["judge@judges.speaker=spectrum", *off]
    assert main([f"run={folder}", f"out={tmp_path / 'o'}", *words]) == 0
    content = json.loads((tmp_path / "o" / "scores.json").read_text(encoding="utf-8"))
    assert "long-term spectrum" in {one["name"] for one in content["judges"]}
    found = {one["name"]: one for one in content["figures"] if one["judge"] == "long-term spectrum"}
    assert found["similarity"]["n"] == 32
