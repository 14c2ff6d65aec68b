"""Parts of a whole: 1/2 cup, 2 1/2, 3/4 of them, 8/10."""

from __future__ import annotations

import re

from sovits_lab.text.english.nouns import has_determiner
from sovits_lab.text.english.numbers import cardinal, ordinal
from sovits_lab.text.english.units import UNITS, kept_stop, number, unit_name

Match = re.Match[str]
_FRACTIONS = {"2": ("half", "halves"), "4": ("quarter", "quarters")}
_FULL_MARKS = ("5", "20", "25", "30", "40", "50")
_JUDGED = re.compile(r"\b(?:rat|scor|star|review|gave|give|mark|grade|got|out|quiz|exam|test)", re.IGNORECASE)


def parts(top: str, bottom: str) -> str:
    """Say a fraction in words: two thirds; one half."""
    if bottom in ("0", "1"):
        return f"{cardinal(int(top))} over {cardinal(int(bottom))}"
    one, many = _FRACTIONS.get(bottom) or (ordinal(int(bottom)), ordinal(int(bottom)) + "s")
    return f"{cardinal(int(top))} {one if int(top) == 1 else many}"


def mixed(m: Match) -> str:
    """Say a mixed number: 2 1/2 -> two and a half."""
    words = f"{number(m[1])} and {'a half' if m[2] + m[3] == '12' else parts(m[2], m[3])}"
    return f"{words} {unit_name('2', UNITS.get(m[4], 'inch'), m)}{kept_stop(m, 5)}" if m[4] else words


def part_of(m: Match) -> str:
    """Say a part of a unit: 1/2 cup -> half a cup."""
    return _share(m) + kept_stop(m, 4)


def _share(m: Match) -> str:
    """1/2 cup -> half a cup; 3/4 lb -> three quarters of a pound; 3/4 cups."""
    top, bottom, unit = m[1], m[2], m[3]
    name = UNITS.get(unit, {"in": "inch"}.get(unit, unit))
    if name.endswith("s") and name not in ("hours",):
        name = {"inches": "inch"}.get(name, name[:-1])
    name = {"feet": "foot", "hours": "hour"}.get(name, name)
    if (top, bottom, m[0][3:4]) == ("1", "2", "-"):
        return f"half {name}"
    article = "an" if name[0] in "aeio" or name.startswith("hour") else "a"
    if (top, bottom) == ("1", "2"):
        return f"half {article} {name}"
    if m[0][len(top) + len(bottom) + 1] == "-" or has_determiner(m.string[: m.start()]) or int(top) > int(bottom):
        words = parts(top, bottom)
        if bottom in _FRACTIONS and has_determiner(m.string[: m.start()]):
            words = words.removeprefix("one ")
        return f"{words} {name}"
    return f"{parts(top, bottom)} of {article} {name}"


def fraction(m: Match) -> str:
    """Say a fraction, a rating or a blood pressure: two thirds, eight out of ten, 120 over 80."""
    top, bottom = m[1], m[2]
    rated = bottom in ("10", "100") or top == bottom or (bottom in _FULL_MARKS and _JUDGED.search(m.string))
    part = re.match(r"\s+of\b|-", m.string[m.end() :])
    if rated and not part and int(top) <= int(bottom):
        return f"{cardinal(int(top))} out of {cardinal(int(bottom))}"
    if int(top) >= 70 and int(bottom) >= 40:
        return f"{cardinal(int(top))} over {cardinal(int(bottom))}"
    if (top, bottom) == ("1", "2") and re.match(
        r"\s+(?!of\b|and\b|or\b|is\b|was\b|to\b|from\b)[a-z]+", m.string[m.end() :]
    ):
        return "half"
    return parts(top, bottom)


def beside(m: Match) -> str:
    """Say two numbers side by side where they are a name or shares of a hundred: 24/7, 50/50."""
    first, second = (int(part) for part in re.findall("[0-9]+", m[0]))
    if (first, second) in ((24, 7), (20, 20), (7, 11)) or (first + second == 100 and first % 5 == 0):
        return f"{cardinal(first)} {cardinal(second)}"
    return m[0]
