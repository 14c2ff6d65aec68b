"""Numbers and the names of their units."""

from __future__ import annotations

import re

from sovits_lab.text.english.nouns import belongs_to_noun
from sovits_lab.text.english.numbers import digits, whole
from sovits_lab.text.tables import pairs

UNITS = pairs("en_units.tsv")


def number(text: str) -> str:
    """Turn "3.14" into "three point one four"; leading zeros and very long runs digit by digit, without commas."""
    head, _, tail = text.replace(",", "").partition(".")
    words = whole(head) if head else "zero"
    return f"{words} point {digits(tail)}" if tail else words


def unit_name(written: str, name: str, m: re.Match[str] | None = None) -> str:
    """Return the name of a unit, one or many: kilometers, feet, square meters."""
    if written == "1" or name.isupper():
        return name
    article = m is not None and re.search(r"\b(?:[Aa]n?|[Tt]h[ei]s?|[Tt]hat) $", m.string[: m.start()])
    # a 5°C increase, but it is 5°C outside
    may_belong = m is not None and (bool(article) or not name.startswith("degree"))
    if m is not None and may_belong and belongs_to_noun(m.string[: m.start()], m.string[m.end() :]):
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


def kept_stop(m: re.Match[str], group: int) -> str:
    """Return the stop after a short unit, unless the sentence goes on."""
    return "." if m[group] and not re.match(r"\s*(?:[a-z0-9(]|[,;:])", m.string[m.end() :]) else ""
