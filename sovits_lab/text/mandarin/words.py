"""Chinese words by jieba, joined where tone sandhi must see both of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

from sovits_lab.text.mandarin.sandhi import Word
from sovits_lab.text.packages import require

Tones = Callable[[Sequence[Word]], Sequence[Sequence[str]]]
"""Words that follow each other -> for each the tones of its syllables, as digits."""


@cache
def _jieba() -> Any:
    jieba = require("jieba", "zh")
    jieba.setLogLevel(logging.ERROR)
    require("jieba.posseg", "zh")
    return jieba


@lru_cache(maxsize=5_000)
def cut(text: str) -> tuple[Word, ...]:
    """Cut a text into words with part of speech; joined they are the text."""
    return tuple(Word(pair.word, pair.flag) for pair in _jieba().posseg.lcut(text))


@lru_cache(maxsize=100_000)
def cut_finely(word: str) -> tuple[str, ...]:
    """Return every dictionary word found inside a word, short ones first."""
    return tuple(_jieba().cut_for_search(word))


def join_bu(words: Sequence[Word]) -> list[Word]:
    """Join 不 and the word after it: 不 怕 -> 不怕."""
    joined: list[Word] = []
    waiting = False
    for word in words:
        text = "不" + word.text if waiting else word.text
        waiting = text == "不"
        if not waiting:
            joined.append(Word(text, word.tag))
    return [*joined, Word("不", "d")] if waiting else joined


def join_yi(words: Sequence[Word]) -> list[Word]:
    """Join 看 一 看 to 看一看, and a single 一 to the word after it."""
    around: list[Word] = []
    place = 0
    while place < len(words):
        word = words[place]
        after = words[place + 1] if place + 1 < len(words) else None
        if word.text == "一" and around and after and around[-1] == after and after.tag == "v":
            around[-1] = Word(after.text + "一" + after.text, after.tag)
            place += 2
            continue
        around.append(word)
        place += 1
    joined: list[Word] = []
    for word in around:
        if joined and joined[-1].text == "一":
            joined[-1] = Word("一" + word.text, joined[-1].tag)
        else:
            joined.append(word)
    return joined


def join_repeats(words: Sequence[Word]) -> list[Word]:
    """Join 慢 慢 to 慢慢; 哈 哈 哈 stays a pair and one, because the pair is no longer the same word."""
    joined: list[Word] = []
    for word in words:
        if joined and word.text == joined[-1].text:
            joined[-1] = Word(joined[-1].text + word.text, joined[-1].tag)
        else:
            joined.append(word)
    return joined


def join_third_tones(words: Sequence[Word], tones_of: Tones, whole: bool) -> list[Word]:
    """Join neighbours that meet in third tones, three characters at most.

    Args:
        words: all words of a clause.
        tones_of: tells the tones of such words.
        whole: True asks every syllable of both words to be third tone, False only the two that meet.
    """
    tones = [list(one) for one in tones_of(words)]
    joined: list[Word] = []
    was_joined = False
    for place, word in enumerate(words):
        before, here = tones[place - 1] if place else [], tones[place]
        meet = set(before + here) == {"3"} if whole else before[-1:] == here[:1] == ["3"]
        previous = words[place - 1].text if place else ""
        doubled = len(previous) == 2 and previous[0] == previous[1]
        if place and meet and not was_joined and not doubled and len(previous) + len(word.text) <= 3:
            joined[-1] = Word(joined[-1].text + word.text, joined[-1].tag)
            was_joined = True
        else:
            joined.append(word)
            was_joined = False
    return joined


def join_er(words: Sequence[Word]) -> list[Word]:
    """Join X 儿 to X儿."""
    joined: list[Word] = []
    for word in words:
        if joined and word.text == "儿":
            joined[-1] = Word(joined[-1].text + "儿", joined[-1].tag)
        else:
            joined.append(word)
    return joined


def join_for_sandhi(words: Sequence[Word], tones_of: Tones) -> list[Word]:
    """Make all joinings in the order of the released models' front end."""
    joined = join_repeats(join_yi(join_bu(words)))
    for whole in (True, False):
        joined = join_third_tones(joined, tones_of, whole)
    return join_er(joined)
