"""Tone sandhi of Mandarin inside words: 不, 一, neutral tone, third tones; and the joining of words it needs.

The order and reach of the rules are those the released models were trained with (after PaddleSpeech, Apache-2.0, whose
word lists are the two data files); each function states its rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sovits_lab.text.tables import words

PUNCTUATION = "：，；。？！“”‘’':,;.?!"
_PARTICLES = frozenset("吧呢哈啊呐噻嘛吖嗨哦哒额滴哩哟喽啰耶喔诶")
_PARTICLES_ALONE = frozenset("吧呢啊呐嘛哦哟喽啰喔")
_STRUCTURAL = frozenset("的地得")
_ASPECT, _ASPECT_TAGS = frozenset("了着过"), frozenset({"ul", "uz", "ug"})
_BEFORE_DIRECTION = frozenset("上下进出回过起开")
# jieba calls many a doubled verb (教教) a noun.
_DOUBLED = frozenset({"v", "vn", "vd", "vi", "vg", "n"})
_UNSTRESSED = frozenset({"e5", "uo4", "uo5"})
_LOCATIVE, _LOCATIVE_TAGS = frozenset("上下里"), frozenset({"s", "l", "f", "n"})
_OBJECTS = frozenset("我你")
_EXCLAMATIONS = ("啊", "哦")  # what stands beside them decides: 啊, 是你; 好啊
_ADVERBS = frozenset("可要怕莫还也就并从绝都")
_BEFORE_GE = frozenset("几有两半多各整每做是")
_WITH_GE = _BEFORE_GE | frozenset("上下这那哪某")

Cut = Callable[[str], Sequence[str]]


class Word(NamedTuple):
    """A word and its jieba part of speech."""

    text: str
    tag: str


def _set(finals: list[str], place: int, tone: str) -> None:
    finals[place] = finals[place][:-1] + tone


def _all_third(finals: Sequence[str]) -> bool:
    return all(final[-1] == "3" for final in finals)


def split_in_two(word: str, cut: Cut) -> tuple[str, str]:
    """Return the shortest word that a fine cut finds in `word`, and the rest, in their order."""
    first = min(cut(word), key=len)
    if word.startswith(first):
        return first, word[len(first) :]
    return word[: -len(first)], first


def bu(word: str, finals: list[str]) -> None:
    """Make 不 neutral inside X不Y (看不懂), second tone before a fourth (不怕)."""
    if len(word) == 3 and word[1] == "不":
        _set(finals, 1, "5")
        return
    for place, char in enumerate(word[:-1]):
        if char == "不" and finals[place + 1][-1] == "4":
            _set(finals, place, "2")


def yi(word: str, finals: list[str]) -> None:
    """Keep 一's tone in numbers, make it neutral in X一X, first in 第一, second before a fourth tone, else fourth."""
    if "一" not in word or all(char.isnumeric() for char in word):
        return
    if len(word) == 3 and word[1] == "一" and word[0] == word[2]:
        _set(finals, 1, "5")
    elif word.startswith("第一"):
        _set(finals, 1, "1")
    else:
        for place, char in enumerate(word[:-1]):
            if char == "一" and finals[place + 1][-1] == "4":
                _set(finals, place, "2")
            elif char == "一" and word[place + 1] not in PUNCTUATION:
                _set(finals, place, "4")


def neutral(word: Word, finals: list[str], cut: Cut) -> None:
    """Make reduplications, particles, suffixes, directions, the measure word 个 and listed words neutral.

    As in the released models' front end: even 土地 is neutral, because it ends as a particle does.
    """
    text, tag = word
    full = text in words("full_tone.txt")
    for place in range(1, len(text)):
        if text[place] == text[place - 1] and tag[:1] in ("n", "v", "a") and not full:
            _set(finals, place, "5")
    listed = words("neutral_tone.txt")
    ge = text.find("个")
    if text[-1] in _PARTICLES or text[-1] in _STRUCTURAL or _is_suffix(text, tag, full):
        _set(finals, -1, "5")
    elif text == "个" or (ge >= 1 and (text[ge - 1].isnumeric() or text[ge - 1] in _BEFORE_GE)):
        _set(finals, ge, "5")
    elif text in listed or text[-2:] in listed:
        _set(finals, -1, "5")
    first, second = split_in_two(text, cut)
    ends = [len(first) - 1] + ([len(text) - 1] if second else [])
    for part, end in zip((first, second), ends, strict=False):
        if part in listed or part[-2:] in listed:
            _set(finals, end, "5")


def _is_suffix(text: str, tag: str, full: bool) -> bool:
    if len(text) == 1:
        return text in _ASPECT and tag in _ASPECT_TAGS
    if text[-1] in "们子" and tag in ("r", "n") and not full:
        return True
    if text[-1] in "上下里" and tag in ("s", "l", "f"):
        return True
    return text[-1] in "来去" and text[-2] in _BEFORE_DIRECTION


def neutral_beside_dictionary(word: Word, finals: list[str], known: bool) -> None:
    """Make neutral what a dictionary leaves open: doubled verbs, suffixes, aspect, directions, 个, listed words.

    Args:
        word: the word.
        finals: its finals, changed here.
        known: a dictionary has the word; then its own tones stand, but for the listed words.
    """
    text, tag = word
    if len(text) in (2, 3) and text[0] == text[1] and tag in _DOUBLED and not known:
        _set(finals, 1, "5")
    ge = text.find("个")
    if ge == 0 == len(text) - 1 or (ge >= 1 and (not known or text[ge - 1].isnumeric() or text[ge - 1] in _WITH_GE)):
        _set(finals, ge, "5")
    last = text[-1]
    aspect = text in _ASPECT and tag in _ASPECT_TAGS and finals[0] in _UNSTRESSED
    particle = last in _PARTICLES_ALONE and not known and text not in _EXCLAMATIONS
    suffix = last == "们" or particle or aspect
    direction = len(text) > 1 and last in "来去" and text[-2] in _BEFORE_DIRECTION and tag.startswith("v")
    place = len(text) == 2 and last in _LOCATIVE and tag in _LOCATIVE_TAGS and not known and text[0] not in "不得"
    listed = words("neutral_tone.txt") - words("zh_full_tone.txt")
    if suffix or direction or place or text in listed or (not known and text[-2:] in listed):
        _set(finals, -1, "5")
    if not known and len(text) == 3 and text[:2] in listed:
        _set(finals, 1, "5")


def third(word: str, finals: list[str], cut: Cut) -> None:
    """Turn a third tone before a third into a second: pairs; 2+1 and 1+2 in words of three; halves of four."""
    if len(word) == 2:
        if _all_third(finals):
            _set(finals, 0, "2")
    elif len(word) == 3:
        _third_of_three(len(split_in_two(word, cut)[0]), finals)
    elif len(word) == 4:
        for start in (0, 2):
            if _all_third(finals[start : start + 2]):
                _set(finals, start, "2")


def _third_of_three(first: int, finals: list[str]) -> None:
    if _all_third(finals):
        if first == 2:
            _set(finals, 0, "2")
        if first <= 2:
            _set(finals, 1, "2")
        return
    for start, end in ((0, first), (first, 3)):
        part = finals[start:end]
        if _all_third(part):
            if end - start == 2:
                _set(finals, start, "2")
        elif start and part[0][-1] == "3" and finals[start - 1][-1] == "3":
            _set(finals, start - 1, "2")


def change_tones(word: Word, finals: Sequence[str], cut: Cut) -> list[str]:
    """Return a word's finals after all sandhi of the released models, one a character, each ending in its tone."""
    changed = list(finals)
    bu(word.text, changed)
    yi(word.text, changed)
    neutral(word, changed, cut)
    third(word.text, changed, cut)
    return changed


def change_tones_beside_dictionary(
    word: Word, finals: Sequence[str], cut: Cut, known: bool, cuts: Sequence[int] = ()
) -> list[str]:
    """Change tones as `change_tones` does, with the dictionary's neutral tones where it has the word.

    Args:
        word: the word.
        finals: its finals.
        cut: cuts it finely.
        known: a dictionary has the word.
        cuts: where the word was joined of others; a word of three with one such place is divided there (小李|请).
    """
    changed = list(finals)
    place = 1 if word.text[0] in _ADVERBS and word.text[0] != word.text[-1] else 0  # 可不是 is no 看不是
    rest = changed[place:]
    bu(word.text[place:], rest)
    changed[place:] = rest
    yi(word.text, changed)
    if (one := word.text.find("一个")) >= 0 and not word.text.startswith("第一"):
        _set(changed, one, "2")  # 个 is a fourth tone for 一, although dictionaries write it neutral: 一个半
    neutral_beside_dictionary(word, changed, known)
    if len(word.text) == 3 and len(cuts) == 1:
        _third_of_three(cuts[0], changed)
        if cuts[0] == 2 and word.text[2] in _OBJECTS and _all_third(changed[1:]):
            _set(changed, 1, "2")  # 发给|我: an object leans on its verb
    elif len(word.text) == 4 and word.text.endswith("儿"):
        head = changed[:3]  # 小两口儿: the 儿 is no syllable of its own
        third(word.text[:3], head, cut)
        changed[:3] = head
    else:
        third(word.text, changed, cut)
    return changed
