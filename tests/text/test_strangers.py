"""What stands in a text without being of its language: pinyin, chemical formulas, English words in Chinese."""

from __future__ import annotations

import re

import pytest

from sovits_lab.text.chemistry import FORMULA
from sovits_lab.text.english import pinyin
from sovits_lab.text.english.beside_chinese import Beside
from sovits_lab.text.multilingual import MultilingualFrontend, ReleasedFrontend


@pytest.mark.parametrize(
    ("word", "said"),
    [("zhangwei", "JH AA1 NG W EY2"), ("xian", "SH EH1 N"), ("yuanyuan", "Y W EH1 N Y W EH2 N"), ("nvshi", "")],
)
def test_pinyin_in_english_sounds(word: str, said: str) -> None:
    assert " ".join(pinyin.phones(word)) == said


@pytest.mark.parametrize("word", ["cuda", "galaxie", "zeigen", "maximo", "fansite", "haha", "tuan", "quran", "lexi"])
def test_words_that_are_no_pinyin(word: str) -> None:
    assert pinyin.phones(word) == ()


def test_chemical_formulas_and_names_that_are_none() -> None:
    formula = re.compile(FORMULA)
    for written in ("H2SO4", "NaCl", "CO2", "Fe2O3", "C6H12O6", "LiFePO4", "NaOH", "SO2"):
        assert formula.fullmatch(written), written
    for written in ("PS5", "B2B", "CoCo", "MoMo", "PhD", "WiFi", "VIP2", "iPhone15", "SaaS", "GoPro9", "NOS2"):
        assert not formula.fullmatch(written), written


@pytest.mark.parametrize(
    ("before", "after", "tag"),
    [("被", "了。", "VB"), ("你", "一下", "VB"), ("这个", "很难", "NN"), ("", "到了", "JJ"), ("把它", "掉", "VB")],
)
def test_chinese_beside_a_word_tells_its_part_of_speech(before: str, after: str, tag: str) -> None:
    assert Beside(before, after).mended(["object"], ["JJ"]) == [tag]


def test_the_released_front_end_does_not_look_at_the_neighbours() -> None:
    ours, released = MultilingualFrontend("v2"), ReleasedFrontend("v2")
    (alone,) = (unit.phones for unit in released.read("record").units if unit.language == "en" and len(unit.phones) > 1)
    assert alone in [unit.phones for unit in released.read("你record一下").units]
    assert ("R", "IH0", "K", "AO1", "R", "D") in [unit.phones for unit in ours.read("你record一下").units]
