"""A judge and a corpus in a package of one's own, by the pages on adding them: every command finds them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluation.suite.command import build_scorers, compose_config
from sovits_lab.corpora.command import main as doctor
from sovits_lab.pipeline.sources import source_state
from sovits_lab.plugins import VARIABLE
from sovits_lab.types import InputError
from tests.corpora.corpora import recording
from tests.pipeline.refusals import refusal

DOCS = Path(__file__).parents[2] / "docs"
FILES = {"judge": "spectrum", "corpus": "tess"}
MODULES = {"evaluation.judges.spectrum": "ownlab.spectrum", "sovits_lab.corpora.tess": "ownlab.tess"}


@pytest.fixture
def ownlab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The package `ownlab` with what the two pages show, in its own modules."""
    package = tmp_path / "ownlab"
    for group, name in FILES.items():
        page = (DOCS / f"adding_a_{group}.md").read_text(encoding="utf-8")
        code, option = (re.search(rf"```{kind}\n(.*?)```", page, re.DOTALL) for kind in ("python", "yaml"))
        assert code and option
        (package / "conf" / group).mkdir(parents=True)
        (package / f"{name}.py").write_text(code[1])
        for ours, own in MODULES.items():
            option_text = option[1].replace(ours, own)
            if option_text != option[1]:
                (package / "conf" / group / f"{name}.yaml").write_text(option_text)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv(VARIABLE, "ownlab")
    yield package
    for name in [name for name in sys.modules if name.partition(".")[0] == "ownlab"]:
        del sys.modules[name]


def recordings(folder: Path) -> Path:
    for name in ("OAF_back_sad", "OAF_bar_sad", "YAF_back_neutral"):
        recording(folder / f"{name}.wav")
    return folder


def test_an_own_judge_is_found_by_the_evaluation(ownlab: Path) -> None:
    nodes = compose_config(["judge@judges.speaker=spectrum"])["judges"]
    (scorer,) = build_scorers({"speaker": nodes["speaker"]})
    assert scorer.card.name == "long-term spectrum"


def test_an_own_corpus_is_found_by_the_doctor_and_the_training(
    ownlab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = recordings(tmp_path / "tess")
    assert doctor(["corpus=tess", f"corpus.root={root}", "corpus.limits.min_seconds=0.1"]) == 0
    assert "3 of 3 rows are usable" in capsys.readouterr().out
    assert refusal("experiment=own_voice", "corpus=tess", f"corpus.root={root}") == ""


def test_recordings_of_an_own_corpus_that_changed_are_another_corpus(ownlab: Path, tmp_path: Path) -> None:
    root = recordings(tmp_path / "tess")
    node = {"_target_": "ownlab.tess.Tess", "root": str(root)}
    before = source_state(node, tmp_path)
    assert before is not None and source_state(node, tmp_path) == before
    os.utime(root / "OAF_bar_sad.wav", (1, 1))
    assert source_state(node, tmp_path) not in (before, None)


def test_without_the_variable_nothing_of_it_is_found(ownlab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(InputError, match="judge: got 'spectrum', expected one of"):
        compose_config(["judge@judges.speaker=spectrum"])
