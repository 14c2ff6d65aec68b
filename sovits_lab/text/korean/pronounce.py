"""From letters to sounds across a whole text: the rules of neighbouring letters, and joints that only the words decide.

A joint is what happens between a syllable and the next one besides the rules of `sounds`: the second is tensed
(인기 as 인끼), an ㄴ comes between (색연필 as 생년필), the coda makes the ㅎ of the next word strong (옷 한 벌 as
오탄벌), or the two are separate words of one compound, so that the coda is a final one before it links (겉옷 as 거돋).
Joints are keyed by the place of the first syllable.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from sovits_lab.text.korean.sounds import TENSE, HangulSyllable, alone, decompose, finish, is_hangul, meet

TENSED, INSERTED, PARTED, ASPIRATED = "+", "~", "/", "^"
JOINTS = frozenset(TENSED + INSERTED + PARTED)
_ASPIRATE = {"ㄱ": "ㅋ", "ㄷ": "ㅌ", "ㅂ": "ㅍ"}


def _join(
    first: HangulSyllable, second: HangulSyllable, linked: bool, joint: str | None
) -> tuple[HangulSyllable, HangulSyllable]:
    if joint == TENSED:
        second = second._replace(onset=TENSE.get(second.onset, second.onset))
    elif joint == INSERTED and first.coda:
        first, second = finish(first), second._replace(onset="ㄴ")
    elif joint == ASPIRATED and (stop := finish(first).coda) in _ASPIRATE:
        return first._replace(coda=""), second._replace(onset=_ASPIRATE[stop])
    elif joint == PARTED:
        first, linked = finish(first), True
        if second.onset == "ㅇ" and first.coda not in ("", "ㅇ"):
            return first._replace(coda=""), second._replace(onset=first.coda)  # no palatal sound: 첫인상 as 처딘상
    elif first.coda == "ㄻ" and second.onset in TENSE:
        first = finish(first)  # 옮기다, 삶과: only a stem tenses its ending, and that is a joint (article 24)
    elif linked and first.coda in ("ㄷ", "ㅌ", "ㄾ") and second.onset == "ㅇ" and second.vowel == "ㅕ":
        # 붙여 is 붙이어: the palatal sound of ㅣ stays in the contraction (article 17).
        first, second = meet(first, second._replace(vowel="ㅣ"), linked)
        return first, alone(second._replace(vowel="ㅕ"))
    elif linked and first.coda in ("ㄷ", "ㅌ") and second.onset == "ㅎ" and second.coda not in ("", "ㅆ", "ㄴ", "ㄹ"):
        return first._replace(coda=""), second._replace(
            onset="ㅌ"
        )  # 맏형 as 마텽; the suffixes 히 and 혀 are 치 and 처
    first, second = meet(first, second, linked)
    if second.onset == "ㅊ" and second.vowel == "ㅕ":
        second = alone(second)  # 닫혀 as 다처 (article 5)
    return first, second


def pronounce(text: str, joints: Mapping[int, str] | None = None) -> list[HangulSyllable | None]:
    """Return the sounding syllable of each Hangul character of a text; None for every other character.

    Args:
        text: any text; a space blocks linking only, every other character between two syllables is a pause.
        joints: what the words of the text do besides the rules, by the place of the first syllable.
    """
    joints = joints or {}
    sounds = [alone(decompose(char)) if is_hangul(char) else None for char in text]
    places = [place for place, sound in enumerate(sounds) if sound is not None]
    for here, there in pairwise(places):
        first, second = sounds[here], sounds[there]
        assert first is not None and second is not None
        gap = text[here + 1 : there]
        if gap.strip():
            sounds[here] = finish(first)
            continue
        if (text[here] == "밟" and second.onset not in "ㅇㅎ") or text[here : here + 2] in ("넓죽", "넓적", "넓둥"):
            first = first._replace(coda="ㅂ")  # the few ㄼ that keep their ㅂ (article 10)
        elif text[here] == "덟" and second.onset in TENSE:
            first = finish(first)  # 여덟 is no stem (article 25)
        sounds[here], sounds[there] = _join(first, second, not gap, joints.get(here))
    for last in places[-1:]:
        sound = sounds[last]
        assert sound is not None
        sounds[last] = finish(sound)
    return sounds
