"""Clipped words of notes, notices and forms: rcpt, mfg., avail., gr. beef, est. delivery, x 10 days.

A row of `en_clipped.tsv` is a word and what is said for it. Without a mark it is clipped with and without a stop;
with a stop it is clipped only where one is written; with `.+` it is a word as well, and clipped only where what
follows the stop shows that the sentence goes on.
"""

from __future__ import annotations

import re

from sovits_lab.text.english.abbreviations import ends_sentence
from sovits_lab.text.english.numbers import cardinal, digits, year
from sovits_lab.text.english.units import UNITS
from sovits_lab.text.tables import any_of, names, pairs
from sovits_lab.text.traced import Rule, rule

Match = re.Match[str]
_WRITTEN = {
    short.rstrip(".+"): (words, short[len(short.rstrip(".+")) :]) for short, words in pairs("en_clipped.tsv").items()
}
# Words that begin a sentence in messages without capitals, too.
_BEGINNING = "then|so|but|i|im|it|its|we|he|she|they|you|the|this|that|these|my|what|how|why|when|now|lol|no|yes|there"
_GOES_ON = re.compile(rf"\.\s?[,;:)/&]|\.\s?(?:(?!(?:{_BEGINNING})\b)[a-z0-9$(#]|@\s)")
_COMPASS = {"N": "north", "S": "south", "E": "east", "W": "west"}
_SIXTEENTHS = any_of(names("NNE ENE ESE SSE SSW WSW WNW NNW"))
# Letters with a stroke that is not said: A/C, N/A, P/E.
_UNSTROKED = any_of(names("A/C N/A P/E I/O T/F A/V P/L R/R R/C V/O O/T D/E R/B"))
_NAMED_BY_STROKE = {"S/N": "serial number", "P/N": "part number", "w/e": "weekend", "W/E": "weekend"}
_TIMED = "(?:days?|weeks?|wks?|months?|mos?|years?|yrs?|nights?|hours?|hrs?|minutes?|mins?)"
_HYPHENED = {
    "yr": "year", "mo": "month", "wk": "week", "hr": "hour", "min": "minute", "sec": "second", "spd": "speed",
    "cyl": "cylinder", "qt": "quart", "pg": "page", "pc": "piece", "bdrm": "bedroom", "dr": "door", "pk": "pack",
    "ct": "count", "gr": "grade", "in": "inch", "lb": "pound",
}  # fmt: skip
_EXPECTED = (
    "(?:delivery|arrival|time|cost|costs|completion|value|price|total|wait|reading|tax|taxes|payment|ship|shipping|"
    "departure|duration|repair|retail|annual|monthly|weekly|daily|market|population|net|gross|labor|fee|fees|"
    "savings|revenue|date|budget|sales|return|mileage|range|age|at|to|by)"
)


def _clipped(m: Match) -> str:
    words, mark = _WRITTEN[m[1].lower()]
    stop = m.string.startswith(".", m.end(1))
    if m[1].lower() in UNITS and re.search(r"[0-9]\s?$", m.string[: m.start()]):
        return m[0]  # 15 min. is a measure
    if (mark and not stop) or (mark == ".+" and not _GOES_ON.match(m.string, m.end(1))):
        return m[0]
    if m[1][0].isupper():
        words = words[0].upper() + words[1:]
    # A comma or a sign after the stop shows that it belongs to the word alone.
    return words + ("." if stop and ends_sentence(m.string, m.end()) else "")


def _sixteenth(m: Match) -> str:
    return f"{_COMPASS[m[0][0]]} {''.join(_COMPASS[letter] for letter in m[0][1:])}"


def _of_life(m: Match) -> str:
    """b. 1931, d. 2004: the years of a life."""
    return {"b": "born", "d": "died"}[m[1]] + " " + year(int(m[2]))


def _hyphened(m: Match) -> str:
    stop = "." if m[3] and ends_sentence(m.string, m.end()) else ""
    return f"{m[1]}-{_HYPHENED[m[2]]}{stop}"


RULES: tuple[Rule, ...] = (
    rule(
        rf"\b([Ee])st\.(?= {_EXPECTED}\b)|\b([Ee])st\.(?= [$£€~]?[0-9](?![0-9]{{3}}\b))",
        lambda m: (m[1] or m[2]) + "stimated",
    ),
    rule(r"\b([Rr])ev\.?(?= (?:[0-9]|[A-H](?![A-Za-z.'])))", r"\1evision"),
    rule(r"(?<=\b[Tt]he )rev\.(?= [a-z])", "reverend"),
    rule(r"\b([Rr])ef\. (?:[Nn]o|[Nn]br)\.\s?(?=[A-Z0-9])", r"\1eference number "),
    rule(r"\b([Rr])ef\.(?=:? ?#? ?[A-Z0-9])", r"\1eference"),
    rule(r"\b([Ee])x\.(?= ?[0-9])", r"\1xercise"),
    rule(r"\b([Ee])xs\.(?= ?[0-9])", r"\1xercises"),
    rule(r"\b([Gg])r\.(?= [0-9])", r"\1rade"),
    rule(r"\bgr\.(?= (?:beef|turkey|pork|chuck|lamb|cinnamon|ginger|pepper|cumin|coffee)\b)", "ground"),
    rule(r"(?<=% )disc\.|\bdisc\.(?= (?:price|rate|code|if|for|applied)\b)", "discount"),
    rule(r"(?<=[0-9](?:st|nd|rd|th) )fl\.?(?=[\s,;)]|$|\.)", "floor"),
    rule(r"\bste\.?(?= #?[0-9])", "suite"),
    rule(r"(?<![A-Za-z.])([bd])\. ?([12][0-9]{3})(?![0-9])", _of_life),
    rule(
        r"(?<![A-Za-z0-9-])([0-9]+(?:st|nd|rd|th)?)-(yr|mo|wk|hr|min|sec|spd|cyl|qt|pg|pc|bdrm|dr|pk|ct|gr|lb)(\.)?(?![A-Za-z0-9-])",
        _hyphened,
    ),
    rule(
        rf"(?<![A-Za-z0-9'@#/_-])({any_of(_WRITTEN)})(?![A-Za-z0-9'@_-]|\.[A-Za-z])\.?", _clipped, flags=re.IGNORECASE
    ),
    rule(rf"(?<![A-Za-z/])({any_of(_NAMED_BY_STROKE)})(?![A-Za-z/])", lambda m: _NAMED_BY_STROKE[m[1]]),
    rule(rf"(?<![A-Za-z/]){_UNSTROKED}(?![A-Za-z/])", lambda m: m[0].replace("/", " ")),
    rule(rf"\b{_SIXTEENTHS}\b", _sixteenth),
    rule(r"(?<![0-9/])1/2 ?(?:&|and) ?1/2(?![0-9/])", "half and half"),
    rule(rf"(?<=[a-z.)] )x ?(?=[0-9]{{1,3}} {_TIMED}\b)", "for "),
    rule(r"(?<=[a-z.)] )x ?([0-9]{1,2})(?=[,;.)]|$)", lambda m: f"times {cardinal(int(m[1]))}"),
    rule(r"(?<=[0-9]{4})( ?),? ?x\.? ?([0-9]{2,5})(?![0-9A-Za-z])", lambda m: f", extension {digits(m[2])}"),
    rule(
        r"(?<![0-9.,$])([0-9]+(?:\.[0-9]+)?)x(?= (?:and|or|in|on|to|of|earnings|sales|revenue|zoom)\b|[,;.)]|$)",
        r"\1 times",
    ),
    rule(r"(?<=[0-9][GMKTkm]B)\s?/\s?(?=[0-9]+\s?[GMT]B\b)", ", "),
    rule(
        r"\b(Qs?|[Qq]uestions|#|[Ee]xercises|[Pp]roblems) ?([0-9]{1,3})\s?[-–]\s?([0-9]{1,3})(?![0-9-])",
        r"\1 \2 to \3",
    ),
)
