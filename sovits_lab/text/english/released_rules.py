"""Numbers and signs exactly as the English front end of the released GPT-SoVITS models says them, mistakes included.

The order of the rules is a fact of that front end, stated in `docs/text.md`; our own readings are in `rules`.
"""

from __future__ import annotations

import re
import unicodedata

from sovits_lab.text.english.numbers import cardinal, ordinal, whole, year
from sovits_lab.text.traced import Rule, Traced, rule

Match = re.Match[str]
_UNITS = {
    "m": "meter",
    "km": "kilometer",
    "km/h": "kilometer per hour",
    "ft": "feet",
    "L": "liter",
    "tbsp": "tablespoon",
    "tsp": "teaspoon",
    "h": "hour",
    "min": "minute",
    "s": "second",
    "°C": "degree celsius",
    "°F": "degree fahrenheit",
}
_POWER = "[⁰¹²³⁴⁵⁶⁷⁸⁹ˣʸⁿ]*"
_TERM = rf"(?:-?\d+(?:\.\d+)?{_POWER}|\.\d+{_POWER}|[A-Za-z]{_POWER})"
_SIGNS = {"+": " plus ", "-": " minus ", "×": " times ", "÷": " divided by ", "=": " Equals "}


def _grouped(number: int) -> str:
    """A cardinal with commas between its thousands, as the library of the released front end writes it."""
    if number < 1000:
        return cardinal(number)
    scales = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (10**3, "thousand"))
    parts = []
    for size, name in scales:
        head, number = divmod(number, size)
        if head:
            parts.append(f"{cardinal(head)} {name}")
    if number:
        parts.append(cardinal(number))
    return ", ".join(parts)


def _number(m: Match) -> str:
    number = int(m[0])
    if len(m[0]) > 15:
        return whole(m[0])
    if not 1000 < number < 3000:
        return _grouped(number)
    if number == 2000:
        return "two thousand"
    if 2000 < number < 2010:
        return f"two thousand {cardinal(number % 100)}"
    return year(number)


def _time(m: Match) -> str:
    hour, minute = int(m[1]), int(m[2])
    period = "a.m." if hour < 12 else "p.m."
    words = cardinal(hour - 12 if hour > 12 else hour)
    return f"{words} {cardinal(minute)} {period}" if minute else f"{words} o'clock {period}"


def _measure(m: Match) -> str:
    one = m[2] is None and int(m[1]) == 1
    unit = _UNITS[m[3]]
    plural = unit if one or m[3] == "ft" else re.sub(r"^\S+", lambda n: n[0] + "s", unit)
    return f"{m[1]}{m[2] or ''} {plural}"


def _money(m: Match, name: str, cent: str, cents: str) -> str:
    parts = m[1].split(".")
    if len(parts) > 2 or "," in m[1]:
        return f"{m[1]} {name}s"
    large = int(parts[0] or 0)
    small = int(parts[1].ljust(2, "0")) if len(parts) > 1 and parts[1] else 0
    large_part = f"{large} {name}{'' if large == 1 else 's'}"
    small_part = f"{small} {cent if small == 1 else cents}"
    if large and small:
        return f"{large_part} and {small_part}"
    if small:
        return small_part
    return large_part if large else f"zero {name}s"


def _pounds(m: Match) -> str:
    return _money(m, "pound", "penny", "pence")


def _dollars(m: Match) -> str:
    return _money(m, "dollar", "cent", "cents")


def _decimal(m: Match) -> str:
    head, _, tail = m[0].partition(".")
    return f"{head} point {' '.join(tail)}"


def _fraction(m: Match) -> str:
    top, bottom = int(m[1]), int(m[2])
    if bottom == 1:
        return cardinal(top)
    if bottom == 2:
        return f"{cardinal(top)} {'half' if top == 1 else 'halves'}"
    return f"{cardinal(top)} {ordinal(bottom)}{'s' if top > 1 else ''}"


def _plain(m: Match) -> str:
    return "".join(char for char in unicodedata.normalize("NFD", m[0]) if unicodedata.category(char) != "Mn")


def _suffix(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


_ARITHMETIC = rule(rf"({_TERM})\s+([+\-×÷=])\s+(?={_TERM})", lambda m: m[1] + _SIGNS[m[2]])
_BEFORE: tuple[Rule, ...] = (
    rule("。", "."),
    rule("！", "!"),
    rule("？", "?"),
    rule(r"\b([0-9]+)\. ", lambda m: f"{m[1]}{_suffix(int(m[1]))}, "),
)
_UNIT = "|".join(_UNITS)
_AFTER: tuple[Rule, ...] = (
    rule(r"(?:^|\s+)-(?=\d)", "negative "),
    rule(r"[0-9][0-9,]+[0-9]", lambda m: m[0].replace(",", "")),
    rule(r"\b([01]?[0-9]|2[0-3]):([0-5][0-9])\b", _time),
    rule(rf"\b([0-9]+)(\.[0-9]+)?({_UNIT})\b", _measure),
    rule(r"£([0-9.,]*[0-9]+)", _pounds),
    rule(r"([0-9.,]*[0-9]+)£", _pounds),
    rule(r"\$([0-9.,]*[0-9]+)", _dollars),
    rule(r"([0-9.,]*[0-9]+)\$", _dollars),
    rule(r"[0-9]+\.\s*[0-9]+", _decimal),
    rule(r"([0-9]+)/([0-9]+)", _fraction),
    rule(r"([0-9]+)(?:st|nd|rd|th)", lambda m: ordinal(int(m[1]))),
    rule(r"[0-9]+", _number),
    rule(r"[^\x00-\x7f]", _plain),
    rule("%", " percent"),
    rule(r"[^ A-Za-z'.,?!\-]", ""),
    rule(r"(?i:i\.e\.)", "that is"),
    rule(r"(?i:e\.g\.)", "for example"),
    rule(r"(?<!^)(?<!\s)([A-Z])", r" \1"),
    rule(r"([!?….,\s])[!?….,]+", r"\1"),
)


def normalise(text: Traced) -> Traced:
    """Normalise a text to letters, apostrophes, hyphens, spaces and pause marks."""
    text = text.apply(_BEFORE)
    while (changed := text.apply((_ARITHMETIC,))) is not text:
        text = changed
    return text.apply(_AFTER)
