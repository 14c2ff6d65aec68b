"""Korean by the rules of the standard pronunciation; one unit a syllable, a space is the phone "空"."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

from sovits_lab.text.korean import rules
from sovits_lab.text.korean.sounds import CLUSTERS, TENSE, Syllable, alone, decompose, finish, is_hangul, meet
from sovits_lab.text.language import Heard, Language
from sovits_lab.text.reading import Skip, Unit
from sovits_lab.text.tables import names, pairs
from sovits_lab.text.traced import Traced, rule

SPACE, OTHER = "空", "停"
# Diphthongs in two letters: the released models know the ten simple vowels only.
_VOWELS = dict(pair.split("=") for pair in names("ㅘ=ㅗㅏ ㅙ=ㅗㅐ ㅚ=ㅗㅣ ㅝ=ㅜㅓ ㅞ=ㅜㅔ ㅟ=ㅜㅣ ㅢ=ㅡㅣ")) | dict(
    pair.split("=") for pair in names("ㅑ=ㅣㅏ ㅒ=ㅣㅐ ㅕ=ㅣㅓ ㅖ=ㅣㅔ ㅛ=ㅣㅗ ㅠ=ㅣㅜ")
)
_LETTERS = pairs("ko_letters.tsv")
_SPELL = rule("[A-Za-z]", lambda m: _LETTERS[m[0].lower()])
_BOUND_NOUNS = frozenset("것거게걸수지데바줄적듯만뿐")
_LATIN = re.compile("[A-Za-z']+|[^A-Za-z']+")


class Korean:
    """Sounds across syllables and words; numbers native or Sino-Korean by their counter.

    Args:
        normalise: leaves Hangul, Latin letters, spaces and pause marks.
        foreign: reads Latin letters; None spells them with their Korean names.
    """

    code = "ko"

    def __init__(
        self, normalise: Callable[[Traced], Traced] = rules.normalise, foreign: Language | None = None
    ) -> None:
        self.normalise, self.foreign = normalise, foreign

    def hear(self, piece: Traced) -> Heard:
        """Syllables, spaces and pause marks of a piece of Korean text."""
        text = self.normalise(piece)
        if self.foreign is None:
            text = text.apply((_SPELL,))
        units, unread = list[Unit](), list[Skip](text.dropped)
        for match in _LATIN.finditer(text.text):
            part = text[match.start() : match.end()]
            if match[0][0].isascii() and match[0][0].isalpha() and self.foreign is not None:
                heard = self.foreign.hear(part)
                units += heard.units
                unread += heard.skipped
            else:
                units += self._letters(part)
        return Heard(text.text, tuple(units), tuple(unread))

    def _letters(self, part: Traced) -> list[Unit]:
        sounds = pronounce(part.text)
        units = []
        for place, char in enumerate(part.text):
            sound = sounds[place]
            if sound is not None:
                phones = (sound.onset, *_VOWELS.get(sound.vowel, sound.vowel), *((sound.coda,) if sound.coda else ()))
            elif char == " ":
                phones = (SPACE,)
            elif char in rules.PAUSE:
                phones = (char,)
            else:
                phones = tuple(_VOWELS.get(char) or CLUSTERS.get(char) or (char if "ㄱ" <= char <= "ㅣ" else OTHER))
            units.append(Unit(char, phones, part.span(place, place + 1), self.code))
        return units


def pronounce(text: str) -> list[Syllable | None]:
    """The sounding syllable of each Hangul character of a text; None for every other character."""
    sounds = [alone(decompose(char)) if is_hangul(char) else None for char in text]
    places = [place for place, sound in enumerate(sounds) if sound is not None]
    for here, there in pairwise(places):
        first, second = sounds[here], sounds[there]
        assert first is not None and second is not None
        gap = text[here + 1 : there]
        if gap.strip():
            sounds[here] = finish(first)
            continue
        if text[here] == "밟" and second.onset not in "ㅇㅎ":
            first = first._replace(coda="ㅂ")  # the one ㄼ that keeps its ㅂ (article 10)
        if first.coda == "ㄹ" and gap and text[there] in _BOUND_NOUNS:
            second = second._replace(onset=TENSE.get(second.onset, second.onset))
        sounds[here], sounds[there] = meet(first, second, linked=not gap)
    for last in places[-1:]:
        sound = sounds[last]
        assert sound is not None
        sounds[last] = finish(sound)
    return sounds


class ReleasedKorean(Korean):
    """Korean as the released GPT-SoVITS models were trained with: a text that ends in a letter gets a full stop."""

    def hear(self, piece: Traced) -> Heard:
        """As `Korean.hear`."""
        heard = super().hear(piece)
        if heard.units and "ㄱ" <= heard.units[-1].phones[-1] <= "ㅣ":
            last = heard.units[-1].span
            units = (*heard.units, Unit(".", (".",), last._replace(start=last.end), self.code))
            return heard._replace(units=units)
        return heard
