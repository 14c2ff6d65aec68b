"""Mandarin phones in the alphabet that Kokoro reads."""

from __future__ import annotations

import itertools

import pytest
from pypinyin import pinyin_dict
from pypinyin.contrib.tone_convert import to_finals_tone3, to_initials

from sovits_lab.corpora.chinese_phones import spell_chinese
from sovits_lab.text.frontend import EnglishFrontend
from sovits_lab.text.mandarin.syllables import phones
from sovits_lab.text.multilingual import MultilingualFrontend
from sovits_lab.text.reading import Reading, Span, Unit
from sovits_lab.types import InputError

FRONTEND = MultilingualFrontend("v2", own="zh")


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("会议改到了二楼。", "xwei↘i↘ kai↓tau↘ lɤ ɚ↘lou↗."),
        ("雨伞，知识！", "y↗sa↓n, ꭧɨ→ʂɨ!"),
        ("略微远", "lɥe↘wei→ ɥɛ↓n"),
        ("哦，熊用云", "ɔ↘, ɕjʊ↗ŋjʊ↘ŋy↗n"),
    ],
)
def test_tones_follow_vowels_and_words_are_parted(text: str, letters: str) -> None:
    assert "".join(each.letters for each in spell_chinese(FRONTEND.read(text, "zh"))) == letters


def test_every_syllable_of_the_front_end_has_letters_of_its_own() -> None:
    said: dict[tuple[str, str], str] = {}
    for readings in itertools.islice(pinyin_dict.pinyin_dict.values(), 0, None, 7):
        for pinyin in readings.split(","):
            final = to_finals_tone3(pinyin, neutral_tone_with_five=True)
            if (pair := phones(to_initials(pinyin), final)) is not None:
                reading = Reading("", "zh", "", (Unit("", pair, Span(0, 0), "zh"),))
                said[pair] = "".join(each.letters for each in spell_chinese(reading))
    assert len(said) > 1000
    assert len(set(said.values())) == len(said)


@pytest.mark.parametrize("text", ["我用APP付钱", "……"])
def test_what_is_no_mandarin_and_nothing_are_one_line(text: str) -> None:
    with pytest.raises(InputError, match=r"expected a syllable of Mandarin|at least one word"):
        spell_chinese(FRONTEND.read(text, "zh"))
    with pytest.raises(InputError, match="phones: got"):
        spell_chinese(EnglishFrontend().read("We pay.", "en"))
