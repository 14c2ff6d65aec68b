"""Word to phones: dictionary, homographs, spelling, possessives, compounds, and the network last."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from string import ascii_lowercase
from typing import Any

from sovits_lab.text.english import accents, capitals, homographs, misaki, pinyin, romaji
from sovits_lab.text.english.beside_chinese import Beside
from sovits_lab.text.english.lexicon import Phones, dictionary
from sovits_lab.text.english.lexicon import homographs as released_homographs
from sovits_lab.text.english.parts import BEGINNINGS, derived, plural
from sovits_lab.text.english.predict import Speller
from sovits_lab.text.packages import require
from sovits_lab.text.symbols import PAUSES
from sovits_lab.text.tables import text_of, words

Tagger = Callable[[Sequence[str]], Sequence[str]]
"""Words of a sentence -> one Penn part-of-speech tag a word."""

_LONGEST_COMPOUND = 60  # letters; looking for the parts of what is longer takes seconds, and is too deep for Python
_SHORTEST_PART = 3
_SHORTEST_HALF, _COMMON = 4, 1e7  # letters, and how often a half of a name is written in wordsegment's counts
_SHORTEST_NAME = 7  # of capitals that are words written together
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[A-Z]")
_MIXED_ACRONYM = re.compile("[A-Z][a-z][A-Z]")  # MoU, DoD
_VERSIONED = re.compile("[A-Z]{2,}v")  # YOLOv8
_VOWEL = re.compile("[aeiouy]")
_NO_NOUN = frozenset(("slash", "is", "and", "or", "to", "plus", "minus", "equals", "times", "dot", "at", "was", "has"))
_CONTRACTED: dict[str, Phones] = {"ve": ("AH0", "V"), "ll": ("AH0", "L"), "d": ("D",), "re": ("ER0",), "m": ("M",)}


@cache
def _additions() -> dict[str, Phones]:
    """Words that the CMU dictionary lacks or has only as something else."""
    lines = (line.split() for line in text_of("en_words.txt").splitlines())
    return {word: tuple(phones) for word, *phones in lines}


@cache
def _ours() -> dict[str, Phones]:
    """Words and names of today that the dictionary lacks and the network guesses wrongly.

    The released front end has none of them.
    """
    lines = (line.split() for name in ("names", "words_ours") for line in text_of(f"en_{name}.txt").splitlines())
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


def _spelled(word: str) -> Phones:
    """Phones of an acronym that chat writes in small letters (kpi, diy), or of several (kols); empty for any other."""
    if word in words("en_letters.txt"):
        return letters(word)
    return plural(letters(word[:-1])) if word.endswith("s") and word[:-1] in words("en_letters.txt") else ()


def known(word: str) -> Phones | None:
    """Return the phones of a lower-case word in the dictionary; None for a word that is not there."""
    if word in _additions():
        return _additions()[word]
    return None if word in _not_words() else dictionary().get(word)


def letters(word: str) -> Phones:
    """Say a word letter by letter."""
    return tuple(phone for letter in word for phone in (("EY1",) if letter == "a" else dictionary().get(letter, ())))


class Pronouncer:
    """Phones of every word of a sentence.

    Args:
        tagger: decides between the sounds of a homograph.
    """

    additions: Callable[[], dict[str, Phones]] = staticmethod(_ours)
    wider = True
    """Whether words are looked for beyond the CMU dictionary."""

    def __init__(self, tagger: Tagger) -> None:
        self.tagger = tagger
        self._speller: Speller | None = None
        self._cache: dict[str, Phones] = {}

    def __call__(self, words: Sequence[str], beside: Beside | None = None) -> list[Phones]:
        """One tuple of phones for each word or pause mark; what stands beside them may tell parts of speech."""
        calm = self.calm(words)
        tags: Sequence[str] | None = None
        pronunciations = list[Phones]()
        for place, word in enumerate(calm):
            if word in PAUSES:
                pronunciations.append((word,))
            elif self.is_homograph(word):
                tags = self._tags(calm, beside) if tags is None else tags
                pronunciations.append(self.homograph(calm, tags, place))
            else:
                pronunciations.append(self.in_sentence(calm, place))
        return self._linked(words, pronunciations)

    def _tags(self, words: Sequence[str], beside: Beside | None) -> Sequence[str]:
        tags = self.tagger(words)
        return tags if beside is None else beside.mended(words, tags)

    def calm(self, words: Sequence[str]) -> list[str]:
        """Return the words with those that are only shouted in lower case."""
        shouted = capitals.shouted(words, [self._common(word.lower()) for word in words])
        before = ("", *words)
        in_english = any(word.islower() for word in words)  # in Chinese text WHO stands alone
        asked = (
            word == "WHO" and in_english and one.lower() != "the" for one, word in zip(before, words, strict=False)
        )
        return [
            word.lower() if loud or ask or not word.isascii() else word  # ESTÉE is a word, not letters
            for word, loud, ask in zip(words, shouted, asked, strict=True)
        ]

    def written(self, words: Sequence[str]) -> list[str]:
        """Write words so that another synthesiser says their capitals as we do: C E O, but sim card and turn it on."""
        return [self._written(word) for word in self.calm(words)]

    def _written(self, word: str) -> str:
        if not word.isascii():
            return accents.plain(word)
        if len(word) < 2 or not (word.isupper() or capitals.is_plural(word)):
            return word
        stem, ending = (word[:-1], "'s") if capitals.is_plural(word) else (word, "")
        if "-" in word or self._acronym(stem.lower()) != letters(stem.lower()):
            return word.lower()
        return ".".join(stem) + ending

    def is_homograph(self, word: str) -> bool:
        """Return True for a word with two sounds; in capitals only where it is no acronym (a LEAD, but an LED)."""
        spelled = word.isupper() and capitals.is_spelled(word.lower(), known=True)
        return not spelled and homographs.is_homograph(word)

    def homograph(self, words: Sequence[str], tags: Sequence[str], place: int) -> Phones:
        """Return the phones of a word with two sounds."""
        return homographs.homograph_phones(words, tags, place)

    def _common(self, word: str) -> bool:
        """A word that can be shouted: a common short one, or a longer one of the dictionary."""
        if len(word) <= capitals.LONGEST_SPELLED:
            return capitals.is_emphasised(word) or word in ("i", "a", "is", "it", "us", "am")
        return known(word) is not None

    def in_sentence(self, words: Sequence[str], place: int) -> Phones:
        """Return the phones of a word that is no homograph, by its capitals and its place."""
        word = words[place]
        if word == "a" and (place + 1 == len(words) or words[place + 1] in ",.!?"):  # a, b and c
            return ("EY1",)
        if word == "A":
            starts = place == 0 or words[place - 1] in PAUSES
            before_word = place + 1 < len(words) and len(words[place + 1]) > 1 and words[place + 1] not in _NO_NOUN
            return ("AH0",) if starts and before_word else ("EY1",)
        if word.islower() and (spelled := _spelled(word)):
            return spelled
        if word.islower() or word.istitle():
            return self.word(word.lower())
        return self._capitals(word)

    def _linked(self, words: Sequence[str], pronunciations: list[Phones]) -> list[Phones]:
        """`the` has a full vowel before a vowel."""
        for place, word in enumerate(words[:-1]):
            after = pronunciations[place + 1]
            if word.lower() == "the" and after and after[0][-1].isdigit():
                pronunciations[place] = ("DH", "IY0")
        return pronunciations

    def _capitals(self, word: str) -> Phones:
        """An acronym, a CamelCase word, or both (OpenAI's, McDonald's, NASA, iPhone)."""
        lower = word.lower()
        if "-" in word:
            return tuple(phone for part in word.split("-") if part for phone in self.in_sentence([part, "."], 0))
        if lower.endswith("'s") and lower not in dictionary():
            return plural(self._capitals(word[:-2]))
        if word.isupper():
            return self._acronym(lower)
        if lower in self.additions():
            return self.word(lower)
        if capitals.is_plural(word):
            return plural(self._acronym(lower[:-1]))
        if known(lower):
            return self.word(lower)
        if _MIXED_ACRONYM.fullmatch(word):
            return letters(lower)
        if _VERSIONED.fullmatch(word):
            return (*self._acronym(lower[:-1]), *letters("v"))
        parts = _CAMEL.findall(word)
        if max(map(len, parts)) < _SHORTEST_PART and not all(map(_VOWEL.search, map(str.lower, parts))):
            return letters(lower)  # HBsAg
        return tuple(
            phone for part in parts for phone in (self._acronym(part.lower()) if part.isupper() else self._part(part))
        )

    def _part(self, part: str) -> Phones:
        return letters(part.lower()) if len(part) == 1 else self.word(part.lower())

    def _acronym(self, word: str) -> Phones:
        """Said as a word when it is one or can be one; else letter by letter."""
        if word in self.additions() or (word in _additions() and len(word) > 1):
            return self.word(word)
        if len(word) >= _SHORTEST_NAME and known(word) is None and (name := self._compound(word)):
            return name  # BLACKPINK
        return letters(word) if capitals.is_spelled(word, known(word) is not None) else self.word(word)

    def word(self, word: str) -> Phones:
        """Return the phones of one lower-case word by itself."""
        if word not in self._cache:
            if len(self._cache) > 200_000:
                self._cache.clear()
            unknown = self._unknown if word.isascii() else self._accented
            self._cache[word] = self.additions().get(word) or known(word) or unknown(word)
        return self._cache[word]

    def _accented(self, word: str) -> Phones:
        """A word with accents: by its plain spelling, and what the accents tell."""
        if "-" in word:
            return self._hyphenated(word)
        if word.endswith(("'s", "és", "ées")):
            return plural(self.word(word.removesuffix("s").removesuffix("'")))
        phones = self.word(accents.plain(word))
        return accents.accented(word, phones) if phones else ()

    def _unknown(self, word: str) -> Phones:
        bare = word.strip("'-")
        if bare != word:
            return self.word(bare) if bare else ()
        if "-" in word:
            return self._hyphenated(word)
        if self.is_spelled(word):
            return letters(word)
        if re.fullmatch("[a-z]+'s", word):
            return plural(self.word(word[:-2]))
        if re.fullmatch("[a-z]+s'", word):
            return self.word(word[:-1])
        if phones := (misaki.checked(word) if self.wider else None) or self._special(word):
            return phones
        if len(word) > _LONGEST_COMPOUND:
            return tuple(
                phone
                for start in range(0, len(word), _LONGEST_COMPOUND)
                for phone in self.word(word[start : start + _LONGEST_COMPOUND])
            )
        if self.wider and known(f"{word}g") is None and (phones := pinyin.phones(word)):  # runnin is English
            return phones
        rare = self.wider and misaki.unchecked(word)
        whole = self._compound(word) or rare or self._two_words(word) or (romaji.phones(word) if self.wider else ())
        return whole or self._predict(word.replace("'", ""))

    def is_spelled(self, word: str) -> bool:
        """Return True for an unknown word that can only be said by its letters, as is a row of the alphabet (abcd)."""
        return len(word) < _SHORTEST_PART or not _VOWEL.search(word) or word in ascii_lowercase

    def _special(self, word: str) -> Phones:
        """A word with an ending or a beginning; a second contraction (shouldn't've) in parts; empty for any other."""
        if word.endswith("id") and len(word) > _SHORTEST_PART + 1 and (named := self._known(word[:-2])):
            return (*named, *letters("id"))  # appid, openid
        stem, _, ending = word.rpartition("'")
        if stem and ending in _CONTRACTED:
            return (*self.word(stem), *_CONTRACTED[ending])
        return derived(word, self._known) or ()

    def _known(self, word: str) -> Phones | None:
        return self.additions().get(word) or known(word) or (misaki.checked(word) if self.wider else None)

    def _hyphenated(self, word: str) -> Phones:
        first, *others = [part for part in word.split("-") if part]
        beginning = BEGINNINGS.get(first) if self.wider and others and first in ("re", "co", "de") else None
        return (*(beginning or self.word(first)), *(phone for part in others for phone in self.word(part)))

    def _compound(self, word: str) -> Phones:
        """Phones of the words that a long word is made of; empty when it is one word."""
        if len(word) > _LONGEST_COMPOUND:
            return ()
        parts = _segmenter().segment(word)
        if len(parts) < 2 or not all(self.is_part(part) for part in parts):
            return ()
        return tuple(phone for part in parts for phone in (letters(part) if len(part) == 1 else self.word(part)))

    def _two_words(self, word: str) -> Phones:
        """Phones of the two common words in a name that the segmenter leaves whole (Citywalk); empty for any other."""
        cuts = [(word[:place], word[place:]) for place in range(_SHORTEST_HALF, len(word) - _SHORTEST_HALF + 1)]
        of_words = [cut for cut in cuts if self.wider and all(known(part) for part in cut)]
        if not of_words:
            return ()
        counts: dict[str, float] = _segmenter().UNIGRAMS
        common = [cut for cut in of_words if all(counts.get(part, 0) > _COMMON for part in cut)]
        if not common:
            return ()
        first, second = max(common, key=lambda cut: counts[cut[0]] * counts[cut[1]])
        return (*self.word(first), *(phone.replace("1", "2") for phone in self.word(second)))

    def is_part(self, part: str) -> bool:
        """Return True for a part of a compound that is a word by itself; the others are left to the network."""
        return len(part) >= _SHORTEST_PART and (self._known(part) is not None or derived(part, self._known) is not None)

    def _predict(self, word: str) -> Phones:
        if self._speller is None:
            self._speller = Speller()
        return self._speller.predict(word)


class ReleasedPronouncer(Pronouncer):
    """As the released models' front end: hyphenated and dotted words that the dictionary lacks are one compound."""

    additions: Callable[[], dict[str, Phones]] = staticmethod(_none)
    wider = False

    def calm(self, words: Sequence[str]) -> list[str]:
        """Return the words as they are."""
        return list(words)

    def is_homograph(self, word: str) -> bool:
        """Look in the list, but a word of up to three letters in capitals is spelled."""
        return word.lower() in released_homographs() and not (word.isupper() and len(word) <= capitals.LONGEST_SPELLED)

    def homograph(self, words: Sequence[str], tags: Sequence[str], place: int) -> Phones:
        """Choose by the tag alone."""
        choice, tag = released_homographs()[words[place].lower()], tags[place]
        return choice.matched if tag.startswith(choice.tag) or choice.tag.startswith(tag) else choice.other

    def in_sentence(self, words: Sequence[str], place: int) -> Phones:
        """Read a capital A as the letter; capitals mean nothing else, because the rules have set them apart."""
        return ("EY1",) if words[place] == "A" else self.word(words[place].lower())

    def is_spelled(self, word: str) -> bool:
        """Return True for every unknown word of at most three letters."""
        return len(word) <= capitals.LONGEST_SPELLED

    def is_part(self, part: str) -> bool:
        """Accept whatever the segmenter finds."""
        return True

    def _linked(self, words: Sequence[str], pronunciations: list[Phones]) -> list[Phones]:
        return pronunciations

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
