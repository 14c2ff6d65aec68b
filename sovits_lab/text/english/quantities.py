"""Numbers with what belongs to them: units, fractions, ratings, signs, ranges."""

from __future__ import annotations

import re

from sovits_lab.text.english.money import CODES
from sovits_lab.text.english.money import RULES as MONEY
from sovits_lab.text.english.number_names import (
    CALLED,
    GROUPED_CODE,
    LONG_CODE,
    NUMBERED,
    PLATE,
    TELEPHONE,
    airliner,
    code,
    lettered,
    long_code,
    model,
    resolution,
    room,
    telephone,
    version,
)
from sovits_lab.text.english.numbers import cardinal, digits, ordinal, whole, year
from sovits_lab.text.english.rates import RULES as RATES
from sovits_lab.text.english.romans import RULES as ROMANS
from sovits_lab.text.english.shares import beside, fraction, mixed, part_of, parts
from sovits_lab.text.english.units import UNITS, kept_stop, number, unit_name
from sovits_lab.text.tables import any_of, names
from sovits_lab.text.traced import Rule, rule

Match = re.Match[str]
_BARE = any_of(names("km/h m/s mph kph km kg cm mm lbs"))
_UNIT = any_of(UNITS) + "(?![A-Za-z0-9])"
_N = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?"
_ALONE = r"(?<![0-9.,/])(?<![A-Za-z])"
_SHORT_SCALES = {"k": "thousand", "K": "thousand", "M": "million", "m": "million", "B": "billion", "bn": "billion"}
_VULGAR = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8"}
_BLOOD = re.compile(r"\b(?:blood|donors?|donates?|donated|transfusions?|Rh)\b", re.IGNORECASE)
_RAN = re.compile(
    r"\b(?:run|ran|running|runs|race|raced|jog|jogged|walk|walked|finish|finished|did|doing|entered"
    r"|train(?:ing|ed)? for|up for)"
    r" (?:an?|the|my|his|her|our|their|that|this|every|another) (?:[a-z]+ )?$"
)
_LONE = (
    "(?:wide|tall|high|long|deep|thick|apart|away|of|and|in|by|x|or|to|from|is|are|was|on|for|per|at|with|above"
    "|below)\\b"
)
_QUOTED = 200  # characters before a number in which a quotation may have begun
_IS_QUOTED = re.compile(r"(?:^|(?<=[\s(]))\"(?=[A-Za-z])[^\"]*$")
# "in" is an inch where nothing but a thing of wood or metal or its side can follow: 3/4 in plywood, but 1/3 in the UK.
_INCH = (
    r"in(?=\.?(?:$|[,;!?-]|\s*(?:$|(?:wide|tall|high|long|deep|thick|apart|away|of|from|and|or|by|x|bolt|drill|bit|hole|gap|plywood"
    r"|board|screw|nail|pipe|hose|rod|socket|seam|margin|layer|slice|piece|cube|strip|thickness)s?\b))|\.\s)"
)
_MEASURED = (
    rf"cup|cups|teaspoons?|tablespoons?|tsp|tbsp|pounds?|lbs?|ounces?|oz|inch|inches|{_INCH}|miles?|mi|hours?"
    "|hrs?|minutes?|pints?"
    "|quarts?|gallons?|gal|liters?|litres?|meters?|metres?|feet|foot|ft|yards?|yd|acres?|days?|weeks?"
    "|months?|years?|dozen"
    "|kg|g|km|cm|mm|m|stick|sticks|bottle|can|bag|slice|teaspoonful|onion|lemon|avocado|apple|pizza"
)
_COUNTED = re.compile(
    r"\s+of (?:them|us|these|those)\b"
    r"|\s+(?!(?:was|is|has|does|as|us|this|its|his|across|always|perhaps|plus|versus|times)\b)[a-z]+s\b"
)
_YEAR_BEFORE = re.compile(
    r"(?:\b(?:in|since|of|by|from|until|till|before|after|during|the|year|to|and|around|circa|early|late|mid|for|summer"
    r"|winter|spring|fall|autumn|january|february|march|april|may|june|july|august|september|october|november|december)"
    r"|,|\()\s*$",
    re.IGNORECASE,
)


_NUMBERED = re.compile(
    r"\b(?:cards?|accounts?|numbers?|phone|visa|mastercard|amex|acct|ssn|debit|credit|iban|code|serial)\b",
    re.IGNORECASE,
)


def _any_number(m: Match) -> str:
    """A year where it can be one, unless things are counted: 1842 votes."""
    counted = _COUNTED.match(m.string, m.end()) and not _YEAR_BEFORE.search(m.string, 0, m.start())
    dated = re.fullmatch("10[1-9][0-9]", m[0]) and _YEAR_BEFORE.search(m.string, 0, m.start())
    if dated or (re.fullmatch("1[1-9][0-9]{2}|20[1-9][0-9]", m[0]) and not counted):
        return f" {year(int(m[0]))} "
    return f" {number(m[0])} "


def _last_four(m: Match) -> str:
    """The end of a card's number; 2025 is a year, unless a card or an account is spoken of."""
    may_be_year = re.fullmatch("19[0-9]{2}|20[0-4][0-9]", m[2])
    return m[0] if may_be_year and not _NUMBERED.search(m.string, 0, m.start()) else code(m)


def _measure(m: Match) -> str:
    return f"{number(m[1])} {unit_name(m[1], UNITS[m[2]], m)}{kept_stop(m, 3)} "


def _per_unit(m: Match) -> str:
    """27.4 kg/m² -> kilograms per square meter."""
    return f"{number(m[1])} {unit_name(m[1], UNITS[m[2]])} per {UNITS[m[3]]} "


def _thousands(m: Match) -> str:
    """1.000.000 as in much of Europe; four numbers of one byte are an address."""
    groups = m[1].split(".")
    return m[1] if len(groups) == 4 and all(int(group) < 256 for group in groups) else ",".join(groups)


def _power(m: Match) -> str:
    """10⁻³ -> to the power of minus three."""
    exponent = m[2].translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789"))
    return f" to the power of {'minus ' if m[1] == '⁻' else ''}{cardinal(int(exponent))} "


def _times(m: Match) -> str:
    """3x a day."""
    return {"1": "once", "2": "twice"}.get(m[1]) or f"{number(m[1])} times"


def _side(m: Match) -> str:
    """48"W x 16"D -> forty-eight inches wide by sixteen inches deep."""
    name = {"W": "wide", "D": "deep", "H": "high", "L": "long"}[m[2]]
    return f"{number(m[1])} inches {name}" + (" by " if m[3] else "")


def _bare(m: Match) -> str:
    """A few km, per kg: a unit without a number."""
    return (m[1] or "") + unit_name("1" if m[1] else "2", UNITS[m[2]])


def _inches(m: Match) -> str:
    """55" TV is fifty-five inch; 9 in tall is nine inches."""
    if m[0].endswith('"') and _IS_QUOTED.search(m.string, max(0, m.start() - _QUOTED), m.start()):
        return m[0]  # the mark closes what was quoted: "I am 25"
    if m[0].endswith('"') and re.search(r'(?:^|[\s(])"$', m.string[: m.start()]):
        return m[0]  # a title: "1984"
    alone = re.match(rf"\s+(?!{_LONE}|[a-z]+(?:ed|ing)\b)[a-zA-Z]", m.string[m.end() :]) is None
    name = "inches" if alone and m[1] != "1" else "inch"
    return f"{number(m[1])} {name}"


def _feet_and_inches(m: Match) -> str:
    """5ft 11in as five feet eleven inches."""
    return f"{number(m[1])} {unit_name(m[1], 'foot', m)} {number(m[2])} {unit_name(m[2], 'inch', m)}"


def _one_side(m: Match) -> str:
    """4 ft x 8 ft: four foot by."""
    return f"{number(m[1])} {unit_name('1', {'in': 'inch'}.get(m[2], UNITS.get(m[2], '')))} by "


def _span_of_measures(m: Match) -> str:
    """5kg-10kg, 20°C-25°C, 4%-5%: the unit is said twice, as it is written."""
    name = " percent" if m[2] == "%" else " " + unit_name(m[1], UNITS[m[2]])
    return f"{number(m[1])}{name} to "


def _size(m: Match) -> str:
    """12 x 8 in, 5x7 ft, 10 x 20 x 30 cm."""
    parts = re.findall(_N, m[1])
    unit = m[2]
    named = {"in": "inch", '"': "inch", "'": "foot"}.get(unit, UNITS.get(unit, "")) if unit else ""
    words = " by ".join(number(part) for part in parts)
    describes = re.match(rf"\s+(?!{_LONE})[a-z]", m.string[m.end() :]) is not None
    return f"{words} {unit_name('1' if describes else '2', named)}{kept_stop(m, 3)} " if named else words + " "


def _scaled(m: Match) -> str:
    """3.5M views -> three point five million views; 4K TV stays four K."""
    large = m[2] in ("B", "K", "M", "bn") or m[2] in "km"
    after = m.string[m.end() :]
    if m[2] == "B" and "." not in m[1] and not _COUNTED.match(after):
        large = False
    if m[2] == "m" and not _COUNTED.match(after):
        large = False
    if m[2] in "kK" and m[1] in ("5", "10") and _RAN.search(m.string, 0, m.start()):
        large = False
    if m[2] in "kK" and re.match(
        r"\s+(?:race|run|starts?|begins?|route|course|tv|video|resolution|screen|display|monitor|camera|footage)",
        after,
        re.IGNORECASE,
    ):
        large = False
    if m[2] == "K" and m[1] in ("2", "4", "8") and not _COUNTED.match(after) and not re.match(r"\s*(?:to|[-–])", after):
        large = False
    return f"{number(m[1])} {_SHORT_SCALES[m[2]]}" if large else m[0]


def _blood(m: Match) -> str:
    """O- -> O negative where blood is spoken of."""
    if not _BLOOD.search(m.string):
        return m[0]
    return f"{' '.join(m[1])} {'positive' if m[2] == '+' else 'negative'}"


def _to(m: Match) -> str:
    return number(m[1]) + " to "


_COMPARED = {"y": "year over year", "q": "quarter over quarter", "m": "month over month"}
RULES: tuple[Rule, ...] = (
    rule(
        r"(?<![0-9.,])([0-9]{1,3}(?:\.[0-9]{3})+),([0-9]{1,2})(?![0-9])", lambda m: f"{m[1].replace('.', ',')}.{m[2]}"
    ),
    rule(r"(?<![0-9.,])([0-9]{1,3}(?:\.[0-9]{3}){2,})(?![0-9.])", _thousands),
    rule(rf"(?<![0-9.,])([0-9]+),([0-9]{{1,2}})(?=\s?(?:{_UNIT}|%))", r"\1.\2"),
    rule(r"\bN[º°]\.?\s?(?=[0-9])", "number "),
    rule("([0-9]?)([½⅓⅔¼¾⅛⅜⅝⅞])", lambda m: (m[1] + " " if m[1] else "") + _VULGAR[m[2]]),
    rule(rf"(?:^|(?<=[\s(=<>,]))[-−](?={_N})", " minus "),
    # in <5 minutes, but p < 0.05
    rule(rf"(?<=[a-z]{{2}} )([<>])(?=[$£€]?{_N})", lambda m: "less than " if m[1] == "<" else "more than "),
    rule(r"(?<![A-Za-z0-9])(AB|A|B|O)\s?([-−+])(?![0-9A-Za-z+-])", _blood),
    rule(r"(?<=[0-9])\s?[x×X*·]\s?(?=10\s?[\^⁻⁰¹²³⁴-⁹])", " times "),
    # CVE-2023-4863: a number of a year
    rule(r"\b([A-Z]{2,5})-([12][0-9]{3})-([0-9]{3,6})\b", lambda m: f"{m[1]} {m[2]}, {digits(m[3])}"),
    # Table 3-1; Tables 3-1 would be a range
    rule(
        r"(\b(?:Table|Figure|Fig\.?|Equation|Eq\.?|Exhibit|Exercise|Problem|Listing|Plate|Locker|Gate|Unit)"
        r" [0-9]{1,3})-(?=[0-9]{1,3}(?![0-9-]))",
        r"\1 dash ",
    ),
    # seats 14A-14C, cells B2-B10
    rule(
        r"(?<![A-Za-z0-9-])([0-9]{1,3}[A-Z]|([A-Z])[0-9]{1,3})\s?[-–]\s?"
        r"(?=(?:[0-9]{1,3}[A-Z]|\2[0-9]{1,3})(?![A-Za-z0-9-]))",
        r"\1 to ",
    ),
    rule(r"(?<=[0-9])a(?![A-Za-z0-9'’.])", "A"),  # 2a: the letter, not the article
    rule(r"(?<![A-Za-z0-9])[$]{2,}(?![0-9$])", "money"),
    rule(r"(?:^|(?<=[\s(]))~\s?(?=[$£€¥₹]?\s?[0-9])", "about "),
    rule(r"(?:^|(?<=[^0-9kKMBn]\s)|(?<=\())[-−](?=[$£€¥₹]\s?[0-9])", "minus "),
    *MONEY,
    rule(r"(?<=[0-9%])\s?[-–]\s?(?=(?:present|now)\b)", " to ", flags=re.IGNORECASE),
    rule(r"(?<![A-Za-z])([yqm])/\1(?![A-Za-z])", lambda m: _COMPARED[m[1]]),
    *RATES,
    rule(
        rf"{_ALONE}([0-9]+)[xX](?=\s?(?:(?:a|per|each|every)\s(?:day|week|month|year|night|hour)|/\s?(?:day|week|month)|daily|weekly)\b)",
        _times,
    ),
    rule(r"(\bISBN(?:-1[03])?:?\s)([0-9]+(?:[- ][0-9]+)*)", code),
    rule(r"(?<=[a-z])-A(?![A-Za-z0-9'’-])", " A"),  # Type-A: the letter, not the article
    rule(r"(?<=A3[0-9]0)neo(?![A-Za-z])", " neo"),
    # cells of a table: SUM(B2:B10)
    rule(r"(?<![A-Za-z0-9])([A-Z]{1,2}[0-9]{1,4}):(?=[A-Z]{1,2}[0-9]{1,4}(?![A-Za-z0-9]))", r"\1 to "),
    rule(LONG_CODE, long_code),
    rule(GROUPED_CODE, long_code),
    rule(PLATE, long_code),
    rule(NUMBERED, code),
    rule(r"(?<![A-Za-z0-9-])([A-Z]{1,3})-([1-9][0-9]{3})(?=[A-Z]{0,2}(?![A-Za-z0-9-]))", model),
    rule(r"(?<![A-Za-z0-9-])([A-Z]{1,3}-)([0-9]{5,8})(?![A-Za-z0-9-])", code),
    rule(r"(?<=\bNYC )()([0-9]{5})(?![0-9])", code),
    rule(r"(?<=[0-9]) Ti(?![A-Za-z])", " T I"),
    rule(
        r"(\b(?:[Oo]rder|ID|[Aa]cct|[Aa]ccount|[Cc]ase|[Tt]icket|[Rr]ef|[Cc]onf|[Tt]racking|[Mm]ember|[Ii]nvoice|[Cc]onfirmation|[Cc]laim"
        r"|[Pp]olicy))\s?#:?\s?([0-9]{5,})(?![0-9.,])",
        lambda m: code(m).replace(m[1], m[1] + " number ", 1),
    ),
    rule(
        r"(\b(?:ID|[Nn]umber|[Cc]ode|[Aa]ccount|[Aa]cct|[Cc]ard|[Cc]onf|IBAN|VIN)(?: is|:)? )"
        r"([1-9][0-9]{1,4}(?: [0-9]{2,5}){1,5})(?![0-9]|[.,][0-9])",
        code,
    ),
    rule(TELEPHONE, telephone),
    rule(
        r"((?:ending|ends) in )([0-9]{4})(?![0-9]|[.,][0-9]|\s?%"
        r"|\s(?!(?:is|was|has|as|expires|does|needs)\b)[a-z]+s\b)",
        _last_four,
    ),
    rule(r"(?<![0-9.])([1-9])x([1-9])s(?![A-Za-z])", lambda m: f"{cardinal(int(m[1]))} by {cardinal(int(m[2]))}s"),
    rule(r"(?<=\bS and P )500(?![0-9.,])|(?<=\bS&P )500(?![0-9.,])", "five hundred"),
    rule(
        r"(\b(?:[Rr]oom|[Ss]uite|Unit|Highway|Hwy|Route|Interstate|[Ee]rror|HTTP|Flight|Apartment|Channel|CS"
        r"|Levi's|Peugeot|Porsche|Airbus|[A-Z][a-z]+ (?=101\b)) ?)"
        r"([1-9][0-9]?)([0-9]{2})(?![0-9]|[.,][0-9])",
        room,
    ),
    rule(r"(\b)([1-5])(0[0-9])(?= (?:error|status|response|[Nn]ot [Ff]ound)\b)", room),
    # the numbers of forms are names: form 1099
    rule(r"(\b[Ff]orms? )([1-9][0-9]{3})(?![0-9]|[.,][0-9])", lambda m: m[1] + year(int(m[2]))),
    rule(r"((?<![A-Za-z0-9])[A-Z]{1,3})-?([1-9])([0-9]{2})(s?)(?![A-Za-z0-9%°]|[.,:/-][0-9])", lettered),
    rule(CALLED + r"([0-9]{3,8}(?:-[0-9]{3,4})?)(?![0-9]|[.,][0-9]|\s?%|[ ][a-z]+s\b)", code),
    rule(r"(?<![0-9.,])911(?![0-9.,])", "nine one one"),
    rule(
        r"(?<=Boeing )(7)([0-9]7)(?![0-9]|[.,][0-9])"
        r"|(?<![0-9.,-])(7)([0-9]7)(?=-[0-9]{1,3}(?:ER|LR|F)?(?![0-9-])|\sMAX\b)",
        airliner,
    ),
    rule(r"(?<=\bseven [a-z]{6}-seven)-(?=[1-9])|(?<=\bseven [a-z]{5}-seven)-(?=[1-9])", " "),
    rule(r"(?<![0-9.])([1-9])\s?BR(?![A-Za-z])", lambda m: f"{cardinal(int(m[1]))} bedroom "),
    rule(r"(?<![0-9.])([1-9](?:\.5)?)\s?BA(?![A-Za-z0-9])", lambda m: f"{number(m[1])} bath "),
    rule(r"[0-9]+(?:\.[0-9]+){2,}", version),
    rule(rf"({_N})[\"″]\s?([WDHL])(?![A-Za-z])(\s?[x×X]\s?(?=[0-9]))?", _side),
    rule(
        r"(\b(?:took|takes?|for|after|within|every|about|wait|only|just|lasts?|lasted) )([0-9]+)\s?s(?![A-Za-z0-9'])",
        lambda m: f"{m[1]}{number(m[2])} {unit_name(m[2], 'second')}",
    ),
    rule(r"(?<=[0-9])\s?[yY]/?[oO](?![A-Za-z0-9])", " years old"),
    rule(r"(?<=-)([0-9]+)s\b(?<=[a-z]-[0-9]s)", lambda m: f"{cardinal(int(m[1]))}s"),
    rule(r"(?<![0-9.,])([2-9]0|[1-9][1-9])ers\b", lambda m: f"{cardinal(int(m[1]))}ers".replace("eers", "ers")),
    rule(
        rf"(?<![A-Za-z])((?!(?:IN|OF|TO|AT|BY|ON|MR|OR|AND|FOR|ISO|BC|AD|CE|US|HK|NT|{'|'.join(CODES)})\b)[A-Z]{{2,4}})"
        r" ([1-9][1-9][0-9]{2}|[1-9]0[1-9][0-9])(?![0-9]|[.,][0-9]|\s?[%°])",
        model,
    ),
    rule(r"(?<![0-9])([3-7])['′]([0-9]|1[01])(?![0-9'\"″])", lambda m: f"{m[1]}'{m[2]}\""),
    rule(r"(?<![0-9.])([0-9]{1,2})\s?ft\.?\s?([0-9]{1,2})\s?in\b\.?", _feet_and_inches),
    rule(r"([0-9])['′]\s?([0-9]{1,2})(?:\"|''|″)", lambda m: f"{cardinal(int(m[1]))} foot {cardinal(int(m[2]))}"),
    rule(rf"{_ALONE}({_N})\s?(in|{any_of(UNITS)})\.?\s?[x×X]\s?(?={_N}\s?\2(?![A-Za-z]))", _one_side),
    rule(rf"{_ALONE}({_N})\s?({any_of(UNITS)}|%)\s?[-–]\s?(?={_N}\s?\2(?![A-Za-z]))", _span_of_measures),
    rule(
        rf"{_ALONE}((?:{_N}\s?[\"']?\s?[x×X]\s?)+{_N})(?!\s?=)(?:\s?(in|\"|'|{_UNIT})(?![A-Za-z0-9])(\.(?=\s|$))?)?(?!\s?[=0-9])",
        _size,
    ),
    rule(rf"{_ALONE}({_N})\s?[-–]\s?(?={_N}[\"″])", _to),
    rule(
        rf"{_ALONE}({_N})(?:\"|″|[-\s]?in\.(?=\s[a-z])|\sin(?=\s*(?:$|[.,;!?]|(?:wide|tall|long|high|deep|thick)\b)))",
        _inches,
    ),
    rule(
        rf"{_ALONE}({_N})['′](?=\s|[.,;!?]|$)",
        lambda m: f"{number(m[1])} {'foot' if m[1] == '1' else 'feet'}",
    ),
    rule(rf"{_ALONE}({_N})\s?[-–]\s?(?={_N}\s?{_UNIT})", _to),
    rule(rf"{_ALONE}({_N})\s+([0-9]{{1,3}})/([0-9]{{1,3}})(?![0-9/])(?:[\s-]?({_UNIT}|in(?=\.))(\.(?=\s|$))?)?", mixed),
    rule(rf"{_ALONE}([0-9]{{1,3}})/([0-9]{{1,3}})[\"″]", lambda m: f"{parts(m[1], m[2])} inch"),
    rule(rf"{_ALONE}({_N})-({_UNIT})\.?(?=\s[a-z])", lambda m: f"{number(m[1])} {UNITS[m[2]]}"),
    rule(rf"{_ALONE}([0-9]{{1,3}})/([0-9]{{1,3}})(?:\s|-)({_MEASURED})\b(\.(?=\s|$))?(?!\s*/)", part_of),
    rule(rf"{_ALONE}({_N})\s?({any_of(UNITS)})/({_UNIT})", _per_unit),
    rule(rf"{_ALONE}({_N})\s?({_UNIT})(\.(?=\s|$|,))?", _measure),
    rule(r"(?<=[0-9])\s?mmHg\b", " millimeters of mercury"),
    rule(rf"{_ALONE}({_N})\s?[-–]\s?(?={_N}\s?%)", _to),
    rule(r"(?<=[0-9])\s?%", " percent"),
    rule(rf"{_ALONE}({_N})\s?[/÷]\s?(?={_N}\s?=)", lambda m: f"{number(m[1])} divided by "),
    rule(
        rf"{_ALONE}({_N})[xX](?=\s(?:faster|slower|more|bigger|larger|smaller|cheaper|better|higher|longer|stronger|less|as)\b)",
        lambda m: f"{number(m[1])} times",
    ),
    rule(r"(?<![0-9/.])[0-9]{1,2}/[0-9]{1,2}(?![0-9/])", beside),
    rule(r"(?<![0-9\-.])(50|20)-\1(?![0-9\-]|\.[0-9])", lambda m: f"{cardinal(int(m[1]))} {cardinal(int(m[1]))}"),
    rule(
        rf"{_ALONE}([0-9]+\.[0-9]+)\s?/\s?(10|100|[2-9])(?![0-9/])", lambda m: f"{number(m[1])} out of {number(m[2])}"
    ),
    rule(r"(?<![0-9/.])([0-9]{1,3})\s?/\s?([0-9]{1,3})(?![0-9/])", fraction),
    rule(r"(?<![A-Za-z0-9])(2160|1440|1080|720|480|360)p(?![A-Za-z0-9])", resolution),
    rule(rf"{_ALONE}({_N})\s?[-–]\s?(?={_N}\s?[kK](?![A-Za-z0-9]))", _to),
    rule(rf"{_ALONE}({_N})\s?(bn|[kKMB]|m(?=\s[a-z]))(?![A-Za-z0-9])", _scaled),
    rule(r"(?<=[A-Z])[1-9][0-9]{3}(?![0-9.])", lambda m: f" {year(int(m[0]))}"),
    rule(r"\b([A-G])#", r"\1 sharp"),
    rule(r"(?<![A-Za-z])([A-D])-(?=[\s.,!?;。，！？；、]|$)(?!\s-)", r"\1 minus"),
    rule(r"\b([A-Z])\+\+", r"\1 plus plus"),
    rule(r"(?<![0-9.])([0-9]+)(?:st|nd|rd|th)\b", lambda m: ordinal(int(m[1])) if len(m[1]) < 15 else whole(m[1])),
    rule(r"(?<![0-9.:])([0-9]{1,3}):([0-9]{1,2})(?![0-9:])", lambda m: f"{number(m[1])} to {number(m[2])}"),
    rule(rf"{_ALONE}({_N})\s?[-–]\s?(?={_N}(?![0-9\-]|\.[0-9]))(?!.{{0,12}}=)", _to),
    *ROMANS,
    rule(rf"(?<=[0-9A-Za-z)])\s[-−]\s(?={_N})", " minus "),
    rule(r"(?<=[0-9])\s?[xX]\s?(?=[0-9])|(?<=[0-9])\s?\*\s?(?=[0-9])", " times "),
    rule(r"(?<=[A-Za-z0-9)])(?![²³](?![⁰¹²³⁴-⁹]))([⁻⁺]?)([⁰¹²³⁴-⁹]+)", _power),
    rule(r"(?<=[A-Za-z0-9)])²", " squared "),
    rule(r"(?<=[A-Za-z0-9)])³", " cubed "),
    rule(
        rf"(\b(?:[Pp]er|[Aa]n?|[Ee]ach|[Ee]very) |(?<=[a-z] ))(?<![A-Za-z0-9/.#@'])({_BARE})(?![A-Za-z0-9/.'-])", _bare
    ),
    rule(r"#\s?(?=[0-9]|[A-Z]{1,3}-?[0-9])", " number "),
    rule(r"#(?=[A-Za-z])", " hashtag "),
    rule(r"(?<![A-Za-z])([a-z])/([a-z])(?![A-Za-z])", lambda m: f"{m[1].upper()} slash {m[2].upper()}"),
    rule(r"(?<=[A-Za-z])/(?=[A-Za-z])", " slash "),
    rule(r"[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])(?:\.[0-9]+)?", lambda m: f" {number(m[0])} "),
    rule(r"[0-9]+\.[0-9]+|(?<![0-9A-Za-z])\.[0-9]+", lambda m: f" {number(m[0])} "),
    rule(r"[0-9]+", _any_number),
)
