"""Markup: both modes, positions, and the plain text that is left."""

from __future__ import annotations

import pytest

from sovits_lab.text.markup import Pause, Style, parse
from sovits_lab.text.symbols import load_symbols
from sovits_lab.types import InputError

TABLE = load_symbols("v2")


def test_everything_at_once() -> None:
    marked = parse("你好[pause:0.4][emotion:sad|0.5]我很[rate:0.9]难过[/rate][/emotion]。银[ph:zh|xing2]行[/ph]", TABLE)
    assert marked.text == "你好我很难过。银行"
    assert marked.pauses == (Pause(2, 0.4),)
    assert marked.given[0].phones == ("x", "ing2") and marked.text[slice(*marked.given[0].span)] == "行"
    parts = [(marked.text[slice(*part.span)], part.style, part.pause) for part in marked.parts()]
    assert parts == [
        ("你好", Style(), 0),
        ("我很", Style("sad", 0.5), 0.4),
        ("难过", Style("sad", 0.5, 0.9), 0),
        ("。银行", Style(), 0),
    ]


@pytest.mark.parametrize(
    ("marked", "message"),
    [
        ("a[laugh]b", r"position 1: got '\[laugh\]', expected one of the tags emotion"),
        ("[pause:99]", r"position 0: got '\[pause:99\]', expected 0 to 10 seconds"),
        ("[rate:fast]x", "expected 0.5 to 2 times"),
        ("[ph:zh|qq9]行[/ph]", "got 'qq9', expected pinyin"),
        ("[ph:zh|xing2]行", r"expected a closing \[/ph\]"),
        ("a[/emotion]", "position 1: .* expected an opening tag"),
        ("[emotion:sad][rate:1]x[/emotion]", r"expected \[/rate\]"),
        ("say [emotion:sad", "position 4: .* a closed tag"),
        ("[emotion:]x", "expected \\[emotion:NAME\\]"),
    ],
)
def test_strict_mode_names_tag_and_place(marked: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse(marked, TABLE)


def test_forgiving_mode_keeps_what_is_spoken() -> None:
    marked = parse("a[laugh]b[ph:zh|qq9]行[/ph][pause:99]c[/rate]", TABLE, strict=False)
    assert marked.text == "ab行c" and len(marked.warnings) == 4 and not marked.given
    assert all("position" in warning for warning in marked.warnings)


def test_brackets_that_are_no_tags_are_text() -> None:
    assert parse("见[1]和[[pause]，[注]", TABLE).text == "见[1]和[pause]，[注]"


def test_open_styles_reach_to_the_end() -> None:
    marked = parse("[emotion:happy]hello [rate:1.2]world", TABLE)
    assert marked.style_at(7) == Style("happy", 1.0, 1.2)
