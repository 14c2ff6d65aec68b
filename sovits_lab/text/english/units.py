"""Numbers and the names of their units."""

from __future__ import annotations

import re

from sovits_lab.text.english.nouns import belongs_to_noun
from sovits_lab.text.english.numbers import digits, whole
from sovits_lab.text.tables import any_of, pairs

UNITS = pairs("en_units.tsv")
_AMOUNT = rf"[0-9][0-9,.]*\s?-?{any_of(UNITS)}(?![A-Za-z0-9])"
# Amounts that share a noun: the 64GB and 128GB versions, a 5kg or a 10kg bag.
_SHARED_BEFORE = re.compile(rf"(?:{_AMOUNT}(?:,| and| or| to)\s(?:(?:the|an?)\s)?)+$")
_SHARED_AFTER = re.compile(rf"(?:(?:,| and| or| to)\s(?:(?:the|an?)\s)?{_AMOUNT})+")


def number(text: str) -> str:
    """Turn "3.14" into "three point one four"; leading zeros and very long runs digit by digit, without commas."""
    head, _, tail = text.replace(",", "").partition(".")
    words = whole(head) if head else "zero"
    return f"{words} point {digits(tail)}" if tail else words


def unit_name(written: str, name: str, m: re.Match[str] | None = None) -> str:
    """Return the name of a unit, one or many: kilometers, feet, square meters."""
    if written == "1" or name.isupper():
        return name
    if m is not None and _describes(m, name):
        return name
    first, _, rest = name.partition(" ")
    plural = {"foot": "feet", "inch": "inches"}
    if name == "horsepower" or name.endswith("hertz"):
        return name
    if first in ("square", "cubic", "fluid", "nautical"):
        rest = plural.get(rest, rest + "s")
    else:
        first = plural.get(first, first + "s")
    name = f"{first} {rest}".rstrip()
    return name.replace("kilowatts hour", "kilowatt hours").replace("milliamps hour", "milliamp hours")


def _describes(m: re.Match[str], name: str) -> bool:
    """True where the amount belongs to the noun after it: a 5°C increase, but it is 5°C outside."""
    before = _SHARED_BEFORE.sub("", m.string[: m.start()])
    after = _SHARED_AFTER.sub("", m.string[m.end() :], count=1) if _SHARED_AFTER.match(m.string, m.end()) else None
    article = re.search(r"\b(?:[Aa]n?|[Tt]h[ei]s?|[Tt]hat) $", before)
    if name.startswith("degree") and not article:
        return False
    return belongs_to_noun(before, m.string[m.end() :] if after is None else after)


def kept_stop(m: re.Match[str], group: int) -> str:
    """Return the stop after a short unit, unless the sentence goes on."""
    return "." if m[group] and not re.match(r"\s*(?:[a-z0-9(]|[,;:=&/])", m.string[m.end() :]) else ""
