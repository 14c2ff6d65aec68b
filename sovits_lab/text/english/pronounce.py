"""Word to phones: dictionary, homographs, spelling, possessives, compounds, and the network last."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from sovits_lab.text.english.lexicon import Phones, dictionary, homographs, our_homographs
from sovits_lab.text.english.predict import Speller
from sovits_lab.text.packages import require
from sovits_lab.text.symbols import PAUSES
from sovits_lab.text.tables import text_of, words

Tagger = Callable[[Sequence[str]], Sequence[str]]
"""Words of a sentence -> one Penn part-of-speech tag a word."""

_LONGEST_SPELLED = 3
_LONGEST_COMPOUND = 60
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[A-Z]")
_VOWEL = re.compile("[aeiouy]")
_SPEAKABLE = re.compile("(?:[^aeiou]{0,2}[aeiouy])+[^aeiou]{0,2}")
_NO_NOUN = frozenset(("slash", "is", "and", "or", "to", "plus", "minus", "equals", "times", "dot", "at", "was", "has"))
_CONTRACTED: dict[str, Phones] = {"ve": ("AH0", "V"), "ll": ("AH0", "L"), "d": ("D",), "re": ("ER0",), "m": ("M",)}
_VOICELESS, _SIBILANT = frozenset(("P", "T", "K", "F", "TH", "HH")), frozenset(("S", "Z", "SH", "ZH", "CH", "JH"))


@cache
def _additions() -> dict[str, Phones]:
    """Words that the CMU dictionary lacks or has only as something else."""
    lines = (line.split() for line in text_of("en_words.txt").splitlines())
    return {word: tuple(phones) for word, *phones in lines}


@cache
def _ours() -> dict[str, Phones]:
    """Words of today that the dictionary lacks and the network guesses wrongly; the released front end has none."""
    lines = (line.split() for line in text_of("en_words_ours.txt").splitlines())
    return {word: tuple(phones) for word, *phones in lines}


@cache
def _none() -> dict[str, Phones]:
    return {}


@cache
def _not_words() -> frozenset[str]:
    """Dictionary entries that are abbreviations read wrongly there; they are spelled."""
    return frozenset(("ae", "ai", "ar", "ios", "os", "hud"))


@cache
def _segmenter() -> Any:
    module = require("wordsegment", "en")
    module.load()
    return module


def known(word: str) -> Phones | None:
    """Phones of a lower-case word in the dictionary; None for a word that is not there."""
    if word in _additions():
        return _additions()[word]
    return None if word in _not_words() else dictionary().get(word)


def letters(word: str) -> Phones:
    """A word said letter by letter."""
    return tuple(phone for letter in word for phone in (("EY1",) if letter == "a" else dictionary().get(letter, ())))


class Pronouncer:
    """Phones of every word of a sentence.

    Args:
        tagger: decides between the sounds of a homograph.
    """

    homographs = staticmethod(our_homographs)
    additions: Callable[[], dict[str, Phones]] = staticmethod(_ours)

    def __init__(self, tagger: Tagger) -> None:
        self.tagger = tagger
        self._speller: Speller | None = None
        self._cache: dict[str, Phones] = {}

    def __call__(self, words: Sequence[str]) -> list[Phones]:
        """One tuple of phones for each word or pause mark."""
        tags: Sequence[str] | None = None
        alphabetic = [word for word in words if word[0].isalpha()]
        shouting = len(alphabetic) > 2 and all(word.isupper() for word in alphabetic)
        homographs = self.homographs()
        said = list[Phones]()
        for place, word in enumerate(words):
            choice = homographs.get(word.lower())
            if word in PAUSES:
                said.append((word,))
            elif choice and not (word.isupper() and not shouting and len(word) <= _LONGEST_SPELLED):
                tags = self.tagger(words) if tags is None else tags
                fits = tags[place].startswith(choice.tag) or choice.tag.startswith(tags[place])
                said.append(choice.matched if fits else choice.other)
            else:
                said.append(self.in_sentence(words, place, shouting))
        return self._linked(words, said)

    def in_sentence(self, words: Sequence[str], place: int, shouting: bool) -> Phones:
        """Phones of a word that is no homograph, by its capitals and its place."""
        word = words[place]
        if word == "a" and len(words) == 1:
            return ("EY1",)
        if word == "A":
            starts = place == 0 or words[place - 1] in PAUSES
            before_word = place + 1 < len(words) and len(words[place + 1]) > 1 and words[place + 1] not in _NO_NOUN
            return ("AH0",) if starts and before_word else ("EY1",)
        if shouting or word.islower() or word.istitle():
            return self.word(word.lower())
        return self._capitals(word)

    def _linked(self, words: Sequence[str], said: list[Phones]) -> list[Phones]:
        """`the` has a full vowel before a vowel."""
        for place, word in enumerate(words[:-1]):
            after = said[place + 1]
            if word.lower() == "the" and after and after[0][-1].isdigit():
                said[place] = ("DH", "IY0")
        return said

    def _capitals(self, word: str) -> Phones:
        """An acronym, a CamelCase word, or both (OpenAI's, McDonald's, NASA, iPhone)."""
        lower = word.lower()
        if lower.endswith("'s") and lower not in dictionary():
            return self._possessive(self._capitals(word[:-2]))
        if word.isupper():
            return self._acronym(lower)
        if lower in self.additions() or known(lower):
            return self.word(lower)
        parts = _CAMEL.findall(word)
        return tuple(
            phone for part in parts for phone in (self._acronym(part.lower()) if part.isupper() else self._part(part))
        )

    def _part(self, part: str) -> Phones:
        return letters(part.lower()) if len(part) == 1 else self.word(part.lower())

    def _acronym(self, word: str) -> Phones:
        """Said as a word when it is long enough and can be; else letter by letter."""
        if word in words("en_emphasised.txt"):
            return self.word(word)
        if len(word) <= _LONGEST_SPELLED or not (word in self.additions() or known(word) or _SPEAKABLE.fullmatch(word)):
            return letters(word)
        return self.word(word)

    def word(self, word: str) -> Phones:
        """Phones of one lower-case word by itself."""
        if word not in self._cache:
            if len(self._cache) > 200_000:
                self._cache.clear()
            self._cache[word] = self.additions().get(word) or known(word) or self._unknown(word)
        return self._cache[word]

    def _unknown(self, word: str) -> Phones:
        bare = word.strip("'-")
        if bare != word:
            return known(bare) or self._unknown(bare) if bare else ()
        if "-" in word:
            return self._hyphenated(word)
        if len(word) <= _LONGEST_SPELLED:
            return letters(word)
        if re.fullmatch("[a-z]+'s", word):
            return self._possessive(self.word(word[:-2]))
        if said := self._special(word):
            return said
        if len(word) > _LONGEST_COMPOUND:
            return tuple(
                phone
                for start in range(0, len(word), _LONGEST_COMPOUND)
                for phone in self.word(word[start : start + _LONGEST_COMPOUND])
            )
        return self._compound(word) or self._predict(word.replace("'", ""))

    def _special(self, word: str) -> Phones:
        """A word without vowels by letters; a second contraction (shouldn't've) in parts; empty for any other."""
        if not _VOWEL.search(word):
            return letters(word)
        stem, _, ending = word.rpartition("'")
        return (*self.word(stem), *_CONTRACTED[ending]) if stem and ending in _CONTRACTED else ()

    def _hyphenated(self, word: str) -> Phones:
        return tuple(phone for part in word.split("-") if part for phone in self.word(part))

    def _compound(self, word: str) -> Phones:
        """Phones of the words that a long word is made of; empty when it is one word."""
        parts = _segmenter().segment(word)
        if len(parts) < 2:
            return ()
        return tuple(phone for part in parts for phone in (letters(part) if len(part) == 1 else self.word(part)))

    @staticmethod
    def _possessive(stem: Phones) -> Phones:
        if not stem:
            return ("Z",)
        if stem[-1] in _VOICELESS:
            return (*stem, "S")
        return (*stem, "AH0", "Z") if stem[-1] in _SIBILANT else (*stem, "Z")

    def _predict(self, word: str) -> Phones:
        if self._speller is None:
            self._speller = Speller()
        return self._speller.predict(word)


class ReleasedPronouncer(Pronouncer):
    """As the released models' front end: hyphenated and dotted words that the dictionary lacks are one compound."""

    homographs = staticmethod(homographs)
    additions: Callable[[], dict[str, Phones]] = staticmethod(_none)

    def in_sentence(self, words: Sequence[str], place: int, shouting: bool) -> Phones:
        """A capital A is the letter; capitals mean nothing else, because the rules have set them apart."""
        return ("EY1",) if words[place] == "A" else self.word(words[place].lower())

    def _linked(self, words: Sequence[str], said: list[Phones]) -> list[Phones]:
        return said

    def _special(self, word: str) -> Phones:
        return ()

    def _unknown(self, word: str) -> Phones:
        if word == "'":
            return ("-",)
        if "." in word:
            return self._compound(word) or self._predict(word)
        return super()._unknown(word)

    def _hyphenated(self, word: str) -> Phones:
        return self._compound(word) or self._predict(word)
