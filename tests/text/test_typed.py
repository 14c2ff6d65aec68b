"""What people type that is not said, and text whose letters come in parts."""

from __future__ import annotations

import unicodedata

import pytest

from sovits_lab.text.frontend import EnglishFrontend, MultilingualFrontend
from sovits_lab.text.given import Given
from sovits_lab.text.reading import Span
from sovits_lab.text.traced import Traced
from sovits_lab.text.typed import tidied


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("**Note:** read *this*", "Note: read this"),
        ("# Title", "Title"),
        ("- one\n* two\n> three", "one\ntwo\nthree"),
        ("see [the page](https://a.com/b_(c)) now", "see the page now"),
        ("Tom &amp; Jerry&#39;s", "Tom & Jerry's"),
        ("zero\u200bwidth\ufeff", "zerowidth\ufeff"),
        ("a\r\nb", "a\nb"),
        ("fun :) and <3", "fun  and "),
        ("ごめんm(_ _)m", "ごめん"),
        ("えっ(^_^;)", "えっ"),
        ("<b>bold</b> text", "bold text"),
    ],
)
def test_markup_and_faces_are_taken_away(typed: str, said: str) -> None:
    assert tidied(Traced.of(typed)).text == said


@pytest.mark.parametrize(
    "text",
    ["3*4*5 = 60", "wait <3 hours", "-5 degrees", "C:/Users", "at 5:30 (or 6)", "f(x) = x^2", "a_b_c", "[pause:0.4]"],
)
def test_what_only_looks_like_markup_stays(text: str) -> None:
    assert tidied(Traced.of(text)).text == text


def test_letters_in_parts_are_read_as_whole_ones() -> None:
    front = EnglishFrontend()
    text = "The café in São Paulo"
    assert front.read(unicodedata.normalize("NFD", text)).phones == front.read(text).phones
    for text in ("안녕하세요", "がぎぐげご"):
        assert tidied(Traced.of(unicodedata.normalize("NFD", text))).text == text


def test_spans_count_in_the_text_as_typed() -> None:
    text = "**Note** &amp; **end**"
    reading = EnglishFrontend().read(text)
    assert [text[unit.span.start : unit.span.end] for unit in reading.units] == ["Note", "&amp;", "end"]
    assert reading.unread == ""


def test_phones_by_hand_meet_their_word_behind_markup() -> None:
    text = "&lt; **lead** pipe"
    place = text.index("lead")
    given = [Given(Span(place, place + 4), "en", ("L", "EH1", "D"))]
    for front in (EnglishFrontend(), MultilingualFrontend("multilingual")):
        reading = front.read(text, given=given)
        (unit,) = (unit for unit in reading.units if unit.span == Span(place, place + 4))
        assert unit.phones == ("L", "EH1", "D")
