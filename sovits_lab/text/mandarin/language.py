"""Mandarin: normalise, cut into words, find each character's reading, apply sandhi and erhua."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from sovits_lab.text.checks import UNKNOWN
from sovits_lab.text.language import Language, LanguageReading
from sovits_lab.text.mandarin import context, erhua, first, released_rules, rules, syllables, traditional, words
from sovits_lab.text.mandarin.particles import gives_back
from sovits_lab.text.mandarin.phrases import phrase
from sovits_lab.text.mandarin.polyphones import Readings, Syllable, correct, finals, split_pinyin
from sovits_lab.text.mandarin.polyphones import syllables as pypinyin_syllables
from sovits_lab.text.mandarin.sandhi import Word, change_tones, change_tones_beside_dictionary
from sovits_lab.text.reading import Skip, Unit
from sovits_lab.text.traced import Traced

PAUSE = "!?…,.-"
_SEGMENT = re.compile(rf"[A-Za-z']+(?: +[A-Za-z']+)*|[^A-Za-z'{PAUSE}]*[{PAUSE}]|[^A-Za-z'{PAUSE}]+")
_LATIN = frozenset("'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_LEANING = frozenset("啊呀哦哇")
_SPECIAL_PAUSES = (("￥", "SP2"), ("^", "SP3"))


class SpokenWord(NamedTuple):
    """A word after sandhi: one syllable a character."""

    word: Word
    syllables: tuple[Syllable, ...]


class Mandarin:
    """Two phones a character, one a pause mark; one unit a character.

    Args:
        normalise: leaves only Han characters, pause marks and Latin letters.
        readings: answers of a network such as g2pW, one pinyin a character; None reads words by pypinyin alone.
        with_erhua: False is the front end of the released v1 models.
        foreign: reads Latin letters that stand in the text, such as the x of a formula; None drops them.
    """

    code = "zh"

    def __init__(
        self,
        normalise: Callable[[Traced], Traced] = rules.normalise,
        readings: Readings | None = None,
        with_erhua: bool = True,
        foreign: Language | None = None,
    ) -> None:
        self.normalise, self.readings, self.with_erhua, self.foreign = normalise, readings, with_erhua, foreign

    def read_piece(self, piece: Traced) -> LanguageReading:
        """Read the characters and pause marks of a piece of Mandarin text."""
        text = self.normalise(piece)
        units, unread = list[Unit](), list[Skip](text.dropped)
        for match in _SEGMENT.finditer(text.text):
            if match[0][0] in _LATIN:
                reading = self._foreign(text[match.start() : match.end()])
            else:
                reading = self._segment(text, match.start(), match[0], piece)
            units += reading.units
            unread += reading.skipped
        return LanguageReading(text.text, tuple(units), tuple(unread))

    def read_beside_words(self, piece: Traced, before: bool, after: bool) -> LanguageReading:
        """Read what has a word of another language directly `before` or `after` it.

        A particle leans on the word before it: Sorry啊. 还 before a word says that something is still so: 还OK. 地
        after an adverb is the particle: 认真地check.
        """
        reading = self.read_piece(piece)
        units = list(reading.units)
        if before and units and units[0].text in _LEANING:
            initial, final = units[0].phones
            units[0] = units[0]._replace(phones=(initial, final[:-1] + "5"))
        if after and units and units[-1].text == "还" and not gives_back("".join(unit.text for unit in units[:-1])):
            units[-1] = units[-1]._replace(phones=("h", "ai2"))
        if after and units and units[-1].text == "地" and context.ends_in_adverb("".join(one.text for one in units)):
            units[-1] = units[-1]._replace(phones=("d", "e5"))
        return reading._replace(units=tuple(units))

    def _foreign(self, letters: Traced) -> LanguageReading:
        if self.foreign is None:
            return LanguageReading("", (), (Skip(letters.span(0, len(letters)), "Latin letters in Chinese text"),))
        return self.foreign.read_piece(letters)

    def _segment(self, text: Traced, place: int, segment: str, piece: Traced) -> LanguageReading:
        units, unread = list[Unit](), list[Skip]()
        written = [_written(text, place + inside, piece) for inside in range(len(segment))]
        if place and text.text[place - 1] in _LATIN and written[0].isdigit():
            written[0] = text.text[place - 1] + written[0]
        for spoken in self.speak(segment, written):
            for char, syllable in zip(spoken.word.text, spoken.syllables, strict=True):
                span = text.span(place, place + 1)
                place += 1
                phones = (char,) if char in PAUSE else syllables.phones(*syllable)
                if phones is None:
                    unread.append(Skip(span, UNKNOWN))
                else:
                    units.append(Unit(char, phones, span, self.code))
        return LanguageReading(segment, tuple(units), tuple(unread))

    def speak(self, segment: str, written: Sequence[str]) -> Iterator[SpokenWord]:
        """Yield the words of one segment (to the next pause mark) with their syllables after sandhi and erhua.

        Args:
            segment: normalised text.
            written: for each of its characters the input text that it stands for.
        """
        if not segment:
            return
        cut = self._cut(segment)
        readings = self._readings(segment, cut, written)
        joined = words.join_for_sandhi(cut, self._tones_before_sandhi(readings))
        place = 0
        firsts = self._first_tones(segment, written)
        borders = frozenset(accumulate(len(word.text) for word in cut))
        for word in joined:
            end = place + len(word.text)
            cuts = tuple(border - place for border in range(place + 1, end) if border in borders)
            found = self._syllables(word, None if readings is None else readings[place:end], cuts)
            yield SpokenWord(word, tuple(_with_tone(one, firsts.get(place + n)) for n, one in enumerate(found)))
            place = end

    def _cut(self, segment: str) -> Sequence[Word]:
        return context.cut(segment) if self.readings is None else words.cut(segment)

    def _first_tones(self, segment: str, written: Sequence[str]) -> Mapping[int, str]:
        return first.first_tones(segment, written)

    def _tones_before_sandhi(self, readings: Sequence[str] | None) -> words.Tones:
        """The tones of words by the readings of the clause, so that 数 in 我数 counts as the verb's third tone."""
        if readings is None:
            return _dictionary_tones
        tones = [reading[-1:] for reading in readings]

        def of(found: Sequence[Word]) -> Sequence[Sequence[str]]:
            ends = [*accumulate((len(word.text) for word in found), initial=0)]
            return [tones[start:end] for start, end in pairwise(ends)]

        return of

    def _readings(self, segment: str, cut: Sequence[Word], written: Sequence[str]) -> Sequence[str] | None:
        """One pinyin a character; here by dictionaries and neighbours where there is no network."""
        if self.readings is not None:
            return self.readings(segment)
        return [
            traditional.reading(char, before, found)
            for char, before, found in zip(segment, written, context.readings_of(cut, segment), strict=True)
        ]

    def _syllables(self, word: Word, guessed: Sequence[str] | None, cuts: Sequence[int]) -> tuple[Syllable, ...]:
        if guessed is None:
            read = pypinyin_syllables(word.text)
        else:
            read = tuple(split_pinyin(pinyin) for pinyin in self._corrected(word.text, guessed))
        if word.text in PAUSE or any(not syllable.final[-1:].isdigit() for syllable in read):
            return read
        tones = self._tones(word, [syllable.final for syllable in read], cuts)
        if self.with_erhua:
            tones = erhua.colour(word.text, word.tag, tones)
        return tuple(Syllable(syllable.initial, final) for syllable, final in zip(read, tones, strict=True))

    def _tones(self, word: Word, finals: Sequence[str], cuts: Sequence[int]) -> list[str]:
        """The finals after sandhi; `cuts` says where the word was joined of several."""
        known = phrase(word.text) is not None
        return change_tones_beside_dictionary(word, finals, words.cut_finely, known, cuts)

    def _corrected(self, word: str, guessed: Sequence[str]) -> Sequence[str]:
        return guessed if self.readings is None else correct(word, guessed)


def _dictionary_tones(found: Sequence[Word]) -> Sequence[Sequence[str]]:
    return [[final[-1:] for final in finals(word.text)] for word in found]


def _written(text: Traced, place: int, piece: Traced) -> str:
    """The input text behind one character of a text made from `piece`."""
    return piece.behind(text.span(place, place + 1))


def _with_tone(syllable: Syllable, tone: str | None) -> Syllable:
    return syllable._replace(final=syllable.final[:-1] + tone) if tone else syllable


class ReleasedMandarin(Mandarin):
    """Mandarin as the released GPT-SoVITS models were trained with, wrong numbers included.

    Args:
        readings: as in `Mandarin`.
        with_erhua: False for v1 models.
    """

    def __init__(self, readings: Readings | None = None, with_erhua: bool = True) -> None:
        super().__init__(released_rules.normalise, readings, with_erhua)

    def _cut(self, segment: str) -> Sequence[Word]:
        return words.cut(segment)

    def _first_tones(self, segment: str, written: Sequence[str]) -> Mapping[int, str]:
        return {}

    def _tones_before_sandhi(self, readings: Sequence[str] | None) -> words.Tones:
        return _dictionary_tones

    def _readings(self, segment: str, cut: Sequence[Word], written: Sequence[str]) -> Sequence[str] | None:
        return None if self.readings is None else self.readings(segment)

    def _tones(self, word: Word, finals: Sequence[str], cuts: Sequence[int]) -> list[str]:
        return change_tones(word, finals, words.cut_finely)

    def read_beside_words(self, piece: Traced, before: bool, after: bool) -> LanguageReading:
        """Read as `read_piece`."""
        return self.read_piece(piece)

    def read_piece(self, piece: Traced) -> LanguageReading:
        """Read as `Mandarin.read_piece`; a ￥ (^) becomes a comma and turns every comma into the pause SP2 (SP3)."""
        for sign, pause in _SPECIAL_PAUSES:
            if sign in piece.text:
                reading = super().read_piece(piece.translate({ord(sign): ","}))
                units = tuple(
                    unit._replace(phones=(pause,)) if unit.phones == (",",) else unit for unit in reading.units
                )
                return reading._replace(units=units)
        return super().read_piece(piece)
