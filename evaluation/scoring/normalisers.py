"""What two spellings of the same words count as: normalisers, each with a version that travels with its numbers.

`strict` changes nothing but outer spaces. `lab` is ours: Unicode first, then apostrophes, dashes, numbers, one script
of Chinese, punctuation.
`whisper` is the normaliser that Whisper's authors publish their numbers with (Radford et al. 2022, appendix C), as
transformers ships it; its British spelling table is not in the package, a short own one stands in for it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from sovits_lab.text.english.numbers import cardinal
from sovits_lab.text.mandarin.characters import simplified

CHARACTERS = ("zh", "ja", "yue", "th")  # written without spaces: error rates are over characters
ONE_SCRIPT = ("zh", "yue")  # traditional and simplified characters are the same words
_APOSTROPHES = re.compile("[\u2018\u2019\u02bc\u0060\u00b4\u2032]")
_DASHES = re.compile("[-\u2010-\u2015\u2212_/]")
_NUMBER = re.compile(r"\d+(?:,\d{3})*")
_TITLES = {"mr": "mister", "mrs": "missis", "dr": "doctor", "st": "saint"}
_HAN_DIGITS = str.maketrans("0123456789", "零一二三四五六七八九")
_SPELLINGS = {
    "colour": "color", "colours": "colors", "favourite": "favorite", "grey": "gray", "honour": "honor",
    "labour": "labor", "neighbour": "neighbor", "behaviour": "behavior", "centre": "center", "theatre": "theater",
    "metre": "meter", "litre": "liter", "realise": "realize", "organise": "organize", "travelling": "traveling",
    "programme": "program", "cheque": "check", "defence": "defense", "harbour": "harbor", "rumour": "rumor",
}  # fmt: skip
_LAB_WORDS = _TITLES | _SPELLINGS


@dataclass(frozen=True)
class Normaliser:
    """A named, versioned map from text to the words (or characters) that are compared."""

    name: str
    version: str
    read: Callable[[str, str], str]

    @property
    def label(self) -> str:
        """Name and version, as stored with every row."""
        return f"{self.name}-{self.version}"

    def units(self, text: str, language: str) -> list[str]:
        """Split a text into words; into characters for languages that are written without spaces."""
        plain = self.read(text, language)
        return [c for c in plain if not c.isspace()] if is_spelt_in_characters(language) else plain.split()


def is_spelt_in_characters(language: str) -> bool:
    """Tell whether a language's error rate is over characters."""
    return language.split("-")[0].lower() in CHARACTERS


def normalise_strict(text: str, language: str) -> str:
    """Return the text as it is, without outer spaces."""
    return text.strip()


def normalise_lab(text: str, language: str) -> str:
    """Apply NFKC, one apostrophe, dashes to spaces, lower case, numbers to words, Chinese to simplified characters, no
    punctuation, single spaces.
    """
    plain = unicodedata.normalize("NFKC", text).lower()
    plain = _APOSTROPHES.sub("'", plain)
    plain = _DASHES.sub(" ", plain)
    if is_spelt_in_characters(language):
        plain = plain.translate(_HAN_DIGITS)
        if language.split("-")[0].lower() in ONE_SCRIPT:  # recognisers write either
            plain = plain.translate(simplified())
    elif language.startswith("en") or not language:
        plain = _NUMBER.sub(lambda m: f" {_spoken(m.group())} ", plain.replace("%", " percent "))
    plain = "".join(c if c.isalnum() or c in "' " or unicodedata.category(c) == "Mn" else " " for c in plain)
    words = [_LAB_WORDS.get(word, word) for word in (word.strip("'") for word in plain.split())]
    return " ".join(word for word in words if word)


def _spoken(number: str) -> str:
    digits = number.replace(",", "")
    return cardinal(int(digits)).replace("-", " ") if len(digits) <= 15 else " ".join(digits)


@cache
def _whisper_english() -> Callable[[str], str]:
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    return EnglishTextNormalizer(_SPELLINGS)  # type: ignore[no-untyped-call]


@cache
def _whisper_basic() -> Callable[[str], str]:
    from transformers.models.whisper.english_normalizer import BasicTextNormalizer

    return BasicTextNormalizer()


def normalise_whisper(text: str, language: str) -> str:
    """Apply Whisper's English rules to English, its basic rules to every other language."""
    return (_whisper_english() if language.startswith("en") or not language else _whisper_basic())(text)


NORMALISERS = {
    one.name: one
    for one in (
        Normaliser("strict", "1", normalise_strict),
        Normaliser("lab", "2", normalise_lab),
        Normaliser("whisper", "1", normalise_whisper),
    )
}
