"""English numbers, dates, money, abbreviations, addresses and signs as words; the first rule that fits wins."""

from __future__ import annotations

import re
import unicodedata

from sovits_lab.text.english.money import CURRENCY, SCALE, money
from sovits_lab.text.english.numbers import cardinal, digits, ordinal, whole, year
from sovits_lab.text.tables import any_of, names, pairs
from sovits_lab.text.traced import Rule, Traced, rule

Match = re.Match[str]
_UNITS, _SIGNS, _SHORT = pairs("en_units.tsv"), pairs("en_signs.tsv"), pairs("en_abbreviations.tsv")
_UNIT = any_of(_UNITS) + "(?![A-Za-z0-9])"
_N = r"[0-9]+(?:\.[0-9]+)?"
_ALONE = r"(?<![0-9.])(?<![A-Za-z])"
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_MONTH = "(" + "|".join(_MONTHS) + "|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec)"
_NUMBERED = names("Chapter Part Act Volume Section Book War Phase Type Level Stage Scene Appendix Article Class Grade")
_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
_FRACTIONS = {"2": ("half", "halves"), "4": ("quarter", "quarters")}
_HALF = {ord(char) + 0xFEE0: char for char in map(chr, range(33, 127))} | {0x3000: " ", 0x00A0: " "}
_QUOTES = {0x2018: "'", 0x2019: "'", 0x201B: "'", 0x02BC: "'", 0x2212: "-", 0x2010: "-", 0x2011: "-"}


def number(text: str) -> str:
    """ "3.14" -> "three point one four"; leading zeros and very long runs digit by digit."""
    head, _, tail = text.partition(".")
    words = whole(head) if head else "zero"
    return f"{words} point {digits(tail)}" if tail else words


def _any_number(m: Match) -> str:
    text = m[0]
    if re.fullmatch("1[1-9][0-9]{2}|20[1-9][0-9]", text):
        return year(int(text))
    return number(text)


def _month(name: str) -> str:
    return next(month for month in _MONTHS if month.startswith(name[:3]))


def _date(month: int, day: int, in_year: str) -> str:
    return f"{_MONTHS[month - 1]} {ordinal(day)}, {year(int(in_year))}"


def _clock(m: Match) -> str:
    hour, minute = int(m[1]), m[2]
    half = " ".join(m[4].upper().replace(".", "")) if m[4] else ""
    if m[3]:
        minutes = digits(minute) if minute == "00" else cardinal(int(minute))
        return f"{cardinal(hour)} {minutes} and {cardinal(int(m[3]))} seconds {half} "
    if minute == "00":
        words = cardinal(hour) + ("" if half or hour > 12 or hour == 0 else " o'clock")
        words += " hundred" if not half and (hour > 12 or hour == 0) else ""
    else:
        words = f"{cardinal(hour)} {'oh ' if minute[0] == '0' else ''}{cardinal(int(minute))}"
    return f"{words} {half}".rstrip() + (" " if half else "")


def _half_day(m: Match) -> str:
    return f"{cardinal(int(m[1]))} {' '.join(m[2].upper().replace('.', ''))}"


def _measure(m: Match) -> str:
    name = _UNITS[m[2]]
    if m[1] != "1" and not name.isupper():
        first, _, rest = name.partition(" ")
        plural = {"foot": "feet", "hertz": "hertz"}
        if first in ("square", "cubic"):
            rest = plural.get(rest, rest + "s")
        else:
            first = plural.get(first, first + "s")
        name = f"{first} {rest}".rstrip()
        name = name.replace("kilowatts hour", "kilowatt hours").replace("milliamps hour", "milliamp hours")
    return f"{number(m[1])} {name} "


def _fraction(m: Match) -> str:
    top, bottom = int(m[1]), m[2]
    if bottom in ("0", "1"):
        return f"{cardinal(top)} over {cardinal(int(bottom))}"
    one, many = _FRACTIONS.get(bottom) or (ordinal(int(bottom)), ordinal(int(bottom)) + "s")
    return f"{cardinal(top)} {one if top == 1 else many}"


def _beside(m: Match) -> str:
    first, second = [part for part in m.groups() if part]
    return f"{cardinal(int(first))} {cardinal(int(second))}"


def _roman(text: str) -> int:
    values = [_ROMAN[letter] for letter in text]
    return sum(-v if v < w else v for v, w in zip(values, [*values[1:], 0], strict=True))


def _regnal(m: Match) -> str:
    return f"the {ordinal(_roman(m[1]))}"


def _decade(m: Match) -> str:
    decade = m[1] or m[2]
    words = year(int(decade)) if len(decade) == 4 else cardinal(int(decade))
    return words[:-1] + "ies" if words.endswith("y") else words + "s"


def _address(m: Match) -> str:
    said = re.sub(r"^(?:https?|ftp)://", "", m[0]).rstrip("/")
    for sign, word in ((".", "dot"), ("@", "at"), ("/", "slash"), ("_", "underscore"), ("-", "dash"), ("=", "equals")):
        said = said.replace(sign, f" {word} ")
    said = re.sub(r"\bwww\b", "W W W", re.sub(r"[?&:#%~+]", " ", said))
    said = re.sub(r"(?<![A-Za-z])[a-z](?![A-Za-z])", lambda letter: letter[0].upper(), said)
    return re.sub("[0-9]+", lambda n: f" {digits(n[0])} ", said)


def _telephone(m: Match) -> str:
    return ", ".join(digits(part) for part in re.findall("[0-9]+", m[0]))


def _stop(m: Match) -> str:
    """The full stop of an abbreviation that also ends the text."""
    return "" if m.string[m.end() :].strip() else "."


def _dotted(m: Match) -> str:
    return " ".join(m[0].replace(".", "").upper()) + (_stop(m) or " ")


def _short(m: Match) -> str:
    return _SHORT[m[0]] + _stop(m)


def _version(m: Match) -> str:
    return " " + " point ".join(whole(part) for part in m[0].split(".")) + " "


def _sign(m: Match) -> str:
    word = _SIGNS[m[0]]
    return f" {word} " if word else ""


def _plain(m: Match) -> str:
    return "".join(char for char in unicodedata.normalize("NFD", m[0]) if char.isascii())


_ADDRESSES: tuple[Rule, ...] = (
    rule(r"(?:https?|ftp)://[A-Za-z0-9\-._~:/?#@!$&'()*+,;=%]*[A-Za-z0-9/]", _address),
    rule(r"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9._%+\-]{1,64}@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+", _address),
    rule(r"\bwww\.[A-Za-z0-9\-._/]*[A-Za-z0-9]", _address),
    rule(
        r"\b[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)*\.(?:com|org|net|edu|gov|io|ai|cn|jp|kr|uk|de|fr)\b(?:/[A-Za-z0-9_\-./]*)?",
        _address,
    ),
    rule(
        r"(?<=[A-Za-z0-9])\.(?=(?:py|js|txt|json|md|wav|mp3|mp4|exe|html|csv|yaml|cpp|sh|zip|pdf|jpg|png)\b)", " dot "
    ),
    rule(r"(?<=[A-Za-z0-9])_+(?=[A-Za-z0-9])", " "),
)
_ABBREVIATIONS: tuple[Rule, ...] = (
    rule(r"\bSt\.(?=\s+(?:John|Paul|Peter|Mary|Louis|George|Patrick|Petersburg|James|Thomas)\b)", "Saint"),
    rule(r"(?<=[A-Za-z] )St\.", lambda m: "Street" + _stop(m)),
    rule(r"\bSt\.", "Saint"),
    rule(r"(?<=[A-Z][a-z] )Dr\.|(?<=[a-z] )Dr\.(?=\s*$|\s*,)", lambda m: "Drive" + _stop(m)),
    rule(r"\bDr\.", "Doctor"),
    rule(r"\b[Nn]os?\.\s?(?=[0-9])", "number "),
    rule(r"\bp\.\s?(?=[0-9])", "page "),
    rule(r"(?<![A-Za-z])" + any_of(_SHORT), _short),
    rule(r"\b(?:[A-Za-z]\.){2,}", _dotted),
)
_DATES: tuple[Rule, ...] = (
    rule(
        r"(?<![0-9/])(1[0-2]|0?[1-9])/(3[01]|[12][0-9]|0?[1-9])/([12][0-9]{3})(?![0-9/])",
        lambda m: _date(int(m[1]), int(m[2]), m[3]),
    ),
    rule(
        r"(?<![0-9\-/])([12][0-9]{3})([-/])(1[0-2]|0[1-9])\2(3[01]|[12][0-9]|0[1-9])(?![0-9\-])",
        lambda m: _date(int(m[3]), int(m[4]), m[1]),
    ),
    rule(
        rf"\b{_MONTH}\.? (3[01]|[12][0-9]|0?[1-9])(?:st|nd|rd|th)?(?![0-9:])",
        lambda m: f"{_month(m[1])} {ordinal(int(m[2]))}",
    ),
    rule(
        rf"(?<![0-9.])(3[01]|[12][0-9]|0?[1-9])(?:st|nd|rd|th)? (?:of )?{_MONTH}\b\.?(?! (?:1st|[0-9]{{1,2}}\b))",
        lambda m: (
            ("" if m.string[: m.start()].endswith("the ") else "the ") + f"{ordinal(int(m[1]))} of {_month(m[2])}"
        ),
    ),
    rule(r"(?<![0-9:])([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?(?: ?([AaPp]\.?[Mm]\b\.?))?(?![0-9:])", _clock),
    rule(r"(?<![0-9:.])(1[0-2]|[1-9]) ?([AaPp]\.?[Mm]\b)\.?", _half_day),
    rule(r"(?<![0-9.])([12][0-9]{2}0)'?s\b|(?<![0-9.])'?([2-9]0)'?s\b", _decade),
    rule(
        r"(?<![0-9.])([12][0-9]{3})\s?[-–]\s?([12][0-9]{3})(?![0-9.])",
        lambda m: f"{year(int(m[1]))} to {year(int(m[2]))}",
    ),
)
_NUMBERS: tuple[Rule, ...] = (
    rule(rf"(?:^|(?<=[\s(=<>,]))[-−](?={_N})", " minus "),
    rule(rf"({CURRENCY})\s?([0-9][0-9,]*(?:\.[0-9]+)?|\.[0-9]+)(?:\s?({SCALE})\b)?", money),
    rule(r"(?<![0-9,.])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])", lambda m: m[0].replace(",", "")),
    rule(
        r"(?<![0-9\-])(?:\+?[0-9]{1,3}[-. ])?(?:\([0-9]{3}\) ?|[0-9]{3}[-. ])[0-9]{3}[-. ][0-9]{4}(?![0-9])", _telephone
    ),
    rule(r"(?<![0-9\-])[0-9]{3}-[0-9]{4}(?![0-9\-])", _telephone),
    rule(r"[0-9]+(?:\.[0-9]+){2,}", _version),
    rule(rf"{_ALONE}({_N})\s?[-–]\s?(?={_N}\s?{_UNIT})", lambda m: number(m[1]) + " to "),
    rule(rf"{_ALONE}({_N})\s?({_UNIT})", _measure),
    rule(rf"{_ALONE}({_N})\s?[-–]\s?(?={_N}%)", lambda m: number(m[1]) + " to "),
    rule(r"(?<=[0-9])\s?%", " percent"),
    rule(r"([0-9])'\s?([0-9]{1,2})\"", lambda m: f"{cardinal(int(m[1]))} foot {cardinal(int(m[2]))}"),
    rule(r"(?<![0-9/.])(24)/(7)(?![0-9/])|(?<![0-9/.])([1-9]0)/(\3)(?![0-9/])", _beside),
    rule(r"(?<![0-9/.])([0-9]{1,3})/([0-9]{1,3})(?![0-9/])", _fraction),
    rule(r"(?<=[0-9])k(?![A-Za-z0-9])", " thousand"),
    rule(r"(?<=[A-Z])[1-9][0-9]{3}(?![0-9.])", lambda m: f" {year(int(m[0]))}"),
    rule(r"\b([A-G])#", r"\1 sharp"),
    rule(r"(?<![0-9.])([0-9]+)(?:st|nd|rd|th)\b", lambda m: ordinal(int(m[1])) if len(m[1]) < 15 else whole(m[1])),
    rule(rf"{_ALONE}({_N})\s?[-–]\s?(?={_N}(?![0-9.\-]))(?!.{{0,12}}=)", lambda m: number(m[1]) + " to "),
    rule(rf"\b({'|'.join(_NUMBERED)}) ([IVXLC]+)\b", lambda m: f"{m[1]} {cardinal(_roman(m[2]))}"),
    rule(r"(?<=[a-z] )(X{0,3}(?:IX|IV|V?I{0,3}))(?<=[IVX]{2})(?![A-Za-z'])", _regnal),
    rule(rf"(?<=[0-9A-Za-z)])\s[-−]\s(?={_N})", " minus "),
    rule(r"(?<=[0-9])\s?[xX]\s?(?=[0-9])|(?<=[0-9])\s?\*\s?(?=[0-9])", " times "),
    rule(r"(?<=[A-Za-z0-9)])²", " squared "),
    rule(r"(?<=[A-Za-z0-9)])³", " cubed "),
    rule(r"#(?=[0-9])", " number "),
    rule(r"#(?=[A-Za-z])", " hashtag "),
    rule(r"(?<![A-Za-z])([a-z])/([a-z])(?![A-Za-z])", lambda m: f"{m[1].upper()} slash {m[2].upper()}"),
    rule(r"(?<=[A-Za-z])/(?=[A-Za-z])", " slash "),
    rule(r"(?<=[0-9])(?=[A-Za-z])|(?<=[A-Za-z])(?=[0-9])", ""),
    rule(r"[0-9]+\.[0-9]+|(?<![0-9A-Za-z])\.[0-9]+|[0-9]+", lambda m: f" {_any_number(m)} "),
)
_MARKS: tuple[Rule, ...] = (
    rule(any_of(_SIGNS), _sign),
    rule(r"\.{2,}|。{2,}|⋯+", "…"),
    rule("[。]", "."),
    rule("[、;:；：]", ","),
    rule(r"\s?[—–]+\s?|\s-{1,3}\s|--+", ","),
    rule(r"(?<=\s)\(|(?<=^)\(|\)(?=\s)", ",", None),
    rule(r"\n+", "."),
    rule(r"[À-ɏ̀-ͯḀ-ỿ]+", _plain),
    rule(r"[^ A-Za-z',.?!…\-]+", " "),
    rule(r"(?<![A-Za-z])['-]+|-+(?![A-Za-z])", " "),
    rule(r"^[\s,.?!…]+(?=[A-Za-z])", "", "pause before the first word"),
    rule(r"(?<=[,.?!…])[\s,.?!…]*[,.?!…]", "", "repeated punctuation"),
    rule(r" +(?=[ ,.?!…]|$)", ""),
)


def normalise(text: Traced) -> Traced:
    """Leaves letters, apostrophes, hyphens inside words, spaces and pause marks."""
    text = text.translate(_HALF).translate(_QUOTES)
    return text.apply(_ADDRESSES).apply(_ABBREVIATIONS).apply(_DATES).apply(_NUMBERS).apply(_MARKS)
