"""Readings of whole words: CC-CEDICT's, then pypinyin's phrases; a few entries of our own before both."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from math import log
from typing import Any

from sovits_lab.text.packages import require
from sovits_lab.text.tables import pairs

# Words in neutral tone that are something else at the end of a longer word: 岂不是, 姑娘家.
_NOT_INSIDE = frozenset(("不是", "娘家", "家子"))


@cache
def _ours() -> dict[str, str]:
    return pairs("zh_words.tsv")


@cache
def _dictionaries() -> tuple[dict[str, list[list[str]]], ...]:
    """CC-CEDICT marks neutral tones and knows everyday words; pypinyin's phrases know more idioms and names."""
    cedict: Any = require("pypinyin_dict.phrase_pinyin_data.cc_cedict", "zh").phrases_dict
    return cedict, require("pypinyin.phrases_dict", "zh").phrases_dict


@lru_cache(maxsize=200_000)
def phrase(word: str) -> tuple[str, ...] | None:
    """Return one pinyin a character of a word of two or more, before sandhi; None if no dictionary has it."""
    if word in _ours():
        return tuple(_ours()[word].split())
    if len(word) < 2:
        return None
    to_tone3 = require("pypinyin.contrib.tone_convert", "zh").to_tone3
    for number, dictionary in enumerate(_dictionaries()):
        found = dictionary.get(word)
        if found is not None and len(found) == len(word):
            readings = [to_tone3(one[0], neutral_tone_with_five=True, v_to_u=False) for one in found]
            readings = ["yi1" if char == "一" else reading for char, reading in zip(word, readings, strict=True)]
            return _with_neutral(word, readings) if number and len(word) == 3 else tuple(readings)
    return None


def _with_neutral(word: str, readings: Sequence[str]) -> tuple[str, ...]:
    """A word of three of pypinyin's phrases with the neutral tone of the word inside it: 洗衣服, 关系户.

    Those phrases give every syllable its full tone. A word inside counts only where no other cut is possible.
    """
    changed = list(readings)
    for start, other in ((1, word[:2]), (0, word[1:])):
        inside = word[start : start + 2]
        found = None if inside in _NOT_INSIDE or inside[0] == inside[1] else phrase(inside)
        alone = start or (phrase(other) is None and other not in _frequencies())
        if found and alone and found[1].endswith("5") and found[1][:-1] == readings[start + 1][:-1]:
            changed[start + 1] = found[1]
    return tuple(changed)


@cache
def _frequencies() -> dict[str, int]:
    jieba: Any = require("jieba", "zh")
    jieba.initialize()
    frequencies: dict[str, int] = jieba.dt.FREQ
    return frequencies


def _likely(parts: Sequence[str]) -> tuple[int, float]:
    """How likely a cut is: few parts first, then frequent ones."""
    return -len(parts), sum(log(_frequencies().get(part, 0) + 1) for part in parts)


def _longest(word: str, from_start: bool) -> list[str]:
    parts, rest = list[str](), word
    while rest:
        length = next(
            (n for n in range(len(rest), 1, -1) if phrase(rest[:n] if from_start else rest[-n:]) is not None), 1
        )
        part, rest = (rest[:length], rest[length:]) if from_start else (rest[-length:], rest[:-length])
        parts.append(part)
    return parts if from_start else parts[::-1]


@lru_cache(maxsize=50_000)
def longest_words(word: str) -> tuple[str, ...]:
    """Cut a word into the longest that the dictionaries have, and what none has into single characters."""
    if len(word) < 2 or phrase(word) is not None:
        return (word,)
    best: list[str] = max((_longest(word, True), _longest(word, False)), key=_likely)
    return tuple(best)
