"""Lengths of time and ages in short: 2h 30m, 5m 30s, an 18-mo-old, a 10 yr old horse."""

from __future__ import annotations

import re
from itertools import pairwise

from sovits_lab.text.english.nouns import belongs_to_noun, has_determiner
from sovits_lab.text.english.numbers import cardinal
from sovits_lab.text.traced import Rule, rule

Match = re.Match[str]
_NAMES = {"d": "day", "h": "hour", "m": "minute", "s": "second", "w": "week", "y": "year"}
_ORDER = "ywdhms"
_SHORT = r"(?:d|hrs?|h|mins?|m|secs?|s)"
_PART = rf"[0-9]{{1,3}}\s?{_SHORT}"
_AGES = {"yr": "year", "mo": "month", "mth": "month", "wk": "week"}
_AT_A_TIME = re.compile(r"\b(?:at|from|until|till|by|before|after|since|around)\s$", re.IGNORECASE)


def _named(count: str, name: str, one: bool) -> str:
    return f"{cardinal(int(count))} {name}{'' if one or count == '1' else 's'}"


def _length(m: Match) -> str:
    """2h 30m -> two hours thirty minutes; parts that do not get shorter are no length of time."""
    parts = re.findall(r"([0-9]+)\s?([a-z])", m[0])
    places = [_ORDER.index(letter) for _, letter in parts]
    if any(later <= earlier for earlier, later in pairwise(places)):
        return m[0]
    one = belongs_to_noun(m.string[: m.start()], m.string[m.end() :])
    return " ".join(_named(count, _NAMES[letter], one) for count, letter in parts)


def _hour_and_minutes(m: Match) -> str:
    """3h30 -> three hours thirty; after "at" a time of day."""
    if _AT_A_TIME.search(m.string, 0, m.start()):
        return f"{m[1]}:{m[2]}"
    return f"{_named(m[1], 'hour', False)} {cardinal(int(m[2]))}"


def _age(m: Match) -> str:
    """A 5-yr-old, a 10 yr old horse, but she is 10 yrs old."""
    one = m[2] == "-" or has_determiner(m.string[: m.start()])
    return _named(m[1], _AGES[m[3]], one) + " old"


def _running_time(m: Match) -> str:
    """In 24:36, from 58:05: minutes and seconds, which no clock shows so."""
    return f"{m[1]}{cardinal(int(m[2]))} {'oh ' if m[3][0] == '0' else ''}{cardinal(int(m[3]))}"


RULES: tuple[Rule, ...] = (
    rule(
        r"(\b(?:in|at|from|to|by|under|of) )(2[4-9]|[3-5][0-9]):([0-5][0-9])(?![0-9:])"
        r"(?<!ratio of .....)(?<!odds of .....)",
        _running_time,
    ),
    rule(rf"(?<![0-9.,:/A-Za-z$£€#-]){_PART}(?:\s?{_PART})+(?![A-Za-z0-9])", _length),
    rule(r"(?<![0-9.,:/A-Za-z])([0-9]{1,2})h([0-5][0-9])(?![A-Za-z0-9])", _hour_and_minutes),
    rule(r"(?<![0-9.,/A-Za-z])([0-9]{1,3})([-\s])(yr|mo|mth|wk)s?\.?[-\s]old(?=s?\b)", _age),
)
