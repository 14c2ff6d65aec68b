"""The same tables in Weights & Biases, offline when nobody is logged in."""

from __future__ import annotations

import pytest

from evaluation.report.tracking import log_tables
from tests.evaluation.test_scores import score
from tests.evaluation.voices import run_folder


@pytest.mark.slow
def test_tables_are_written_offline(tmp_path, monkeypatch):
    for name in ("WANDB_API_KEY",):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("HOME", str(tmp_path))
    scores, _ = score(run_folder(tmp_path / "s"), tmp_path / "o")
    place = log_tables(scores, "test", "run", tmp_path)
    names = {path.name.split("_")[0] for path in place.rglob("*.table.json")}
    assert {"figures", "slices"} <= names
