"""Paired comparison of two scored folders."""

from __future__ import annotations

import json

import pytest

from evaluation.__main__ import main
from evaluation.compare import Scored, compare
from sovits_lab.types import InputError
from tests.evaluation.test_scores import score
from tests.evaluation.voices import run_folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    for name, reached in (("a", 0.3), ("b", 1.0)):
        score(run_folder(root / name, reached=reached), root / f"scores_{name}")
    return root


def test_a_run_against_itself_differs_nowhere(runs):
    one = Scored.read(runs / "scores_a")
    for row in compare(one, one):
        assert row["difference"] == 0
        assert row["n"] == 32 or row["metric"] in ("similarity_style_speaker", "timbre_won")


def test_the_better_run_is_found_in_the_right_direction(runs):
    rows = compare(Scored.read(runs / "scores_a"), Scored.read(runs / "scores_b"), ["mel_cepstral_distance"])
    assert rows[0]["metric"] == "mel_cepstral_distance", "primaries come first"
    assert rows[0]["family"] == "primary"
    by = {row["metric"]: row for row in rows}
    assert by["level"]["difference"] == pytest.approx(0.5 * -7 * 0.7, abs=0.3)  # half the items are sad
    assert by["f0_median"]["difference"] == pytest.approx(0.5 * -5 * 0.7, abs=0.3)
    assert by["level"]["better"] == "none"
    assert by["level"]["low"] <= by["level"]["difference"] <= by["level"]["high"]


def test_other_weights_are_refused(runs, tmp_path):
    import shutil

    shutil.copytree(runs / "scores_a", tmp_path / "c")
    lines = (tmp_path / "c" / "items.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    for row in rows:
        row["judge_hash"] = "feedface" if row["metric"] == "per" else row["judge_hash"]
    (tmp_path / "c" / "items.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="per by echo, hash of the judge"):
        compare(Scored.read(runs / "scores_a"), Scored.read(tmp_path / "c"))


def test_the_command_writes_a_page_and_names_mistakes(runs, tmp_path, capsys):
    a, b = str(runs / "scores_a"), str(runs / "scores_b")
    assert main(["compare", a, b, f"out={tmp_path}", "primary=similarity", "margin=similarity:0.5"]) == 0
    assert "primary" in (tmp_path / "index.html").read_text(encoding="utf-8")
    rows = json.loads((tmp_path / "compare.json").read_text(encoding="utf-8"))["rows"]
    assert rows[0]["equivalent"] is True
    assert main(["compare", a]) == 2
    assert main(["compare", a, b, f"out={tmp_path}", "primary=beauty"]) == 2
    assert main(["compare", a, str(tmp_path / "none")]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert [word for line, word in zip(errors, ("two scored", "beauty", "report.json"), strict=True) if word in line]
