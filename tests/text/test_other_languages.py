"""Japanese, Korean, Cantonese."""

from __future__ import annotations

import pytest

from sovits_lab.text.cantonese.language import Cantonese
from sovits_lab.text.cantonese.language import phones as jyutping
from sovits_lab.text.japanese.language import Japanese
from sovits_lab.text.korean.language import Korean
from sovits_lab.text.korean.numbers import native, sino
from sovits_lab.text.language import Language
from sovits_lab.text.traced import Traced


def phones(language: Language, text: str) -> str:
    return " ".join(phone for unit in language.hear(Traced.of(text)).units for phone in unit.phones)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("굳이", "ㄱ ㅜ ㅈ ㅣ"),
        ("같이", "ㄱ ㅏ ㅊ ㅣ"),
        ("좋고", "ㅈ ㅗ ㅋ ㅗ"),
        ("많다", "ㅁ ㅏ ㄴ ㅌ ㅏ"),
        ("국물", "ㄱ ㅜ ㅇ ㅁ ㅜ ㄹ"),
        ("독립", "ㄷ ㅗ ㅇ ㄴ ㅣ ㅂ"),
        ("신라", "ㅅ ㅣ ㄹ ㄹ ㅏ"),
        ("값을", "ㄱ ㅏ ㅂ ㅆ ㅡ ㄹ"),
        ("밟다", "ㅂ ㅏ ㅂ ㄸ ㅏ"),
        ("읽다", "ㅇ ㅣ ㄱ ㄸ ㅏ"),
        ("할 수", "ㅎ ㅏ ㄹ 空 ㅆ ㅜ"),
        ("3개", "ㅅ ㅔ ㄱ ㅐ"),
        ("20살", "ㅅ ㅡ ㅁ ㅜ ㅅ ㅏ ㄹ"),
        ("6월", "ㅇ ㅣ ㅜ ㅇ ㅜ ㅓ ㄹ"),
        ("-5℃", "ㅇ ㅕ ㅇ ㅎ ㅏ 空 ㅇ ㅗ ㄷ ㅗ".replace("ㅕ", "ㅣ ㅓ")),
        ("2번 버스", "ㅇ ㅣ ㅂ ㅓ ㄴ 空 ㅂ ㅓ ㅅ ㅡ"),
    ],
)
def test_korean(text: str, expected: str) -> None:
    assert phones(Korean(), text) == expected


def test_korean_numbers() -> None:
    assert sino("2024") == "이천이십사" and sino("10000") == "만" and sino("110000") == "십일만"
    assert native(20) == "스무" and native(25) == "스물다섯"


def test_cantonese() -> None:
    assert jyutping("gwong2") == ("Ygw", "Yong2") and jyutping("ngaa4") == ("Yng", "Yaa4")
    assert phones(Cantonese(), "我想食飯，唔該。") == "Yng Yo5 Ys Yoeng2 Ys Yik6 Yf Yaan6 , Ym Ym4 Yg Yoi1 ."
    assert phones(Cantonese(), "佢㗎").endswith("Yaa3")


def test_japanese_words_have_spans_and_accents() -> None:
    pytest.importorskip("pyopenjtalk")
    text = "値段は1,500円です。"
    heard = Japanese().hear(Traced.of(text))
    said = [(unit.text, text[unit.span.start : unit.span.end]) for unit in heard.units]
    assert said[0] == ("値段", "値段") and ("円", "円") in said
    joined = " ".join(phone for unit in heard.units for phone in unit.phones)
    assert "s e ] N" in joined and "hy a k u" in joined and "[" in joined
    assert "h a ] sh i" in phones(Japanese(), "箸")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("1,500円", "1500円"),
        ("15:30", "15時30分"),
        ("3/4", "4分の3"),
        ("12/25", "12月25日"),
        ("-5℃", "マイナス5度"),
        ("10%", "10パーセント"),
        ("03-1234-5678", "03の1234の5678"),
        ("①", "マル1"),
        ("ｶﾞｲﾄﾞ", "ガイド"),
        ("5kg", "5キログラム"),
    ],
)
def test_japanese_signs(written: str, said: str) -> None:
    assert Japanese().hear(Traced.of(written)).normalised == said
