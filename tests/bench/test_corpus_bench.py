"""The benchmark of large corpora: its steps do what they say, each in a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sovits_lab.bench import corpus, corpus_steps
from sovits_lab.bench.corpus import measure_corpus
from sovits_lab.bench.corpus_steps import EMOTIONS, SPEAKERS, STEPS, WORDS, make_corpus, make_features, text_of_row
from sovits_lab.corpora.manifest import MANIFEST
from sovits_lab.data.store import FeatureStore

ROWS = 2 * SPEAKERS * len(EMOTIONS)  # every speaker says something in every emotion


def test_every_row_has_a_text_of_its_own() -> None:
    assert len(set(WORDS)) == len(WORDS) and len(WORDS) ** 3 >= 100_000
    assert len({text_of_row(number) for number in range(len(WORDS) ** 3)}) == len(WORDS) ** 3


def test_every_step_of_the_table_can_be_done() -> None:
    assert [*corpus.STEPS] == [*STEPS] and {*corpus.MADE} == {*corpus_steps.MAKERS}


def test_the_steps_do_what_they_are_measured_for(tmp_path: Path) -> None:
    make_corpus(tmp_path, ROWS)
    make_features(tmp_path, ROWS)
    for step in STEPS.values():
        step(tmp_path)
    assert len(list((tmp_path / "audio").iterdir())) == ROWS
    assert len(list((tmp_path / "runs").rglob(MANIFEST))) == 1
    assert len(FeatureStore(tmp_path / "features").rows) == len(FeatureStore(tmp_path / "shards").rows) == ROWS


def test_lines_are_of_the_steps_asked_for(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    done: list[tuple[str, int]] = []

    def measured(step: str, place: Path, rows: int) -> dict[str, Any]:
        assert place.is_dir()
        done.append((step, rows))
        return {"seconds": 2.0, "processor": 4.0, "peak": 300.0}

    monkeypatch.setattr(corpus, "measure_step", measured)
    assert measure_corpus(["rows=1000,2000", "steps=plan,batch"]) == 0
    assert [step for step, _ in done[:5]] == [*corpus.MADE, "manifest", "plan", "batch"]
    printed = capsys.readouterr().out.splitlines()
    assert [line.split() for line in printed[1:3]] == [
        ["plan", "1000", "2.00", "4.00", "4.000", "300"],
        ["batch", "1000", "2.00", "4.00", "4.000", "300"],
    ]
    assert printed[3].split()[:5] == ["plan", "2000", "2.00", "4.00", "2.000"]
