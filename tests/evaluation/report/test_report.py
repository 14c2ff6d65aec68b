"""The page holds what was scored, plays it, and needs nothing from outside."""

from __future__ import annotations

import base64
import io
import json
import re

import pytest
import soundfile

from evaluation.report import WriteReport
from evaluation.report.template import visible
from evaluation.report.wording import bar_text, label, level_note, number
from sovits_lab.reporting import Silent
from sovits_lab.types import InputError
from tests.evaluation.test_scores import score
from tests.evaluation.voices import read_items, run_folder, write_items


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    root = tmp_path_factory.mktemp("run")
    folder = run_folder(root / "samples", strengths=(0.0, 0.5, 1.0))
    items = read_items(folder)
    items[1].update(wav=None, flags=["runaway"], text="<script>alert(1)</script>")
    write_items(folder, items)
    bars = [{"figure": "f0_share", "group": "target", "emotion": "sad", "at_least": 0.75}]
    score(folder, root / "scores", bars=bars)
    WriteReport(title="A run", examples=2, drawn=1).run({"samples": folder, "scores": root / "scores"}, root, Silent())
    return (root / "index.html").read_text(encoding="utf-8")


def test_the_page_is_self_contained(page):
    assert not re.search(r"""(src|href)=["']https?:""", page)
    assert "@import" not in page
    assert 'name="viewport"' in page
    assert "prefers-color-scheme: dark" in page


def test_sounds_are_in_the_page_and_decode(page):
    sounds = re.findall(r"data:audio/mpeg;base64,([A-Za-z0-9+/=]+)", page)
    assert len(sounds) >= 8
    wav, rate = soundfile.read(io.BytesIO(base64.b64decode(sounds[0])))
    assert rate == 16000
    assert 1.0 < len(wav) / rate < 2.5


def test_bars_judges_failures_and_curve_are_shown(page):
    assert "reached" in page
    assert "echo" in page
    assert "self-graded" in page
    assert "runaway: 1 of 64" in page
    assert "The trade: strength of sad" in page
    assert "currentColor" in page
    assert "#123457" not in page


def test_text_is_escaped(page):
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_marks_that_turn_a_text_around_are_shown() -> None:
    import markupsafe

    assert visible("ann\u202egpj.evil\u2066") == "ann\\u202egpj.evil\\u2066"
    assert visible(3) == 3 and visible("שלום") == "שלום"
    assert visible(markupsafe.Markup("<b>")) == "<b>"


def test_other_stages_are_attached(tmp_path):
    from evaluation.report.attachments import read_attachments

    (tmp_path / "style.md").write_text(
        "# Style <vectors>\n\nWords of\ntwo lines.\n\n| a | b |\n|---|---|\n| <1> | -2 |\n\n- item\n\n    code <x>\n",
        encoding="utf-8",
    )
    (tmp_path / "map.png").write_bytes(b"\x89PNG")
    (one,) = read_attachments({"style": tmp_path})
    assert one.title == "Style <vectors>"
    assert one.lead == "<p>Words of two lines.</p>"
    assert "Words" not in one.html
    assert '<td class="number">&lt;1&gt;</td>' in one.html
    assert one.html.count("<tr>") == 2
    assert "<li>item</li>" in one.html
    assert "code &lt;x&gt;" in one.html
    assert one.pictures["map"].startswith("data:image/png;base64,")


def test_what_level_alone_tells_is_said():
    def figures(level: float) -> list[dict]:
        common = {"truth": 0.25, "low": level - 0.02}
        return [{"name": "style_emotion", "value": 0.9, **common, "low": 0.85},
                {"name": "style_emotion_level_alone", "value": level, **common}]  # fmt: skip

    assert "no proof" in level_note(figures(0.75))
    quiet = level_note(figures(0.4))
    assert quiet.startswith("Level alone tells 40.0 %") and "no proof" not in quiet
    assert level_note([]) == level_note(figures(0.75)[:1]) == ""


def test_missing_scores_are_named(tmp_path):
    folder = run_folder(tmp_path / "s")
    with pytest.raises(InputError, match=r"scores\.json"):
        WriteReport().run({"samples": folder, "scores": tmp_path}, tmp_path, Silent())


def test_numbers_are_printed_with_units():
    assert number("per.x", 0.1234) == "12.3 %"
    assert number("f0_shift", -5.4) == "−5.40 st"
    assert number("rtf", None) == "–"
    assert label("wer.lab.macro.x") == "word error rate (lab, mean of items)"
    assert label("wer.lab.x") == "word error rate (lab)"
    assert label("per.x") == "phone error rate"
    assert bar_text({"figure": "per.x", "at_least": None, "at_most": 0.2}) == "at most 20.0 %"


def test_page_without_optional_parts(tmp_path):
    """No bars, no style vectors, no strengths, no recogniser: the page is still whole."""
    from evaluation.suite.stage import ScoreRun

    folder = run_folder(tmp_path / "s")
    (tmp_path / "o").mkdir()
    ScoreRun().run({"samples": folder}, tmp_path / "o", Silent())
    WriteReport(examples=1, drawn=0).run({"samples": folder, "scores": tmp_path / "o"}, tmp_path, Silent())
    assert "Style space" not in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "o" / "scores.json").read_text())["bars"] == []


def test_the_header_says_how_the_page_was_made(tmp_path, monkeypatch):
    folder = run_folder(tmp_path / "samples")
    score(folder, tmp_path / "scores")
    words = ["train.py", "experiment=sad_transfer", "debug=smoke", "seed=7"]
    monkeypatch.setattr("sys.argv", words)
    page = WriteReport(about={"experiment": "sad_transfer", "seed": 7}, examples=1, drawn=0)
    page.run({"samples": folder, "scores": tmp_path / "scores"}, tmp_path, Silent())
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    for said in ("experiment: <code>sad_transfer</code>", "seed: <code>7</code>", "commit: <code>",
                 "overrides: <code>experiment=sad_transfer debug=smoke seed=7</code>", "Smoke run."):  # fmt: skip
        assert said in text
    monkeypatch.setattr("sys.argv", words[:2])
    page.run({"samples": folder, "scores": tmp_path / "scores"}, tmp_path, Silent())
    assert "Smoke run." not in (tmp_path / "index.html").read_text(encoding="utf-8")
