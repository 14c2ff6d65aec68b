"""Cantonese."""

from __future__ import annotations

from sovits_lab.text.cantonese.language import Cantonese
from sovits_lab.text.cantonese.language import phones as jyutping
from sovits_lab.text.language import Language
from sovits_lab.text.traced import Traced


def phones(language: Language, text: str) -> str:
    return " ".join(phone for unit in language.read_piece(Traced.of(text)).units for phone in unit.phones)


def test_cantonese() -> None:
    assert jyutping("gwong2") == ("Ygw", "Yong2") and jyutping("ngaa4") == ("Yng", "Yaa4")
    assert phones(Cantonese(), "我想食飯，唔該。") == "Yng Yo5 Ys Yoeng2 Ys Yik6 Yf Yaan6 , Ym Ym4 Yg Yoi1 ."
    assert phones(Cantonese(), "佢㗎").endswith("Yaa3")
