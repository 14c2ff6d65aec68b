"""Which reading a character has: pypinyin's phrases by default, the g2pW network where its weights are at hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

from sovits_lab.text.packages import require
from sovits_lab.text.tables import text_of


class Syllable(NamedTuple):
    """Initial ("" for none) and strict final with its tone number."""

    initial: str
    final: str


Readings = Callable[[str], Sequence[str]]
"""A sentence -> one pinyin a character such as "hang2" or "lv4"; a character that is no Han character stays itself."""


@cache
def _pypinyin() -> Any:
    return require("pypinyin", "zh")


@lru_cache(maxsize=200_000)
def syllables(word: str) -> tuple[Syllable, ...]:
    """Return a Han word's readings by pypinyin, one a character; ("", char) where it knows none."""
    pypinyin = _pypinyin()
    style = pypinyin.Style
    initials = pypinyin.lazy_pinyin(word, neutral_tone_with_five=True, style=style.INITIALS, errors=list)
    finals = pypinyin.lazy_pinyin(word, neutral_tone_with_five=True, style=style.FINALS_TONE3, errors=list)
    return tuple(Syllable(*pair) for pair in zip(initials, finals, strict=True))


@lru_cache(maxsize=200_000)
def finals(word: str) -> tuple[str, ...]:
    """Return only the finals of `syllables`."""
    return tuple(syllable.final for syllable in syllables(word))


@lru_cache(maxsize=200_000)
def split_pinyin(pinyin: str) -> Syllable:
    """Split "zhuang4" into ("zh", "uang4"); what is no pinyin gives itself twice."""
    if not pinyin[:1].isalpha() or not pinyin.isascii():
        return Syllable(pinyin, pinyin)
    convert = require("pypinyin.contrib.tone_convert", "zh")
    return Syllable(convert.to_initials(pinyin), convert.to_finals_tone3(pinyin, neutral_tone_with_five=True))


@cache
def _exceptions() -> dict[str, tuple[str, ...] | None]:
    """Word -> readings where the released front end's dictionary and pypinyin's phrases differ; None: it lacks it."""
    words: dict[str, tuple[str, ...] | None] = {}
    for first, *rest in map(str.split, text_of("polyphones_released.txt").splitlines()):
        words.update(dict.fromkeys(rest) if first == "without" else {first: tuple(rest)})
    return words


@lru_cache(maxsize=200_000)
def dictionary(word: str) -> tuple[str, ...] | None:
    """Return the fixed readings of a word of two or more characters (pypinyin's 47 000 phrases), else None."""
    if word in _exceptions():
        return _exceptions()[word]
    if len(word) < 2:
        return None
    phrase = require("pypinyin.phrases_dict", "zh").phrases_dict.get(word)
    if phrase is None or len(phrase) != len(word):
        return None
    to_tone3 = require("pypinyin.contrib.tone_convert", "zh").to_tone3
    return tuple(to_tone3(options[0], neutral_tone_with_five=True, v_to_u=False) for options in phrase)


def correct(word: str, guessed: Sequence[str]) -> tuple[str, ...]:
    """Return a word's readings: the dictionary's for the whole word, else character by character, else as guessed."""
    whole = dictionary(word)
    if whole is not None:
        return whole
    return tuple((dictionary(char) or (guess,))[0] for char, guess in zip(word, guessed, strict=True))
