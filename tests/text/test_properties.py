"""Truths that hold for every text, by random search."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sovits_lab.text.cutting import METHODS, sentences
from sovits_lab.text.english.language import English
from sovits_lab.text.frontend import MultilingualFrontend, ReleasedFrontend
from sovits_lab.text.language import LANGUAGES
from sovits_lab.text.markup import parse
from sovits_lab.text.reading import ASIDE
from sovits_lab.text.segment import segment
from sovits_lab.text.symbols import load_symbols
from sovits_lab.text.traced import Traced

FRONT = MultilingualFrontend()
RELEASED = {version: ReleasedFrontend(version) for version in ("v1", "v2")}
PARTS = (
    *[
        "我用Python",
        "12.5kg",
        "3:30",
        "银行行长",
        "こんにちは",
        "안녕하세요",
        "唔該",
        "-3℃",
        "￥5999",
        "2024-05-03",
        "https://a.io/b?c=1",
        "GPT-4",
        "don't",
    ],
    *[
        " ",
        "\n",
        "，",
        "。",
        "!",
        "...",
        "—",
        "😀",
        "é",
        "[",
        "]",
        "[pause:0.4]",
        "1/2",
        "x+y=10",
        "¼",
        "ㅋㅋ",
        "々",
        "́",
        "1,000",
        "A",
        "一",
        "不",
        "儿",
        "个",
        "№5",
        "II",
        "a_b@c.de",
        "０１２",
    ],
    *["ｱ", "㎡", "±", "^", "’", "的", "得", "0", "10%", "～", "·", "一万", "三百", "人", "3つ", "第1回", "ﾃｽﾄ", "１０"],
)
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=40),
    st.lists(st.sampled_from(PARTS), max_size=8).map("".join),
    st.text("0123456789.,:-/+%$€ 年月日kmh", max_size=20),
)
# A letter or digit of these scripts must be heard; any other character may be silent for a stated reason.
SPOKEN_ALWAYS = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ안녕こんにちは")
quick = settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def check_reading(text: str, language: str | None = None) -> None:
    reading = FRONT.read(text, language)
    assert sum(reading.counts) == len(reading.phones) == len(reading.spans)
    FRONT.symbols.ids(reading.phones)
    covered = [False] * len(text)
    for unit in reading.units:
        assert 0 <= unit.span.start < unit.span.end <= len(text)
        covered[unit.span.start : unit.span.end] = [True] * (unit.span.end - unit.span.start)
    for skip in reading.skipped:
        assert skip.reason
        covered[skip.span.start : skip.span.end] = [True] * (skip.span.end - skip.span.start)
    assert all(covered), "a character is neither spoken nor skipped for a reason"
    for skip in (one for one in reading.skipped if language is None and one.reason != ASIDE):
        lost = SPOKEN_ALWAYS & set(text[skip.span.start : skip.span.end])
        assert not lost, (text, skip)


@quick
@given(TEXTS)
@example("唔々0々")  # the dictionary writes the first word otherwise
def test_no_character_is_lost_without_a_reason(text: str) -> None:
    check_reading(text)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXTS, st.sampled_from(LANGUAGES))
@example("$.5-9", "en")  # an amount without a figure before its point
def test_any_language_takes_any_text(text: str, language: str) -> None:
    check_reading(text, language)
    for version, front in RELEASED.items():
        if language in front.languages:
            assert front.symbols.ids(front.read(text, language).phones) is not None, version


@quick
@given(TEXTS)
def test_pieces_join_to_the_text(text: str) -> None:
    pieces = segment(text, LANGUAGES)
    assert "".join(text[piece.start : piece.end] for piece in pieces) == text
    assert all(first.language != second.language for first, second in pairwise(pieces))


@quick
@given(TEXTS)
def test_cutting_then_joining_gives_the_text_back(text: str) -> None:
    assert "".join(sentences(text)) == text
    for method in METHODS.values():
        method(text)


@quick
@given(TEXTS)
def test_markup_taken_out_leaves_plain_text(text: str) -> None:
    escaped = text.replace("[", "[[")
    marked = parse(escaped, load_symbols("v2"))
    assert marked.text == text and [escaped[place] for place in marked.origins] == list(text)
    wrapped = parse(f"[emotion:sad]{escaped}[/emotion][pause:1]", load_symbols("v2"))
    assert wrapped.text == text and "".join(text[slice(*part.span)] for part in wrapped.parts()) == text
    assert parse(text, load_symbols("v2"), strict=False).text is not None


@settings(max_examples=500, deadline=None)
@given(st.text("abcdefghijklmnopqrstuvwxyzABCDEF'- .", max_size=30))
def test_english_words_always_have_phones(text: str) -> None:
    english = English()
    heard = english.read_piece(Traced.of(text))
    assert all(unit.phones for unit in heard.units)


@pytest.mark.nightly
@settings(max_examples=1_000_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(TEXTS)
def test_a_million_texts(text: str) -> None:
    check_reading(text)
