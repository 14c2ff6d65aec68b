"""Cutting: the named methods and the default, which loses nothing."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sovits_lab.text.borders import length
from sovits_lab.text.cutting import METHODS, cut, sentences, split_big
from sovits_lab.types import InputError


def test_named_methods() -> None:
    text = "一二三四。五六七八！九十？好的。再见。"
    assert cut(text, "cut0") == [text]
    assert cut(text, "cut3") == ["一二三四", "五六七八！九十？好的", "再见"]
    assert cut(text, "cut5") == ["一二三四。", "五六七八！", "九十？", "好的。", "再见。"]
    assert cut("一。" * 9, "cut1") == ["一。" * 4, "一。" * 5]
    assert cut("Pi is 3.14. Yes", "cut4") == ["Pi is 3.14. Yes"] and cut("Yes. No", "cut4") == ["Yes", " No"]
    with pytest.raises(InputError, match="cutting method: got 'cut9'"):
        cut(text, "cut9")
    assert set(METHODS) == {"cut0", "cut1", "cut2", "cut3", "cut4", "cut5", "sentences"}


def test_numbers_and_abbreviations_are_not_cut() -> None:
    text = "Dr. Smith paid $3.50 at 12:30 to J. Jones, i.e. 1,000 cents. Then he left the old town."
    assert sentences(text) == [text[:61], text[61:]]


@pytest.mark.parametrize(
    "pieces",
    [
        ("At 12:30 p.m. the U.S. Army paid J. Jones $3.50. ", '"Stop! Do not go!" he said to them. ', "Really so?"),
        ("See https://example.com/?a=b! ", "Or write to a.b@example.org. ", "Nothing else is there, he said."),
        ("他说：“你好。我走了！再见。”", "时间是2024.5.3的12：30，价格3.14元。", "真的吗？"),
        ("「今日は暑い。明日も暑い。」と彼は言った。", "10:30〜11:00に3.5kmを走った。", "本当に？"),
        ("오늘은 2024. 5. 3. 금요일입니다. ", '그는 "가자. 빨리!"라고 말했다. ', "정말요?"),
        ("我哋去食飯啦，好唔好呀？", "距離到達，兩隻會！", "幾多錢？"),
        ("[emotion:happy|0.5]我们走吧！今天天气真好。[/emotion]", "[pause:0.5][ph:t ian1]天。天[/ph]空很蓝。"),
        ("Well... perhaps it is so, or perhaps not. ", "1. first thing\n", "2. second thing"),
    ],
)
def test_cut_at_sentences_only(pieces: tuple[str, ...]) -> None:
    assert sentences("".join(pieces), least=9) == list(pieces)


def test_a_clause_is_cut_before_a_space_and_a_quotation_last() -> None:
    text = "The first clause is here, the second clause is there and it goes on for a while without an end."
    assert sentences(text, 72, 12)[0] == "The first clause is here, "
    quoted = '"' + "Come here. " * 10 + '"'
    assert sentences(quoted, 72, 12)[0] == '"' + "Come here. " * 6
    numbers = "1,234,567 " * 40
    assert all(re.fullmatch(r"(?:1,234,567 )+", piece) for piece in sentences(numbers, 72, 12))


_PARTS = st.sampled_from(
    [
        "Dr. A",
        "3.14 ",
        "12:30",
        "。",
        "「",
        "」",
        '"',
        "你好",
        "行く",
        "안녕 ",
        ". ",
        "! ",
        "，",
        "\n",
        " ",
        "[emotion:sad]",
        "x",
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(_PARTS, max_size=120).map("".join), st.integers(30, 120))
def test_nothing_is_lost_and_no_piece_is_too_long(text: str, most: int) -> None:
    pieces = sentences(text, most, most // 3)
    assert "".join(pieces) == text and all(length(piece) <= most for piece in pieces)
    assert all(piece.count("[emotion") == piece.count("emotion:sad]") for piece in pieces)


@pytest.mark.parametrize("unit", ["今天天气真好，", ".", "「", '"', "[ph:", "A.", "1,", " ", "\n", "www.", "a.b@"])
def test_time_grows_with_the_length_only(unit: str) -> None:
    text = unit * (20_000 // len(unit))
    start = time.perf_counter()
    assert "".join(sentences(text)) == text
    assert time.perf_counter() - start < 5  # a tenth of a second here; quadratic scans take minutes


def test_long_sentences_are_bounded_and_short_ones_joined() -> None:
    long = "这是一个很长的句子，" * 40 + "完了。"
    assert all(length(piece) <= 240 for piece in sentences(long)) and "".join(sentences(long)) == long
    assert sentences("好。行。可以。") == ["好。行。可以。"]
    assert sentences("第一行\n第二行") == ["第一行\n", "第二行"]
    word = "a" * 1000
    assert "".join(sentences(word)) == word and max(map(len, sentences(word))) <= 240


def test_split_big_keeps_all() -> None:
    text = "今天天气真好，我们走吧。" * 100
    assert "".join(split_big(text)) == text and max(map(len, split_big(text))) <= 510
