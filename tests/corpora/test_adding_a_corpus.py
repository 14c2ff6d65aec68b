"""docs/adding_a_corpus.md: a class and a YAML file make a corpus."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sovits_lab.corpora import command
from tests.corpora.readers import CONF, Tried, lay_out, recorded
from tests.evaluation.pages import add_module, blocks

PAGE = "adding_a_corpus.md"


def test_the_page_makes_a_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (source,), (yaml,) = blocks(PAGE, "python"), blocks(PAGE, "yaml")
    add_module(monkeypatch, "sovits_lab.corpora", tmp_path, "tess", source)
    conf = tmp_path / "conf"
    shutil.copytree(CONF, conf)
    (conf / "corpus" / "tess.yaml").write_text(yaml, encoding="utf-8")
    found = recorded(conf)
    assert found.keys() - recorded().keys() == {"tess"}
    (tmp_path / "tried").mkdir()
    tried = Tried("tess", found["tess"], tmp_path / "tried", conf)
    tried.run_example()
    tried.refuses_what_is_no_corpus()
    monkeypatch.setattr(command, "CONF", conf)
    lay_out(tried.files, tmp_path / "TESS")
    assert command.main(["corpus=tess", f"corpus.root={tmp_path / 'TESS'}", "corpus.splits.target=[]"]) == 0
    assert "1 of 1 rows are usable" in capsys.readouterr().out
    assert command.main([]) == 0
    assert "tess" in capsys.readouterr().out
