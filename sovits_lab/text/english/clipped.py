"""Clipped words of notes, notices and forms: rcpt, mfg., avail., gr. beef, est. delivery, x 10 days.

A row of `en_clipped.tsv` is a word, what is said for it, and patterns for the text before and after it, of which the
first row that fits wins. Without a mark a word is clipped with and without a stop; with a stop it is clipped only where
one is written; with `.+` it is a word as well, and clipped only where what follows shows that the sentence goes on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from sovits_lab.text.english.abbreviations import ends_sentence
from sovits_lab.text.english.lexicon import dictionary
from sovits_lab.text.english.number_names import in_hundreds
from sovits_lab.text.english.numbers import cardinal, digits, year
from sovits_lab.text.english.units import UNITS
from sovits_lab.text.tables import any_of, names, placed_rows
from sovits_lab.text.traced import Rule, rule

Match = re.Match[str]
# Words that begin a sentence in messages without capitals, too.
_BEGINNING = "then|so|but|i|im|it|its|we|he|she|they|you|the|this|that|these|my|what|how|why|when|now|lol|no|yes|there"
_GOES_ON = re.compile(rf"\.\s?[,;:)/&]|\.\s?(?:(?!(?:{_BEGINNING})\b)[a-z0-9$(#]|@\s)")
_COMPASS = {"N": "north", "S": "south", "E": "east", "W": "west"}
_SIXTEENTHS = any_of(names("NNE ENE ESE SSE SSW WSW WNW NNW"))
# Letters with a stroke that is not said: A/C, N/A, P/E.
_UNSTROKED = any_of(names("A/C N/A P/E I/O T/F A/V P/L R/R R/C V/O O/T D/E R/B"))
_NAMED_BY_STROKE = {
    "S/N": "serial number",
    "P/N": "part number",
    "w/e": "weekend",
    "W/E": "weekend",
    "W/D": "washer and dryer",
    "r/t": "round trip",
    "o/w": "one way",
}
_TIMED = "(?:days?|weeks?|wks?|months?|mos?|years?|yrs?|nights?|hours?|hrs?|minutes?|mins?)"
_HYPHENED = {
    "yr": "year", "mo": "month", "wk": "week", "hr": "hour", "min": "minute", "sec": "second", "spd": "speed",
    "cyl": "cylinder", "qt": "quart", "pg": "page", "pc": "piece", "bdrm": "bedroom", "dr": "door", "pk": "pack",
    "ct": "count", "per": "period", "gr": "grade", "in": "inch", "lb": "pound",
}  # fmt: skip
_SEXES = {"M": "male", "F": "female"}
_MINERALS = {"Ca": "calcium", "Fe": "iron", "Mg": "magnesium", "Zn": "zinc", "Na": "sodium", "K": "potassium"}
# Titles and shortenings with rules of their own.
_TITLED = "[Jj]r|[Ss]r|[Pp]h|[Ss]t|[Mm]r|[Mm]rs|[Mm]s|[Dd]r|vs|etc"
# "St." after these is a college's, not a street: Ohio St. beat Penn St.
_COLLEGE = (
    "Ohio|Penn|Iowa|Boise|Kansas|Michigan|Florida|Arizona|Oregon|Oklahoma|Mississippi|Colorado|Utah|Fresno|San Diego"
    "|San Jose|Ball|Kent|Texas|Montana|Wichita|Weber"
)
_REACH = 16


class _Row(NamedTuple):
    """What is said for a clipped word where the patterns fit, and the mark that says when it is one."""

    words: str
    mark: str
    before: re.Pattern[str] | None
    after: re.Pattern[str] | None

    def fits(self, m: Match, stop: bool) -> bool:
        """Return True where the word that was matched is clipped in the sense of this row."""
        text, end = m.string, m.end(1)
        if (self.mark and not stop) or (self.mark == ".+" and not _GOES_ON.match(text, end)):
            return False
        if self.before and not self.before.search(text[max(0, m.start() - _REACH) : m.start()]):
            return False
        return not self.after or self.after.match(text, end + stop) is not None


def _rows() -> Mapping[str, list[_Row]]:
    found: dict[str, list[_Row]] = {}
    for short, spoken, before, after in placed_rows("en_clipped.tsv"):
        word = short.rstrip(".+")
        row = _Row(
            spoken,
            short[len(word) :],
            re.compile(rf"(?:(?<![A-Za-z])|(?=\W))(?:{before})\s?$") if before else None,
            re.compile(rf":?\s?(?:{after})") if after else None,
        )
        found.setdefault(word, []).append(row)
    return found


_WRITTEN = _rows()


def _clipped(m: Match) -> str:
    stop = m.string.startswith(".", m.end(1))
    word = m[1].lower()
    # 15 min. is a measure, a $500 min. deposit is none
    measured = word in UNITS and re.search(r"[0-9]\s?$", m.string[max(0, m.start() - 2) : m.start()]) is not None
    rows = (row for row in _WRITTEN[word] if row.after or not measured)
    row = next((row for row in rows if row.fits(m, stop)), None)
    if row is None:
        return m[0]
    words = row.words[0].upper() + row.words[1:] if m[1][0].isupper() else row.words
    return words + ("." if stop and not row.after and ends_sentence(m.string, m.end()) else "")


def _unknown(m: Match) -> str:
    """A short word that no dictionary has, with a stop before a sentence that goes on: the stop is no full stop."""
    word = m[1].lower()
    return m[0] if word in dictionary() or word in UNITS else m[1]


def _sixteenth(m: Match) -> str:
    return f"{_COMPASS[m[0][0]]} {''.join(_COMPASS[letter] for letter in m[0][1:])}"


def _state_college(m: Match) -> str:
    return f"{m[1]}State" + ("." if m[0].endswith(".") and ends_sentence(m.string, m.end()) else "")


def _direction(m: Match) -> str:
    return _COMPASS[m[1]]


def _short_year(two: str) -> str:
    return cardinal(int(two)) if two[0] != "0" else f"oh {cardinal(int(two))}"


def _of_life(m: Match) -> str:
    """b. 1931, d. 2004: the years of a life."""
    return {"b": "born", "d": "died"}[m[1]] + " " + year(int(m[2]))


def _hyphened(m: Match) -> str:
    stop = "." if m[3] and ends_sentence(m.string, m.end()) else ""
    return f"{m[1]}-{_HYPHENED[m[2]]}{stop}"


RULES: tuple[Rule, ...] = (
    rule(r"(?<=[0-9] )y/?o ([MF])(?![A-Za-z])", lambda m: f"year old {_SEXES[m[1]]}"),
    rule(r"(?<=[A-Za-z.] )v\.(?= [A-Z][a-z])", "versus"),
    rule(r"(?<![0-9/$.])([2-9]|1[0-2])/(?=\$[0-9])", r"\1 for "),
    rule(rf"(\$[0-9][0-9,.]*)/(?=[0-9]+ {_TIMED}\b)", r"\1 for "),
    rule(r"(?<![A-Za-z0-9-])(X{0,3}S|M|X{0,3}L)\s?[-–]\s?(M|X{0,4}L)(?![A-Za-z0-9-])", r"\1 to \2"),
    rule(r"(?<=[0-9])\s?lb[-.]ft\b\.?", " pound feet"),
    rule(r"(?<=[0-9])\s?ft[-.]lbs?\b\.?", " foot pounds"),
    rule(r"(?<=[0-9])k mi\b\.?", " thousand miles"),
    rule(r"(?<=[0-9]\.[0-9])L(?= (?:V[0-9]+|I[0-9]|turbo|diesel|engine)\b)", "-liter"),
    rule(r"\bqtr\.? mi\b\.?", "quarter mile"),
    rule(r"(?<![0-9.,/])1 c\.(?= [a-z])", "1 cup"),
    rule(r"(?<=[0-9]) c\.(?= [a-z])", " cups"),
    rule(r"(?<=[0-9] )([Tt])\.(?= [a-z])", lambda m: {"T": "tbsp", "t": "tsp"}[m[1]]),
    rule(r"(?<=[0-9])\s?(BR|BA)s\b", lambda m: {"BR": " bedrooms", "BA": " baths"}[m[1]]),
    rule(r"(?<![0-9/])([1-9][0-9])/([1-9][0-9])(?=\s?mpg\b)", r"\1, \2"),
    rule(r"/\s?sq\.?\s?ft\b(?:\.(?=\s*[a-z,;)+]))?", "/sqft"),
    rule(r"(?<=[0-9] )(mins?|hrs?|secs?|mos?|yrs?|wks?|days?)\.?\s?[-–]\s?(?=[0-9]+ )", r"\1 to "),
    rule(
        r"\b(401|403|457) ?\(?([kKbB])\)?(?![A-Za-z0-9])", lambda m: f"{in_hundreds(m[1][0], m[1][1:])} {m[2].upper()}"
    ),
    rule(r"'([0-9]{2})\s?[-–]\s?'([0-9]{2})(?![0-9])", lambda m: f"{_short_year(m[1])} to {_short_year(m[2])}"),
    rule(
        r"(?<=\b[Tt]he )([NSEW])\.?(?= (?:side|end|wing|gate|entrance|exit|coast|wall|lot|door|parking)\b)", _direction
    ),
    rule(r"(?<=\b1 )pt\.(?= [a-z])|(?<=/2 )pt\.(?= [a-z])", "pint"),
    rule(r"(?<=[0-9] )pts\.(?= (?:of )?(?:[a-z]*berries|milk|cream|water|beer|ice|tomatoes|stock|broth))", "pints"),
    rule(r"(?<=[a-z.] )#(?=\s[a-z]|[.,?!]|$)", "number"),
    rule(r"(?<=[Dd]ial )\*([0-9]+)", lambda m: f"star {digits(m[1])}"),
    rule(r"(?<=[Pp]ress )([*#])(?![A-Za-z])", lambda m: {"*": "star", "#": "pound"}[m[1]]),
    rule(r"(?<=[0-9] )Qs(?![A-Za-z0-9])", "questions"),
    rule(r"(?<=[a-z.,] )([bd])\.(?= (?:in [12][0-9]{3}|on [A-Z]|at age))", lambda m: {"b": "born", "d": "died"}[m[1]]),
    rule(r"(?<=\b[Aa] )([0-9.]+)\s?L(?= (?:of|bottles?|jug)\b)", r"\1 liter"),
    rule(
        r"(?<=\bthe )(?:NW|NE|SW|SE)(?= (?:at|of|side|part|end|tonight|today|tomorrow)\b|[.,;]|$)"
        r"|(?<![A-Za-z-])(?:NW|NE|SW|SE)(?= (?:corner|quadrant|winds?|gusts?)\b)",
        lambda m: _COMPASS[m[0][0]] + _COMPASS[m[0][1]],
    ),
    rule(rf"(?<!\b[Oo]n )(\b(?:{_COLLEGE}) )St(?:\.|(?![A-Za-z.]))(?! (?:[NSEW]|[0-9])\b)", _state_college),
    rule(r"(?<![0-9/])20/([1-9]0{1,2})(?= (?:vision|eyesight|in (?:his|her|my|the|both|each)))", r"20 \1"),
    rule(r"(?<=\bending )((?:in )?)x([0-9]{4})(?![0-9])", lambda m: m[1] + digits(m[2])),
    rule(r"\b(Ca|Fe|Mg|Zn|Na|K)(?= [0-9,.]+ ?mc?g\b)", lambda m: _MINERALS[m[1]]),
    rule(r"#(?=[A-Z]{1,3}-?[0-9])|(?<=[a-z.] )#\s(?=[0-9])", "number "),
    rule(r"\b([Rr])ef\. (?:[Nn]o|[Nn]br)\.\s?(?=[A-Z0-9])", r"\1eference number "),
    rule(r"(?<![A-Za-z.])([bd])\. ?([12][0-9]{3})(?![0-9])", _of_life),
    rule(r"(?<![A-Za-z.])([bd])\. ?(?=[0-9]{1,2}/[0-9]{1,2}/)", lambda m: {"b": "born ", "d": "died "}[m[1]]),
    rule(
        r"(?<![A-Za-z0-9-])([0-9]+(?:st|nd|rd|th)?)-(yr|mo|wk|hr|min|sec|spd|cyl|qt|pg|pc|bdrm|dr|pk|ct|gr|lb|(?<=[a-z]-)per)(\.)?(?![A-Za-z0-9-])",
        _hyphened,
    ),
    rule(
        rf"(?<![A-Za-z0-9'@#/_-])(?<!\bdot )({any_of(_WRITTEN)})(?![A-Za-z0-9'@_-]|\.[A-Za-z])\.?",
        _clipped,
        flags=re.IGNORECASE,
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
# After the shortenings of every other table.
LEFT_OVER: tuple[Rule, ...] = (
    rule(
        rf"(?<![A-Za-z0-9.'@/])(?!(?:{_TITLED})\b)([A-Za-z]{{2,5}})\.(?= (?!(?:{_BEGINNING})\b)[a-z0-9$#&])", _unknown
    ),
)
