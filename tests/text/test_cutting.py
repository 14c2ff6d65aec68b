"""Cutting: the named methods and the default, which loses nothing."""

from __future__ import annotations

import pytest

from sovits_lab.text.cutting import METHODS, cut, length, sentences, split_big
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


def test_long_sentences_are_bounded_and_short_ones_joined() -> None:
    long = "这是一个很长的句子，" * 40 + "完了。"
    assert all(length(piece) <= 264 for piece in sentences(long)) and "".join(sentences(long)) == long
    assert sentences("好。行。可以。") == ["好。行。可以。"]
    assert sentences("第一行\n第二行") == ["第一行\n", "第二行"]
    word = "a" * 1000
    assert "".join(sentences(word)) == word and max(map(len, sentences(word))) <= 240


def test_split_big_keeps_all() -> None:
    text = "今天天气真好，我们走吧。" * 100
    assert "".join(split_big(text)) == text and max(map(len, split_big(text))) <= 510
