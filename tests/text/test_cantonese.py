"""Cantonese: characters as they were written, money, telephone numbers."""

from __future__ import annotations

import pytest

from sovits_lab.text.cantonese import rules
from sovits_lab.text.cantonese.language import Cantonese, ReleasedCantonese
from sovits_lab.text.cantonese.language import phones as jyutping
from sovits_lab.text.traced import Traced


def phones(text: str) -> list[str]:
    return [phone for unit in Cantonese().read_piece(Traced.of(text)).units for phone in unit.phones]


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("距離", "keoi5 lei4"),
        ("到達", "dou3 daat6"),
        ("兩隻", "loeng5 zek3"),
        ("會唔會", "wui5 m4 wui5"),
        ("幾多", "gei2 do1"),
        ("裡面", "leoi5 min6"),
        ("乾淨", "gon1 zeng6"),
        ("瞓覺", "fan3 gaau3"),
        ("後生", "hau6 saang1"),
        ("一隻雞", "jat1 zek3 gai1"),
    ],
)
def test_what_was_written_is_read(text: str, readings: str) -> None:
    assert phones(text) == [phone for reading in readings.split() for phone in jyutping(reading)]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("$200", "二百蚊"),
        ("$2", "两蚊"),
        ("一共$58蚊", "一共五十八蚊"),
        ("$1,204", "一千二百零四蚊"),
        ("$2.5", "两个半"),
        ("$12.9", "十二个九"),
        ("$12.95", "十二点九五蚊"),
        ("$3萬", "三万蚊"),
        ("$100-200", "一百到二百蚊"),
        ("HK$300", "三百港元"),
        ("US$20", "二十美元"),
        ("電話係2345 6789", "電話係二三四五,六七八九"),
        ("2個人", "两個人"),
        ("5kg米", "五公斤米"),
    ],
)
def test_money_and_numbers(written: str, said: str) -> None:
    assert rules.normalise(Traced.of(written)).text == said


def test_released_rules_still_simplify() -> None:
    heard = ReleasedCantonese().read_piece(Traced.of("兩隻貓"))
    assert [unit.text for unit in heard.units] == ["两", "只", "猫"]


def test_a_final_without_a_symbol_is_said_as_its_nearest_and_stays_unknown_to_the_released_rules() -> None:
    assert phones("調轉") == [*jyutping("diu6"), *jyutping("zyun3")]
    assert Cantonese().nearest_symbols("deu6") == "diu6"
    assert Cantonese().nearest_symbols("leoi5 seng4") == "leoi5 seng4"
    assert ReleasedCantonese().nearest_symbols("deu6") == "deu6"
