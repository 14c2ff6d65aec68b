"""Korean by the rules of the standard pronunciation; one unit a syllable, a space is the phone "空"."""

from __future__ import annotations

import re
from collections.abc import Callable

from sovits_lab.text.korean import rules
from sovits_lab.text.korean.joints import joints
from sovits_lab.text.korean.morphemes import available
from sovits_lab.text.korean.pronounce import TENSED, pronounce
from sovits_lab.text.korean.sounds import CLUSTERS, HangulSyllable, decompose
from sovits_lab.text.language import Language, LanguageReading
from sovits_lab.text.reading import Skip, Unit
from sovits_lab.text.tables import names, pairs
from sovits_lab.text.traced import Traced, rule

_WITHOUT_KIWI = "Korean by spelling and word lists: kiwipiepy is missing, install it with: pip install 'sovits-lab[ko]'"
SPACE, OTHER = "空", "停"
# Diphthongs in two letters: the released models know the ten simple vowels only.
_VOWELS = dict(pair.split("=") for pair in names("ㅘ=ㅗㅏ ㅙ=ㅗㅐ ㅚ=ㅗㅣ ㅝ=ㅜㅓ ㅞ=ㅜㅔ ㅟ=ㅜㅣ ㅢ=ㅡㅣ")) | dict(
    pair.split("=") for pair in names("ㅑ=ㅣㅏ ㅒ=ㅣㅐ ㅕ=ㅣㅓ ㅖ=ㅣㅔ ㅛ=ㅣㅗ ㅠ=ㅣㅜ")
)
_LETTERS = pairs("ko_letters.tsv")
_SPELL = rule("[A-Za-z]", lambda m: _LETTERS[m[0].lower()])
_BEFORE_BOUND_NOUN = re.compile("[가-힣](?= [것거게걸수지데바줄적듯만뿐])")
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

    def read_piece(self, piece: Traced) -> LanguageReading:
        """Read the syllables, spaces and pause marks of a piece of Korean text."""
        text = self.normalise(piece)
        if self.foreign is None:
            text = text.apply((_SPELL,))
        units, unread = list[Unit](), list[Skip](text.dropped)
        digits = frozenset(place for place, char in zip(piece.starts, piece.text, strict=True) if char.isdigit())
        for match in _LATIN.finditer(text.text):
            part = text[match.start() : match.end()]
            if match[0][0].isascii() and match[0][0].isalpha() and self.foreign is not None:
                reading = self.foreign.read_piece(part)
                units += reading.units
                unread += reading.skipped
            else:
                units += self._letters(part, digits)
        return LanguageReading(text.text, tuple(units), tuple(unread), self._notes())

    def _notes(self) -> tuple[str, ...]:
        return () if available() else (_WITHOUT_KIWI,)

    def sounds(self, part: Traced, digits: frozenset[int]) -> list[HangulSyllable | None]:
        """Return the sounding syllables of a normalised text.

        Args:
            part: the text.
            digits: places of the input where a digit was written.
        """
        written = zip(part.starts, part.ends, strict=True)
        return pronounce(part.text, joints(part.text, [not digits.isdisjoint(range(*span)) for span in written]))

    def _letters(self, part: Traced, digits: frozenset[int]) -> list[Unit]:
        sounds = self.sounds(part, digits)
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


def _released(text: str) -> list[HangulSyllable | None]:
    """The rules of letters only; a bound noun after a written ㄹ is tensed."""
    joints = {m.start(): TENSED for m in _BEFORE_BOUND_NOUN.finditer(text) if decompose(m[0]).coda == "ㄹ"}
    return pronounce(text, joints)


class ReleasedKorean(Korean):
    """Korean as the released GPT-SoVITS models were trained with: a text that ends in a letter gets a full stop."""

    def __init__(self) -> None:
        super().__init__(rules.normalise_released)

    def sounds(self, part: Traced, digits: frozenset[int]) -> list[HangulSyllable | None]:
        """Pronounce a text as `Korean.sounds` does, by the letters alone."""
        return _released(part.text)

    def _notes(self) -> tuple[str, ...]:
        return ()

    def read_piece(self, piece: Traced) -> LanguageReading:
        """Read a text as `Korean.read_piece` does."""
        reading = super().read_piece(piece)
        if reading.units and "ㄱ" <= reading.units[-1].phones[-1] <= "ㅣ":
            last = reading.units[-1].span
            units = (*reading.units, Unit(".", (".",), last._replace(start=last.end), self.code))
            return reading._replace(units=units)
        return reading
