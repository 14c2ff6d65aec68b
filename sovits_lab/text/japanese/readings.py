"""Words that are read by what stands around them, and new words that the dictionary lacks, written in kana.

A row of `ja_readings.tsv` says: this word, after this pattern, before that one, is read so. Patterns look at the clause
around the word; the first row that fits wins, and where none fits the dictionary decides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from sovits_lab.text.tables import any_of, text_of
from sovits_lab.text.traced import Rule

_REACH = 16
_CLAUSE_MARK = re.compile("[。！？!?\n]")


class _Reading(NamedTuple):
    """One row: patterns for what stands before and after a word, and its kana there."""

    before: re.Pattern[str]
    after: re.Pattern[str]
    reading: str


@cache
def _readings() -> Mapping[str, tuple[_Reading, ...]]:
    found: dict[str, list[_Reading]] = {}
    for line in text_of("ja_readings.tsv").splitlines():
        word, before, after, reading = line.split("\t")
        row = _Reading(re.compile(f"(?:{before})$"), re.compile(after), reading)
        found.setdefault(word, []).append(row)
    return {word: tuple(rows) for word, rows in found.items()}


def _read(match: re.Match[str]) -> str:
    text, word = match.string, match[0]
    before = _CLAUSE_MARK.split(text[max(0, match.start() - _REACH) : match.start()])[-1]
    after = _CLAUSE_MARK.split(text[match.end() : match.end() + _REACH])[0]
    fitting = (row.reading for row in _readings()[word] if row.before.search(before) and row.after.match(after))
    return next(fitting, word)


@cache
def reading_rule() -> Rule:
    """Return the rule that writes a word of the table in kana where one of its rows fits."""
    return Rule(re.compile(any_of(_readings())), _read)
