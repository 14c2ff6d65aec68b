"""Workspace and report as code: every chart asks for something that a run logs, under the name it has there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from evaluation.__main__ import main
from evaluation.catalogue import direction
from evaluation.dashboards.declared import compose_experiment, read_declared

pytest.importorskip("wandb_workspaces")


@pytest.fixture(autouse=True)
def nobody(tmp_path, monkeypatch):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))


@pytest.fixture(scope="module")
def what():
    return read_declared(compose_experiment(["experiment=sad_transfer", "callbacks=scored"]))


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


def test_losses_scores_and_media_are_those_that_are_declared(what):
    assert what.losses["gpt"][:2] == ["train/total", "train/token"]
    assert {"valid/total", "score/composite", "score/mcd"} <= set(what.losses["sovits"])
    assert "valid/total" not in what.losses["content"]
    keys = {one.key: one for one in what.scores}
    assert keys["scores/target/sad/f0_share"].title == (
        "F0 shift, of the true shift (target, sad): near the truth is better; bar: at least 75.0 %"
    )
    assert keys["scores/all/all/per/independent"].better == direction("per.independent") == "lower"
    chosen = ["scores/target/sad/f0_share", "scores/all/all/similarity_calibrated", "scores/all/all/per/independent"]
    assert [one.key for one in what.objectives] == chosen
    assert list(what.media) == ["sovits"], "GPT cannot be heard alone"
    assert "audio/valid-1" in what.media["sovits"]
    assert (what.tables, what.page) == (["scores/bars", "scores/figures", "samples/style_space"], "report/page")


def test_the_files_hold_a_panel_for_each_and_are_read_back(what, tmp_path, capsys):
    from wandb_workspaces.reports.v2 import internal as reports
    from wandb_workspaces.workspaces import internal as workspaces

    assert main(["dashboards", "experiment=sad_transfer", "callbacks=scored", f"out={tmp_path}"]) == 0
    assert "not pushed: no account is known" in capsys.readouterr().out
    space = json.loads((tmp_path / "workspace.json").read_text(encoding="utf-8"))
    page = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    for found in (space, page):
        words = " ".join(texts(found))
        for one in what.scores:
            assert one.key in words
        for stage, names in what.losses.items():
            assert all(f"{stage}/{name}" in words for name in names)
        assert "samples/style_space" in words
        assert "sad_transfer" in words
    view = workspaces.View.model_validate(space)
    sections = view.spec.section.panel_bank_config.sections
    titles = [section.name for section in sections]
    assert titles[:4] == ["Scores", "Choosing", "Listen and look", "Tables"]
    assert {"gpt", "sovits", "content"} <= set(titles)
    panels = {section.name: len(section.panels) for section in sections}
    assert panels["Scores"] == len(what.scores)
    assert panels["Choosing"] == 4, "three couples of objectives and all of them at once"
    assert reports.ReportViewspec.model_validate(page).display_name == "sad_transfer"


def test_what_was_pushed_and_what_failed_is_said(tmp_path, capsys, monkeypatch):
    from wandb_workspaces.reports.v2 import Report
    from wandb_workspaces.workspaces import Workspace

    from evaluation.dashboards import command

    def refuse(self: Any) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(command, "_account", lambda mode: True)
    monkeypatch.setattr(command, "_default_entity", lambda: "team")
    monkeypatch.setattr(Workspace, "save", lambda self: None)
    monkeypatch.setattr(Workspace, "url", "https://example.invalid/w")
    monkeypatch.setattr(Report, "save", refuse)
    assert main(["dashboards", "experiment=sad_transfer", f"out={tmp_path}"]) == 1
    out = capsys.readouterr().out
    assert "pushed workspace: https://example.invalid/w" in out
    assert "saved, but report was not pushed to sovits_lab: ConnectionError: no route" in out


def test_a_misspelt_override_is_one_line(capsys):
    assert main(["dashboards", "experiment=glad_transfer"]) == 2
    said = capsys.readouterr().err.splitlines()  # libraries may warn there, too
    (line,) = [each for each in said if each.startswith("error: ")]
    assert "glad_transfer" in line
