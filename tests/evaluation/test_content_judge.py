"""A content stage that knows no phones does not judge, and the scores say so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evaluation.suite.stage import ScoreRun
from sovits_lab.reporting import Silent
from tests.evaluation.voices import run_folder

CONTENT = "sovits_lab.checkpoints.content"


def score(tmp_path: Path, form: Mapping[str, Any]) -> dict[str, Any]:
    folder, content, out = run_folder(tmp_path / "samples"), tmp_path / "content" / "bundle", tmp_path / "scores"
    content.mkdir(parents=True)
    record = {"format": 1, "kind": "content", "model": {}, "audio": {}, "symbols": [], **form}
    (content / "bundle.json").write_text(json.dumps(record))
    out.mkdir()
    recognisers = [
        {
            "name": "tokenizer",
            "stage": "content",
            "load": {"_target_": "tests.evaluation.voices.Echo", "_partial_": True},
            "present": {"_target_": f"{CONTENT}.recognises", "_partial_": True},
            "self_graded": True,
        },
        {"name": "echo", "stage": "samples", "load": {"_target_": "tests.evaluation.voices.Echo", "_partial_": True}},
    ]
    bars = [{"figure": "per.tokenizer", "group": "target", "emotion": "sad", "at_most": 0.2}]
    stage = ScoreRun(recognisers=recognisers, bars=bars)
    stage.run({"samples": folder, "content": tmp_path / "content"}, out, Silent())
    return json.loads((out / "scores.json").read_text(encoding="utf-8"))


def names(scores: Mapping[str, Any]) -> set[str]:
    return {one["name"] for one in scores["figures"] if one["name"].startswith("per.")}


def test_clusters_leave_the_independent_recogniser(tmp_path: Path) -> None:
    scores = score(tmp_path, {"form": "clusters"})
    assert names(scores) == {"per.echo"}
    assert "holds no recogniser" in json.dumps(scores)
    (bar,) = scores["bars"]
    assert bar["value"] is None and not bar["reached"], "a bar that nobody measured is not reached"


def test_a_trained_tokenizer_judges_too(tmp_path: Path) -> None:
    assert names(score(tmp_path, {})) == {"per.echo", "per.tokenizer"}
