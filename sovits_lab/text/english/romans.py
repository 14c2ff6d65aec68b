"""Roman numerals after names: Henry VIII, Chapter IV, Rocky III."""

from __future__ import annotations

import re

from sovits_lab.text.english.numbers import cardinal, ordinal
from sovits_lab.text.tables import names
from sovits_lab.text.traced import Rule, rule

Match = re.Match[str]
_NUMBERED = names(
    "Chapter Part Act Volume Section Book War Phase Type Level Stage Scene Appendix Article Class Grade Bowl Episode "
    "Season Step Unit Group Mark Title Division Round Tier Zone Factor Category"
)
_TITLES = names("King Queen Pope Emperor Empress Tsar Prince")
_RULERS = names(
    "Henry Louis Elizabeth George Charles James William "
    "Edward Richard John "
    "Paul Benedict Pius Philip Francis Frederick Catherine Mary Nicholas Alexander Peter Ramses Napoleon Leo Innocent "
    "Gregory Urban Clement Wilhelm Ferdinand Ivan Margaret Robert Albert Christian Gustav Otto Leopold Constantine"
)
_TITLE, _RULER = "(?:" + "|".join(_TITLES) + ")", "(?:" + "|".join(_RULERS) + ")"
_REIGNED = r"\s(?:ruled|reigned|died|became|was|never|married|succeeded|inherited|founded|signed|defeated|ordered)\b"
_OPENING = r"(?:^|[.!?]\s|\b(?:[Ww]hen|[Aa]fter|[Bb]efore|[Uu]nder|[Uu]ntil)\s)"
_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}


def _roman(text: str) -> int:
    values = [_ROMAN[letter] for letter in text]
    return sum(-v if v < w else v for v, w in zip(values, [*values[1:], 0], strict=True))


def _after_name(m: Match) -> str:
    """Henry VIII is the eighth; Rocky IV is four."""
    beside = re.search("(?:[A-Z][a-z]+ )+$", m.string[: m.start()])
    before = beside[0].split()[-2:] if beside else []
    value = _roman(m[1])
    return f"the {ordinal(value)}" if any(name in (*_TITLES, *_RULERS) for name in before) else cardinal(value)


RULES: tuple[Rule, ...] = (
    rule(rf"\b({'|'.join(_NUMBERED)}) (?![LC]\b)([IVXLC]+)\b", lambda m: f"{m[1]} {cardinal(_roman(m[2]))}"),
    # Elsewhere the I after a name is mostly the speaker: I told John I wanted to go.
    rule(rf"\b({_TITLE} {_RULER}) I\b(?!['’][a-rt-z])", r"\1 the first"),
    rule(rf"\b({_RULER}) I(?=\sof\s[A-Z]|['’]s\b|\sand [A-Z][a-z]+ [IVX]+\b)", r"\1 the first"),
    rule(rf"({_OPENING}{_RULER}) I(?={_REIGNED}|[.,;])", r"\1 the first"),
    rule(r"(?<=[a-z] )(X{0,3}(?:IX|IV|V?I{0,3}))(?<=[IVX]{2})(?![A-Za-z'])", _after_name),
    rule(r"(?<=[A-Z]{2} )(I{2,3}|IV|VI{1,3}|IX|XI{1,3}|XIV|XVI?)(?![A-Za-z'])", _after_name),
)
