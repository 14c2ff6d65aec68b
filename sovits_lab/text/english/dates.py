"""Dates, clock times and spans of years in English words."""

from __future__ import annotations

import re

from sovits_lab.text.english.abbreviations import ends_sentence
from sovits_lab.text.english.numbers import cardinal, digits, ordinal, year
from sovits_lab.text.traced import Rule, rule

Match = re.Match[str]
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
MONTH = "(" + "|".join(_MONTHS) + "|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec)"
_DAY = "(3[01]|[12][0-9]|0?[1-9])"
_MONTH_NUMBER = "(1[0-2]|0?[1-9])"
_CENTURY = "((?:1[0-9]|20)[0-9]{2})"
_HALF_DAY = r"([AaPp]\.?\s?[Mm])\b(\.?)"
_ON = "(?:on|On|by|By|until|Until|till|since|Since|before|Before|after|After|due|dated|from|From|born|starting)"


def _month(name: str) -> str:
    return next(month for month in _MONTHS if month.startswith(name[:3]))


def _full_date(month: int, day: int, in_year: str) -> str:
    return f"{_MONTHS[month - 1]} {ordinal(day)}, {year(int(in_year))}"


def _slashed(m: Match) -> str:
    """3/15/2024 and 25/12/2023: the month comes first where it can."""
    first, second, in_year = int(m[1]), int(m[2]), m[3]
    if len(in_year) == 2:
        in_year = ("20" if int(in_year) < 50 else "19") + in_year
    month, day = (first, second) if first <= 12 else (second, first)
    return _full_date(month, day, in_year) if 1 <= month <= 12 and 1 <= day <= 31 else m[0]


def _day_and_month(m: Match) -> str:
    """17/04 -> the seventeenth of April, 04/17 -> April seventeenth; what stood before them is kept."""
    before, first, second = m.groupdict().get("on") or "", *[int(part) for part in re.findall("[0-9]+", m[0])]
    if not (1 <= first <= 31 and 1 <= second <= 31 and min(first, second) <= 12):
        return m[0]
    if first <= 12:
        return f"{before}{_MONTHS[first - 1]} {ordinal(second)}"
    return f"{before}{_the(m)}{ordinal(first)} of {_MONTHS[second - 1]}"


def _the(m: Match) -> str:
    return "" if m.string[: m.start()].lower().endswith("the ") else "the "


def _named(m: Match) -> str:
    return f"{_the(m)}{ordinal(int(m[1]))} of {_month(m[2])}"


def _half(written: str) -> str:
    return " ".join(letter for letter in written.upper() if letter.isalpha())


def _closing(m: Match, group: int) -> str:
    """The stop of a.m. or p.m. where it ends the sentence; the space that the match may have swallowed."""
    if not m[group]:
        return ""
    if re.match(r"\s?[-–]\s?[0-9]", m.string[m.end() :]):  # a span of hours
        return ""
    return "." if ends_sentence(m.string, m.end(), after_time=True) else ""


def _clock(m: Match) -> str:
    hour, minute = int(m[1]), m[2]
    half = _half(m[4]) if m[4] else ""
    if m[3]:
        minutes = digits(minute) if minute == "00" else cardinal(int(minute))
        words = f"{cardinal(hour)} {minutes} and {cardinal(int(m[3]))} seconds"
    elif minute == "00":
        words = cardinal(hour) + ("" if half or hour > 12 or hour == 0 else " o'clock")
        words += " hundred" if not half and (hour > 12 or hour == 0) else ""
        if re.match(r"\s*o'?clock", m.string[m.end() :]):
            words = cardinal(hour)
    else:
        words = f"{cardinal(hour)} {'oh ' if minute[0] == '0' else ''}{cardinal(int(minute))}"
    return f"{words} {half}".rstrip() + _closing(m, 5)


def _hour(m: Match) -> str:
    return f"{cardinal(int(m[1]))} {_half(m[2])}" + _closing(m, 3)


def _hours(m: Match) -> str:
    """9-5pm, 10-11 a.m.: the first hour of a span, whose half of the day follows later."""
    return f"{cardinal(int(m[1]))} to "


def _decade(m: Match) -> str:
    decade = m[1] or m[2]
    words = year(int(decade)) if len(decade) == 4 else cardinal(int(decade))
    return words[:-1] + "ies" if words.endswith("y") else words + "s"


def _two_years(m: Match) -> str:
    """2024-25: a season of two years."""
    if int(m[2]) != (int(m[1]) + 1) % 100:
        return m[0]
    return f"{year(int(m[1]))} {'oh ' if m[2][0] == '0' else ''}{cardinal(int(m[2]))}"


_MARKED = re.compile(r"\b(?:scored|score|got|quiz|exam|test|graded?|marks?|out of)\b", re.IGNORECASE)
_BIBLE = (
    r"\b(Genesis|Exodus|Psalms?|Proverbs|Isaiah|Matthew|Mark|Luke|John|Acts|Romans|Corinthians|Ephesians|Philippians"
    r"|Hebrews|James|Revelation)"
)
_DAYS = {
    "Mon": "Monday",
    "Tue": "Tuesday",
    "Wed": "Wednesday",
    "Thu": "Thursday",
    "Fri": "Friday",
    "Sat": "Saturday",
    "Sun": "Sunday",
}
_LETTERS_OF_CLASSES = {
    "M": "Monday", "T": "Tuesday", "Tu": "Tuesday", "W": "Wednesday", "Th": "Thursday", "F": "Friday",
}  # fmt: skip
_LETTERS_OF_DAYS = {"F": "Friday", "Th": "Thursday", "Sa": "Saturday", "Su": "Sunday"}
_LETTERS_OF_DAYS_ALL = _LETTERS_OF_CLASSES | _LETTERS_OF_DAYS
_DAY_NAME = r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?:s|nes|rs|ur|urs)?(?:day)?\b"
_DATED_THING = (
    "(?:meeting|deadline|game|event|show|class|session|release|appoi"
    "ntment|flight|episode|issue|concert|party|call|exam)"
)
_DATED = r"(?=,?\s(?:[0-9]{1,2}(?:[:/-]|\s?[AaPp]\.?[Mm]\b)|" + MONTH[1:-1] + r"\b))"
# June twelfth, not 12/6; on June first, 6/2 and 6/3: what stands beside a date is one too.
_AFTER_A_DATE = rule(
    rf"(?P<on>\b(?:{'|'.join(_MONTHS)}) [a-z]+(?:-[a-z]+)?(?:,? (?:not|and|or|to|through|until|instead of|rather than)"
    r"|,| [-–]) (?:on )?)([0-9]{1,2})/([0-9]{1,2})(?![0-9/])",
    _day_and_month,
)
RULES: tuple[Rule, ...] = (
    rule(r"(?<![0-9:./-])([1-9]|1[0-2])\s?[-–]\s?(?=(?:1[0-2]|[1-9]):[0-5][0-9](?![0-9:]))", _hours),
    # 6:20p, at 7a
    rule(
        r"((?<![0-9:])[0-9]{1,2}:[0-5][0-9]|(?:(?<=\bat )|(?<=\bby )|(?<=\btil )|(?<=\bfrom ))[0-9]{1,2})"
        r"([ap])(?!\.m|[A-Za-z0-9'])",
        lambda m: f"{m[1]} {m[2].upper()}M",
    ),
    rule(
        rf"\b(?:Mon|Tues?|Weds?|Thu(?:rs?)?|Fri|Sat|Sun){_DATED}"
        r"|(?<=\bon )(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b(?!\.)"
        r"|(?:(?<=\bby )|(?<=\bfor )|(?<=\b(?:next|this|last) ))(?:Mon|Tue|Wed|Thu|Fri|Sat)\b(?!\.)"
        r"|\b(?:Tues|Thurs)\b(?!\.)|\b(?:Mon|Tue|Thur?|Fri)(?=,?\s[0-9]|\s(?:at|night|morning|afternoon|evening)\b)",
        lambda m: _DAYS[m[0][:3]],
    ),
    rule(rf"\b{MONTH}\.?\s?[-–]\s?{MONTH}\b", lambda m: f"{_month(m[1])} to {_month(m[2])}"),
    rule(
        r"(?<![A-Za-z&-])(Tu|W|Th|F|Sa)\s?[-–]\s?(Th|Sa|Su)(?![A-Za-z-])",
        lambda m: f"{_LETTERS_OF_DAYS_ALL[m[1]]} to {_LETTERS_OF_DAYS_ALL[m[2]]}",
    ),
    rule(r"(?<![A-Za-z&-])M\s?[-–]\s?(F|Th|Sa|Su)(?![A-Za-z-])", lambda m: f"Monday to {_LETTERS_OF_DAYS[m[1]]}"),
    rule(rf"{_DAY_NAME}\.?\s?[-–]\s?{_DAY_NAME}", lambda m: f"{_DAYS[m[1]]} to {_DAYS[m[2]]}"),
    rule(r"(?<=[0-9])T(?=[0-2][0-9]:[0-5][0-9])", ", "),
    rule(r"(?<=:[0-5][0-9])Z(?![A-Za-z0-9])", " U T C"),
    rule(
        r"(?<![0-9/.$£€])(1[0-2]|[1-9])/(1[345789]|2[1236789]|3[01])(?![0-9/])(?!\s?(?:of|in|inch|cup|mile)\b)",
        lambda m: m[0] if _MARKED.search(m.string) else _day_and_month(m),
    ),
    rule(
        _BIBLE + r" ([0-9]{1,3}):([0-9]{1,3})(?![0-9:])",
        lambda m: f"{m[1]} {cardinal(int(m[2]))}, verse {cardinal(int(m[3]))}",
    ),
    rule(rf"(?<![0-9.,]){_CENTURY}\s?[-–/]\s?([0-9]{{2}})(?![0-9/]|[-–][0-9]|\.[0-9])", _two_years),
    rule(r"(?<![0-9/])(9)/(11)(?![0-9/])(?!\s?(?:of|[a-z]+s\b of))", "nine eleven"),
    rule(rf"(?<![0-9/.]){_DAY}/{_DAY}/([12][0-9]{{3}}|[0-9]{{2}})(?![0-9/])", _slashed),
    rule(
        rf"(?<![0-9\-/.]){_CENTURY}([-/.]){_MONTH_NUMBER}\2{_DAY}(?![0-9\-/])",
        lambda m: _full_date(int(m[3]), int(m[4]), m[1]),
    ),
    rule(
        rf"(?<![0-9\-/.]){_DAY}([.\-]){_MONTH_NUMBER}\2{_CENTURY}(?![0-9\-/])",
        lambda m: f"{_the(m)}{ordinal(int(m[1]))} of {_MONTHS[int(m[3]) - 1]}, {year(int(m[4]))}",
    ),
    rule(
        r"(?<![0-9/.$£€])(0[1-9])/([0-3][0-9])(?![0-9/])|(?<![0-9/.$£€])(3[01]|2[0-35-9]|1[3-9])/(0?[1-9]"
        r"|1[0-2])(?![0-9/])(?!\s?(?:of|in|inch|cup|mile)\b)",
        _day_and_month,
    ),
    rule(r"(?<![0-9/.$£€])(1[0-2]|[1-9])/(0[1-9])(?![0-9/])", _day_and_month),
    rule(
        r"(?<=[Dd]ay, )([0-9]{1,2})/([0-9]{1,2})(?![0-9/])|(?<=day )([0-9]{1,2})/([0-9]{1,2})(?![0-9/])"
        rf"|(?<=[Tt]he )([0-9]{{1,2}})/([0-9]{{1,2}})(?=\s{_DATED_THING}\b)",
        _day_and_month,
    ),
    rule(  # our anniversary is 6/12
        r"(?P<on>\b(?:birthday|anniversary|deadline|due date|wedding|exam|party|date) (?:is|was|falls on) )"
        r"([0-9]{1,2})/([0-9]{1,2})(?![0-9/])",
        _day_and_month,
    ),
    rule(rf"(?P<on>\b{_ON} )([0-9]{{1,2}})/([0-9]{{1,2}})(?![0-9/])(?!\s?(?:of|in|inch|cup|mile)\b)", _day_and_month),
    # classes are held on M/W/F and on T/Th
    rule(
        r"(?<![A-Za-z/-])(?:M[/-]W[/-]F|M/W|W/F|Tu?[/-]Th|MWF|TTh|TuTh)(?![A-Za-z/-])",
        lambda m: ", ".join(_LETTERS_OF_CLASSES[one] for one in re.findall("Th|Tu|[MTWF]", m[0])),
    ),
    rule(
        r"(?P<on>\b(?:[Mm]oved?|[Cc]hanged?|[Pp]ushed|[Pp]ostponed|[Rr]escheduled|[Bb]umped)"
        r"(?: (?:it|the|our|my|your|his|her)(?: [a-z]+)?)?"
        r" (?:back )?(?:to|until|till) )([0-9]{1,2})/([0-9]{1,2})(?![0-9/])(?!\s?(?:of|in|inch|cup|mile)\b)",
        _day_and_month,
    ),
    rule(
        r"(?P<on>\b(?:[Rr]eturn(?:s|ing)?|[Ll]eav(?:e|es|ing)|[Aa]rriv(?:e|es|ing)|[Dd]epart(?:s|ing)?|[Bb]ack|[Ee]xpires?|[Ss]tarts?|[Ee]nds?"
        r"|[Mm]oved to|[Rr]escheduled (?:to|for)|[Dd]ue|DOB:?|[Bb]orn) )"
        r"([0-9]{1,2})/([0-9]{1,2})(?![0-9/])(?!\s?(?:of|in|inch|cup|mile|hour|as|a|the)\b)",
        _day_and_month,
    ),
    rule(
        r"(?P<on>\b(?:[Aa]vail(?:able|\.)?|[Ee]ff(?:ective|\.)|[Ss]hipped|[Rr]eceived|[Ss]ent|[Pp]aid|[Mm]ailed|[Pp]osted|[Ff]iled|[Ss]igned"
        r"|[Uu]pdated|[Oo]rdered|[Dd]elivered|[Oo]pens|[Cc]loses) )(?!1/[234](?![0-9])|2/3(?![0-9])|3/4(?![0-9]))"
        r"([0-9]{1,2})/([0-9]{1,2})(?![0-9/])(?!\s?(?:of|in|inch|cup|mile|hour|as|a|the)\b)",
        _day_and_month,
    ),
    *[_AFTER_A_DATE] * 3,
    rule(
        rf"\b{MONTH} {_DAY}(?:st|nd|rd|th)?\s?[-–]\s?{_DAY}(?:st|nd|rd|th)?(?![0-9:])",
        lambda m: f"{_month(m[1])} {ordinal(int(m[2]))} to {ordinal(int(m[3]))}",
    ),
    rule(
        rf"\b{MONTH} {_DAY}(?:st|nd|rd|th)?(?![0-9:]|[.,][0-9])",
        lambda m: f"{_month(m[1])} {ordinal(int(m[2]))}",
    ),
    rule(rf"(?<![0-9.,$]){_DAY}(?:st|nd|rd|th)? (?:of )?{MONTH}\b(?! (?:1st|[0-9]{{1,2}}\b))", _named),
    rule(rf"\b{MONTH} (?={_CENTURY}(?![0-9]))", lambda m: _month(m[1]) + " "),
    rule(r"(?<=[0-9]:[0-5][0-9])\s?[-–]\s?(?=[0-9]{1,2}:[0-5][0-9])", " to "),
    rule(r"(?<![0-9:.])(1[0-2]|[1-9])\s?[-–]\s?(?=(?:1[0-2]|[1-9])(?::[0-5][0-9])?\s?[AaPp]\.?[Mm]\b)", _hours),
    rule(r"(?<=[0-9 ][AaPp][Mm])\s?[-–]\s?(?=[0-9])|(?<=[AaPp]\.[Mm]\.)\s?[-–]\s?(?=[0-9])", " to "),
    rule(rf"(?<![0-9:])([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?(?:\s?{_HALF_DAY})?(?![0-9:])", _clock),
    rule(rf"(?<![0-9:.])(1[0-2]|[1-9])\s?{_HALF_DAY}", _hour),
    rule(  # but: for 80s and 90s fans
        r"(\b(?:took|takes?|for|after|within|every|wait|lasts?|lasted) [1-9]0)s"
        r"(?!,?\s(?:and|or|to)\s(?:the\s)?'?[1-9]0s)"
        r"(?=[.,;!?]|$|\s(?:to|at|in|and|on|or|before|after|then|until|while|each|for|by)\b)",
        r"\1 seconds",
        flags=re.IGNORECASE,
    ),
    rule(r"(?<![0-9.])([12][0-9]{2}0)['’]?s\b|(?<![0-9.])['’]?([2-9]0)['’]?s\b", _decade),
    rule(
        r"(?<![0-9A-Za-z])['’]([0-9]{2})(?![0-9'\"])",
        lambda m: f"{'oh ' if m[1][0] == '0' else ''}{cardinal(int(m[1]))}",
    ),
    rule(
        rf"(?<![0-9.,]){_CENTURY}\s?[-–]\s?{_CENTURY}(?![0-9]|\.[0-9])",
        lambda m: f"{year(int(m[1]))} to {year(int(m[2]))}",
    ),
)
