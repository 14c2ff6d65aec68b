"""Readings of single characters from the words beside them, for when no network decides.

pypinyin knows phrases; a polyphone that stands alone gets its commonest reading there. These rules look at one word to
each side and at jieba's parts of speech. Each states what it sees; the first that fits a character decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from sovits_lab.text.mandarin.polyphones import correct
from sovits_lab.text.mandarin.sandhi import Word
from sovits_lab.text.packages import require

_NUMERAL_END = frozenset("一二两三四五六七八九十百千万亿几每这那第半数多某各头")
_DEGREE = frozenset(
    ("很", "太", "最", "更", "非常", "这么", "那么", "多", "不", "好", "比较", "特别", "米", "厘米", "公里", "细", "又")
)
_MUST_NOT_PRECEDE = ("v", "a")


class _Place(NamedTuple):
    """A word of one character with its neighbours ("" at the ends)."""

    word: Word
    before: Word
    after: Word

    def counted(self) -> bool:
        """A number or a demonstrative stands before it."""
        return self.before.tag.startswith("m") or self.before.text[-1:] in _NUMERAL_END


def _de(at: _Place) -> str | None:
    """得: to get before 了, 到, 过; must between who and what to do; else the particle."""
    if at.after.text[:1] in ("了", "到", "过") and not at.before.tag.startswith("v"):
        return "de2"
    verb_follows = at.after.tag.startswith("v") or at.after.text in (
        "去",
        "走",
        "先",
        "好好",
        "马上",
        "赶紧",
        "把",
        "在",
        "给",
    )
    if verb_follows and not at.before.tag.startswith(_MUST_NOT_PRECEDE):
        return "dei3"
    return "de5"


def _chang(at: _Place) -> str | None:
    """长: to grow before its result or in a verb's place; long after a word of degree or measure, or at the end."""
    if at.before.text in _DEGREE or at.before.tag.startswith(("m", "q")):
        return "chang2"
    if at.after.text[:1] in ("得", "大", "高", "胖", "出", "成", "满", "到", "着", "了", "在"):
        return "zhang3"
    return "chang2" if at.after.text in ("", "的") else None


def _huan(at: _Place) -> str | None:
    """还: to give back before what is given or to whom, and after 把 and its object; else still."""
    if at.after.text[:1] in ("给", "钱", "债", "款", "清", "贷", "书"):
        return "huan2"
    return None


def _zhong(at: _Place) -> str | None:
    """种: to plant before what grows; a kind after a number."""
    if at.counted():
        return "zhong3"
    return (
        "zhong4"
        if at.after.text[:1] in ("树", "菜", "花", "地", "田", "草", "瓜", "豆", "下", "满", "上", "庄")
        else None
    )


def _bei(at: _Place) -> str | None:
    """背: to carry before 着, 起, 上 and what is carried."""
    return "bei1" if at.after.text[:1] in ("着", "起", "上", "包", "书", "锅") else None


def _shu(at: _Place) -> str | None:
    """数: to count in a verb's place."""
    return "shu3" if at.word.tag.startswith("v") or at.after.text[:1] in ("一", "着", "到", "不", "钱", "星") else None


def _xi(at: _Place) -> str | None:
    """系: to tie before what is tied."""
    return "ji4" if at.after.text[:1] in ("鞋", "领", "安", "扣", "上", "紧", "好", "着") else None


_RULES: dict[str, Callable[[_Place], str | None]] = {
    "得": _de,
    "长": _chang,
    "还": _huan,
    "种": _zhong,
    "背": _bei,
    "数": _shu,
    "系": _xi,
    "地": lambda at: "de5" if at.word.tag == "uv" or at.after.tag.startswith("v") else None,
    "只": lambda at: "zhi1" if at.counted() else None,
    "行": lambda at: "hang2" if at.counted() else None,
    "教": lambda at: "jiao1" if at.word.tag.startswith("v") else None,
    "曾": lambda at: "zeng1" if at.before.text == "姓" or at.word.tag.startswith("nr") else None,
    "重": lambda at: "chong2" if at.after.tag.startswith("v") and at.before.text not in _DEGREE else None,
    "都": lambda at: "du1" if at.after.text.startswith("市") else "dou1",
}
# Words that jieba takes as one although a polyphone in them depends on what it is: pattern -> readings by place.
_WORDS: tuple[tuple[re.Pattern[str], int, str], ...] = (
    (re.compile("[一二两三四五六七八九十百千万几每这那半多]+行"), -1, "hang2"),
    (re.compile("[一二两三四五六七八九十百千万几每这那半多]+只"), -1, "zhi1"),
    (re.compile("数[一了]?数"), 0, "shu3"),
    (re.compile("数[一了]数"), -1, "shu3"),
    (re.compile("背[着起上]"), 0, "bei1"),
    (re.compile("得[去走看说做想要来把给有是]"), 0, "dei3"),
)
_NOTHING = Word("", "")


@cache
def _pypinyin() -> Any:
    return require("pypinyin", "zh")


def whole_clause(text: str) -> list[str]:
    """pypinyin's readings of a clause by its own phrases, one per character; what has none stays itself."""
    pypinyin = _pypinyin()
    return list(pypinyin.lazy_pinyin(text, neutral_tone_with_five=True, style=pypinyin.Style.TONE3, errors=list))


def _inside(word: str, readings: tuple[str, ...]) -> tuple[str, ...]:
    for pattern, place, reading in _WORDS:
        if pattern.fullmatch(word):
            changed = list(readings)
            changed[place] = reading
            readings = tuple(changed)
    return readings


def readings_of(words: Sequence[Word], clause: Sequence[str]) -> list[tuple[str, ...]]:
    """Readings of each word of a clause.

    Args:
        words: joined they are the clause.
        clause: one pinyin a character, a first guess.
    """
    found, place = [], 0
    for number, word in enumerate(words):
        guess = tuple(clause[place : place + len(word.text)])
        place += len(word.text)
        if len(word.text) > 1:
            found.append(_inside(word.text, correct(word.text, guess)))
            continue
        before = words[number - 1] if number else _NOTHING
        after = words[number + 1] if number + 1 < len(words) else _NOTHING
        rule = _RULES.get(word.text)
        decided = rule(_Place(word, before, after)) if rule else None
        found.append((decided,) if decided else guess)
    return found
