"""Parts of a postal address: directions, suites, states, highways."""

from __future__ import annotations

import re

from sovits_lab.text.english.numbers import digits
from sovits_lab.text.tables import names, pairs
from sovits_lab.text.traced import Rule, rule

Match = re.Match[str]
_STATES = pairs("en_states.tsv")
_STATE = "|".join(_STATES)
_DIRECTIONS = {"N": "North", "S": "South", "E": "East", "W": "West"}
_HALVES = {"NW": "Northwest", "NE": "Northeast", "SW": "Southwest", "SE": "Southeast"}
_WAY = r"(?:St|Ave|Rd|Blvd|Dr|Ln|Ct|Pl|Hwy|Pkwy|Street|Avenue|Road|Boulevard|Drive|Lane|Court|Place|Highway|Way)\b"
_NAMED_WAY = rf"(?:[0-9]+(?:st|nd|rd|th)\b|(?:[A-Z][a-z]+\s){{1,2}}{_WAY})"
_WAYS = {
    "Ave": "Avenue",
    "Blvd": "Boulevard",
    "Rd": "Road",
    "Ln": "Lane",
    "Ct": "Court",
    "Pl": "Place",
    "Pkwy": "Parkway",
    "Hwy": "Highway",
}
_WORDS = frozenset(names("OK IN OR ME HI OH PA MA LA AL ID DE CO"))


def _direction(m: Match) -> str:
    return _DIRECTIONS[m[1]]


def _half(m: Match) -> str:
    return _HALVES[m[0]]


def _state(m: Match) -> str:
    """Chicago, IL 60601 as Illinois and five digits; states that are words as well only before a ZIP code."""
    code = f" {', '.join(map(digits, m[2].split('-')))}" if m[2] else ""
    return _STATES[m[1]] + code if code or m[1] not in _WORDS else m[0]


RULES: tuple[Rule, ...] = (
    rule(rf"\b([NSEW])\.?(?=\s{_NAMED_WAY})", _direction),
    rule(rf"(?<=\b)(?:NW|NE|SW|SE)(?=\s(?:[0-9]+(?:st|nd|rd|th)|[A-Z][a-z]+\s{_WAY}))", _half),
    rule(rf"(\b{_WAY}\.?)\s(NW|NE|SW|SE)\b(?!\s[0-9]{{5}})", lambda m: f"{m[1]} {_HALVES[m[2]]}"),
    rule(r"(?<=[Ww]ind )(?:NW|NE|SW|SE)\b|(?<=[Ww]inds )(?:NW|NE|SW|SE)\b", _half),
    rule(r"(?<=\bI-[0-9]) ([NSEW])\b|(?<=\bI-[0-9]{2}) ([NSEW])\b", lambda m: " " + _DIRECTIONS[m[1] or m[2]]),
    rule(
        rf"(\b(?:[0-9]+(?:st|nd|rd|th)|[A-Z][a-z]+)) ({'|'.join(_WAYS)})(?=[\s,;!?]|$)",
        lambda m: f"{m[1]} {_WAYS[m[2]]}",
    ),
    rule(r"\bCat\.\s?(?=[0-9])", "Category "),
    rule(r"\bApp\.(?=\s[A-Z0-9]\b)", "Appendix"),
    rule(r"\bFr\.(?=\s[A-Z][a-z])", "Father"),
    rule(r"\bch\.\s?(?=[0-9])", "chapter "),
    rule(r"\bSte\.?(?=\s#?[0-9])", "Suite"),
    rule(r"(?<=\bP)\.\s?O\.?(?=\s[Bb]ox)", " O"),
    rule(rf"(?<=[a-z], )({_STATE})(?:\s+([0-9]{{5}}(?:-[0-9]{{4}})?)(?![0-9])|(?=[.,;!?]|\s*$))(?!\.[A-Z])", _state),
)
