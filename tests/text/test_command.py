"""The `text` command, and the stored readings of the released front end where they are at hand."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sovits_lab.__main__ import main
from sovits_lab.text.verify import verify
from sovits_lab.types import InputError

SHARED = Path(os.environ.get("SOVITS_LAB_SHARED", Path(__file__).parents[3] / "shared"))


def test_a_text_is_shown_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["text", "我用Python[ph:zh|xing2]行[/ph]😀", "language=zh", "table=v2"]) == 0
    shown = capsys.readouterr().out
    assert "Python" in shown and "ing2" in shown and "symbol or emoji" in shown and "pypinyin" in shown


def test_wrong_input_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["text", "a", "language=xx"]) == 2
    assert "language: got 'xx', expected one of zh, en, ja, ko, yue" in capsys.readouterr().err
    assert main(["text", "[pause:99]a", "markup=strict"]) == 2
    assert main(["text", "a", "rules=mine"]) == 2
    assert main(["text", "verify", "/nowhere"]) == 2
    assert main(["text"]) == 0


def test_verify_counts_and_shows_differences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored = {
        "items": [
            {"text": "你好。", "v1": {"phones": ["n", "i2", "h", "ao3", "."]}},
            {"text": "好", "v1": {"phones": ["x"]}},
        ]
    }
    (tmp_path / "text_ko.json").write_text(
        json.dumps({"items": [{"text": "값", "v2": {"phones": ["ㄱ", "ㅏ", "ㅂ", "."]}}]})
    )
    out = tmp_path / "out.txt"
    assert main(["text", "verify", str(tmp_path), f"out={out}"]) == 1
    shown = capsys.readouterr().out
    assert "released" in shown and "ours" in shown and "값" in out.read_text("utf-8")
    (tmp_path / "text_ko.json").write_text(json.dumps(stored))
    with pytest.raises(InputError, match="text_ko"):
        list(verify(tmp_path))


@pytest.mark.skipif(not (SHARED / "golden").is_dir(), reason="the stored readings are not on this machine")
def test_stored_readings_are_met() -> None:
    least = {"zh": 0.95, "en": 0.9, "ja": 0.9, "yue": 0.9, "ko": 0.8, "symbols": 1.0, "langsegment": 1.0}
    for outcome in verify(SHARED / "golden"):
        if outcome.released:
            bar = least[outcome.file.removeprefix("text_").removesuffix(".json")]
            assert 1 - len(outcome.differences) / outcome.items >= bar, (outcome.file, outcome.path)


@pytest.mark.skipif(not (SHARED / "golden").is_dir(), reason="the stored readings are not on this machine")
def test_every_difference_has_a_row() -> None:
    rows = (Path(__file__).parents[2] / "docs" / "text_differences.md").read_text("utf-8")
    missing = {one.item for outcome in verify(SHARED / "golden") for one in outcome.differences if one.item not in rows}
    assert not missing
