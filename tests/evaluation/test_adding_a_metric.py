"""docs/adding_a_metric.md: one file makes a measure that is scored, printed, compared and used in training."""

from __future__ import annotations

import json

import pytest

from evaluation.__main__ import main
from evaluation.catalogue import direction, find_measure
from evaluation.metrics import RecordingMetric
from evaluation.report.wording import label
from evaluation.scoring import measures
from evaluation.scoring.measures import Measure, declare
from sovits_lab.types import InputError
from tests.evaluation.pages import add_module, blocks, run_tests
from tests.evaluation.voices import run_folder, voice

PAGE = "adding_a_metric.md"
CHEAP = [f"judge@judges.{one}=none" for one in ("speaker", "alignment", "prosody", "words")]


@pytest.fixture
def registry(monkeypatch):
    """What the test declares is forgotten afterwards."""
    monkeypatch.setattr(measures, "_declared", dict(measures._declared))


def test_a_file_is_all_that_a_metric_needs(tmp_path, monkeypatch, registry):
    source, test = blocks(PAGE, "python")
    add_module(monkeypatch, "evaluation.quality", tmp_path, "pauses", source)
    folder = run_folder(tmp_path / "s")
    assert main([f"run={folder}", f"out={tmp_path / 'o'}", *CHEAP]) == 0
    content = json.loads((tmp_path / "o" / "scores.json").read_text(encoding="utf-8"))
    (found,) = (f for f in content["figures"] if (f["name"], f["group"], f["emotion"]) == ("pauses", "all", "all"))
    assert (found["n"], found["unit"], found["better"]) == (32, "1/s", "near")
    assert found["truth"] is not None
    assert {one["by"] for one in content["slices"] if one["metric"] == "pauses"} == {"speaker", "emotion", "length"}
    page = (tmp_path / "o" / "report" / "index.html").read_text(encoding="utf-8")
    assert "pauses per second" in page
    assert (direction("pauses"), label("pauses")) == ("near", "pauses per second")
    metric = RecordingMetric("pauses")
    metric.update(voice("ann"))
    assert metric.measured == 1
    assert run_tests(test) == 2


def test_a_metric_may_live_in_a_module_of_ones_own(tmp_path, monkeypatch, registry):
    source, _ = blocks(PAGE, "python")
    (tmp_path / "own_pauses.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    folder = run_folder(tmp_path / "s")
    arguments = [f"run={folder}", f"out={tmp_path / 'o'}", "judges.sound.modules=[own_pauses]", *CHEAP]
    assert main(arguments) == 0
    content = json.loads((tmp_path / "o" / "scores.json").read_text(encoding="utf-8"))
    assert "pauses" in {one["name"] for one in content["figures"]}


def test_a_module_that_is_not_there_is_named(tmp_path, capsys):
    folder = run_folder(tmp_path / "s")
    assert main([f"run={folder}", f"out={tmp_path / 'o'}", "judges.sound.modules=[no_such_module]", *CHEAP]) == 2
    assert "no_such_module" in capsys.readouterr().err


def test_two_records_under_one_name_are_refused(registry):
    with pytest.raises(AssertionError, match="silence is declared twice"):
        declare(Measure("silence"))


def test_a_name_is_found_behind_judges_and_normalisers():
    assert find_measure("wer.lab.macro.Whisper large v3.1").title == "word error rate (lab, mean of items)"
    assert find_measure("per.a judge 0.1").title == "phone error rate"
    assert find_measure("unheard_of").title == "unheard of"


def test_values_are_printed_by_their_unit():
    assert find_measure("silence").format(0.125) == "12.5 %"
    assert find_measure("f0_shift").format(-2.5) == "−2.50 st"
    assert find_measure("level_shift").format(1.0) == "+1.00 dB"
    assert find_measure("silence").format_change(-0.02) == "−2.0"
    assert find_measure("similarity").format(None) == "–"


def test_wrong_measure_of_a_torchmetrics_object_is_named():
    with pytest.raises(InputError, match="silence"):
        RecordingMetric("rtf")
