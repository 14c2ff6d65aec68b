"""The `text` command, and the stored readings of the released front end where they are at hand."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sovits_lab.__main__ import main
from sovits_lab.text.frontend import MultilingualFrontend
from sovits_lab.text.score import everyday_files, score, sentences_of
from sovits_lab.text.verify import verify
from sovits_lab.types import InputError

SHARED = Path(os.environ.get("SOVITS_LAB_SHARED", Path(__file__).parents[3] / "shared"))


def test_a_text_is_shown_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["text", "我用Python[ph:zh|xing2]行[/ph]😀", "language=zh", "table=v2"]) == 0
    shown = capsys.readouterr().out
    assert "Python" in shown and "ing2" in shown and "symbol or emoji" in shown and "pypinyin" in shown


def test_no_cell_is_cut_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    text = "今天天气很好我们一起去公园玩吧" * 8
    assert main(["text", text]) == 0
    shown = capsys.readouterr().out
    assert shown.count(text) == 2 and "…" not in shown


def test_the_readings_of_another_front_end_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    facts = {"format": 1, "kind": "voice", "frontend": {"_target_": "sovits_lab.text.frontend.EspeakFrontend"}}
    (bundle / "bundle.json").write_text(json.dumps(facts), "utf-8")
    shown = []
    for option in ("frontend=espeak", f"bundle={bundle}", f"bundle={tmp_path}"):
        assert main(["text", "the thin dog", option]) == 0
        shown.append(capsys.readouterr().out)
    assert "D @ T I n d 0 g" in shown[0] and shown[0] == shown[1] == shown[2]
    assert main(["text", "the [ph:en|h]thin[/ph] dog", "frontend=espeak"]) == 2
    assert main(["text", "the [ph:en|HH]thin[/ph] dog", "frontend=english"]) == 0
    assert "DH AH0 HH D AO1 G" in capsys.readouterr().out
    assert main(["text", "a", "bundle=/nowhere"]) == 2
    assert main(["text", "a", "frontend=english", "table=v2"]) == 2
    assert main(["text", "a[pause:2]b", "pause_seconds=1", "markup=strict"]) == 2


def test_everyday_sentences_are_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ["en\tI see.\tAY1 S IY1 .", "en\tNo.\tY EH1 S . | N OW1 .", "zh\t你好\tni3 hao3", "en\tI go.\tAY1 S IY1 ."]
    file = tmp_path / "some.tsv"
    file.write_text("\n".join(["language\ttext\treading", *rows]), "utf-8")
    assert main(["text", "score", str(file), "language=en"]) == 0
    shown = capsys.readouterr().out
    assert "3 sentences    1 wrong  33.3 %" in shown and "read:  AY1 G OW1 ." in shown and "right: AY1 S IY1 ." in shown
    file.write_text("language\ttext\treading\nen\tno reading", "utf-8")
    assert main(["text", "score", str(file)]) == 2
    assert "some.tsv line 2" in capsys.readouterr().err


def test_sandhi_across_words_is_free_in_scores(tmp_path: Path) -> None:
    rows = ["zh\t你好\tn i3 h ao3", "zh\t你来\tn i2 l ai2", "zh\t很大\th en2 d a4"]
    file = tmp_path / "some.tsv"
    file.write_text("\n".join(["language\ttext\treading", *rows]), "utf-8")
    (found,) = score(file, MultilingualFrontend("multilingual"))
    assert [one.sentence.text for one in found.wrong] == ["你来", "很大"]  # a second tone that no third tone makes


@pytest.mark.parametrize("path", everyday_files(), ids=lambda path: path.name)
def test_everyday_files_are_whole(path: Path) -> None:
    sentences = sentences_of(path)
    assert len(sentences) >= 50
    texts = [sentence.text for sentence in sentences]
    assert len(set(texts)) == len(texts)


def test_our_own_english_sentences_are_read_right() -> None:
    [result] = score(
        next(path for path in everyday_files() if path.name == "en.tsv"), MultilingualFrontend("multilingual")
    )
    assert len(result.wrong) <= result.sentences // 40


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
