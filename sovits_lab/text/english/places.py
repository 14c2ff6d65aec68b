"""Parts of a postal address: directions, suites, states, highways."""

from __future__ import annotations

import re

from sovits_lab.text.english.number_names import room
from sovits_lab.text.english.numbers import digits
from sovits_lab.text.tables import any_of, names, pairs
from sovits_lab.text.traced import Rule, rule

Match = re.Match[str]
_STATES = pairs("en_states.tsv")
_STATE = "|".join(_STATES)
_DIRECTIONS = {"N": "North", "S": "South", "E": "East", "W": "West"}
_HALVES = {"NW": "Northwest", "NE": "Northeast", "SW": "Southwest", "SE": "Southeast"}
_WAY = r"(?:St|Ave|Rd|Blvd|Dr|Ln|Ct|Pl|Hwy|Pkwy|Street|Avenue|Road|Boulevard|Drive|Lane|Court|Place|Highway|Way)\b"
_NAMED_WAY = rf"(?:[0-9]+(?:st|nd|rd|th)\b|(?:[A-Z][a-z]+\s){{1,2}}{_WAY})"
# After these a capital letter is a direction, before the others too.
_MOVING = (
    r"\b(?:[Hh]ead(?:s|ed|ing)?|[Gg]o(?:es|ing)?|went|[Dd]riving|drove|[Dd]rive(?=\s[NSEW]\s(?:on|along|toward|past|until)\b)|[Ww]alk(?:s|ed|ing)?|[Tt]urn(?:s|ed|ing)?"
    r"|[Ff]ac(?:e|es|ed|ing)|[Tt]ravel(?:s|ed|ing|led|ling)?|[Rr](?:un|uns|an|unning)|[Cc]ontinu(?:e|es|ed|ing)|[Ff]l(?:y|ies|ew|ying)"
    r"|miles?|mi\.?|kilometers?|km|blocks?|blks?\.?|feet|yards|due|just)"
)
_PART_OF_WORLD = (
    "(?:Koreans?|America|Americans?|Africa|Africans?|Ireland|Carolina|Dakota|Virginia|Asia|Sudan|Yorkshire|Wales"
    "|Side|Coast|End|Wing|Gate|Entrance|Tower|Campus|Village|Shore|Bay|Bank|Pole|Sea|Pacific|Atlantic)"
)
_WAYS = {
    "Ave": "Avenue",
    "Blvd": "Boulevard",
    "Rd": "Road",
    "Ln": "Lane",
    "Ct": "Court",
    "Pl": "Place",
    "Pkwy": "Parkway",
    "Hwy": "Highway",
}
_COUNTED = {
    "Cat": "Category",
    "Lv": "Level",
    "Lvl": "Level",
    "Ep": "Episode",
    "Eps": "Episodes",
    "Sec": "Section",
    "Pt": "Part",
    "Rm": "Room",
    "Apt": "Apartment",
    "Vol": "Volume",
    "Ver": "Version",
    "Fig": "Figure",
    "Art": "Article",
    "Para": "Paragraph",
    "para": "paragraph",
    "paras": "paragraphs",
    "rm": "room",
    "bldg": "building",
    "apt": "apartment",
    "vol": "volume",
    "Tbl": "Table",
    "Prop": "Proposition",
    "Yr": "Year",
    "Wk": "Week",
    "Bk": "Book",
    "Figs": "Figures",
    "Pg": "Page",
    "pg": "page",
    "Ext": "Extension",
    "ext": "extension",
    "Bldg": "Building",
    "Rte": "Route",
    "Fl": "Floor",
    "Sz": "Size",
    "Wt": "Weight",
    "wt": "weight",
    "Ht": "Height",
    "ht": "height",
    "Pop": "Population",
    "pkg": "package",
    "pkgs": "packages",
}
_RANKS = {
    "Adm": "Admiral",
    "Maj": "Major",
    "Cpl": "Corporal",
    "Pvt": "Private",
    "Atty": "Attorney",
    "Supt": "Superintendent",
    "Amb": "Ambassador",
    "Sec": "Secretary",
}
_LATER = {"Cir": "Circle", "Ter": "Terrace", "Bldg": "Building", "pkg": "package", "pkgs": "packages"}
_WORDS = frozenset(names("OK IN OR ME HI OH PA MA LA AL ID DE CO"))
_IN_TOWN = re.compile(
    r"\b(?:in|near|from|of|to|outside|around)\s(?:(?:St|Ft|Mt)\.\s)?(?:[A-Z][a-z]+\s?){1,3},\s$"
    rf"|\b{_WAY}\.?(?:\s[NSEW]\.?)?,\s(?:[A-Z][a-z]+\s?){{1,3}},\s$"
)


def _direction(m: Match) -> str:
    return _DIRECTIONS[m[1]]


def _half(m: Match) -> str:
    return _HALVES[m[0]]


def _state(m: Match) -> str:
    """Chicago, IL 60601 as Illinois and five digits; states that are words as well before a ZIP code or in a town."""
    code = f" {', '.join(map(digits, m[2].split('-')))}" if m[2] else ""
    in_town = _IN_TOWN.search(m.string, 0, m.start()) and not m.string.startswith("?", m.end())
    return _STATES[m[1]] + code if code or m[1] not in _WORDS or in_town else m[0]


def _house(m: Match) -> str:
    """221B Baker Street as two twenty-one B."""
    return f"{m[1]} {room(m).strip()} {m[4]}".strip()


RULES: tuple[Rule, ...] = (
    rule(
        r"(?<![0-9.,$£€#/-])()([1-9][0-9]?)(?!(?<=[1-9]0)00)([0-9]{2})([A-Z]?)(?![0-9])"
        rf"(?=\s(?:(?:[NSEW]\.?|North|South|East|West)\s)?(?:[0-9]+(?:st|nd|rd|th)\b|(?:[A-Z][a-z]+\s){{1,2}}{_WAY}))",
        _house,
    ),
    rule(rf"\b([NSEW])\.?(?=\s{_NAMED_WAY})", _direction),
    rule(rf"(?<=\b)(?:NW|NE|SW|SE)(?=\s(?:[0-9]+(?:st|nd|rd|th)|[A-Z][a-z]+\s{_WAY}))", _half),
    rule(rf"(\b{_WAY}\.?)\s(NW|NE|SW|SE)\b(?!\s[0-9]{{5}})", lambda m: f"{m[1]} {_HALVES[m[2]]}"),
    rule(
        r"(\b(?:Ave|Blvd|Rd|St|Ln|Ct|Pl|Pkwy|Avenue|Boulevard|Road|Street|Lane)\.?)\s([NSEW])\b(?:\.(?=\s[a-z,]))?"
        r"(?=[,;.)]|\s*$|\s(?:and|at|in|near|between|by|is|to|from|until)\b)",
        lambda m: f"{m[1]} {_DIRECTIONS[m[2]]}",
    ),
    rule(r"(?<=[Ww]ind )(?:NW|NE|SW|SE)\b|(?<=[Ww]inds )(?:NW|NE|SW|SE)\b", _half),
    rule(
        r"(\b(?:I-|US-|SR-|(?:Highway|[Hh]wy\.?|Route|Rte\.?|Interstate|Freeway|Exit|US|U\.S\.) )[0-9]{1,3}) ([NSEW])"
        r"(?![A-Za-z0-9'&-])",
        lambda m: f"{m[1]} {_DIRECTIONS[m[2]]}",
    ),
    rule(
        rf"({_MOVING}) ([NSEW])"
        r"(?=\s(?:on|along|towards?|for|from|to|of|at|across|through|past|until|then|in)\b|[,;.!?]|$)",
        lambda m: f"{m[1]} {_DIRECTIONS[m[2]]}",
    ),
    rule(rf"\b([NSEW])\.?\s(?={_PART_OF_WORLD}\b)", lambda m: _DIRECTIONS[m[1]] + " "),
    rule(
        rf"(\b(?:[0-9]+(?:st|nd|rd|th)|[A-Z][a-z]+)) ({'|'.join(_WAYS)})(?=[\s,;!?]|$)",
        lambda m: f"{m[1]} {_WAYS[m[2]]}",
    ),
    rule(rf"\b({any_of(_COUNTED)})(?:\.\s?|\s)(?=[0-9#])", lambda m: _COUNTED[m[1]] + " "),
    rule(rf"\b({any_of(_RANKS)})\.(?=\s[A-Z][a-z])", lambda m: _RANKS[m[1]]),
    rule(rf"(?<=[a-z0-9] )({any_of(_LATER)})\.?(?=[\s,;]|$)(?<=[a-z.])", lambda m: _LATER[m[1]]),
    # a sister by her Christian name; a rank or a post is senior
    rule(
        r"(?<!, )\bSr\.?(?=\s(?:Mary|Maria|Marie|Agnes|Teresa|Theresa|Bernadette|Catherine|Clare|Rose|Joan)\b)",
        "Sister",
    ),
    rule(
        r"\b(Sr|Jr)\.?(?=\s(?:[A-Z][a-z]+\s){0,2}(?:Engineer|Manager|Developer|Director|Analyst|Designer|Associate|Consultant"
        r"|Editor|Partner|VP|Vice|Software|Scientist|Architect|Officer|Accountant|Producer|Specialist|Admin|Year|High)\b)",
        lambda m: {"S": "Senior", "J": "Junior"}[m[1][0]],
    ),
    rule(r"\bPt\.(?=\s[A-Z][a-z])", "Point"),
    rule(r"\b[Ss]ecs\b(?<=[0-9] secs)", "seconds"),
    rule(r"\bS([0-9]{1,2})\s?E([0-9]{1,3})\b", lambda m: f"season {int(m[1])} episode {int(m[2])}"),
    rule(r"(?<![A-Za-z])(?:c/o|C/O)(?![A-Za-z])", "care of"),
    rule(r"(?<![A-Za-z])b/c(?![A-Za-z])", "because"),
    rule(r"(?<![A-Za-z])b/w(?= (?:the|my|our|us|you|them|two|[0-9]))", "between"),
    rule(r"(?<![A-Za-z])[Bb]/[Ww](?![A-Za-z])", "black and white"),
    rule(r"(?<![0-9/])([0-9]{1,2})/([0-9]{1,2})c\b", r"\1, \2 Central"),
    rule(r"\b[Ee]a\.(?=\s[a-z]|[,;])", "each"),
    rule(r"\(([DRI])-([A-Z]{2})\)", lambda m: f", {m[1]}, {_STATES.get(m[2], m[2])},"),
    rule(r"\bApp\.(?=\s[A-Z0-9]\b)", "Appendix"),
    rule(r"(?<![A-Za-z])(lg|sm|med)\.(?=\s[a-z])", lambda m: {"l": "large", "s": "small", "m": "medium"}[m[1][0]]),
    rule(
        r"(?<![A-Za-z0-9-])(?!M-W-F(?![A-Za-z0-9-]))[A-Z](?:-[A-Z]){2,}(?![A-Za-z0-9-])",
        lambda m: m[0].replace("-", " "),
    ),  # K-A-T-E
    rule(r"\bFr\.(?=\s[A-Z][a-z])", "Father"),
    rule(r"\bch\.\s?(?=[0-9])", "chapter "),
    rule(r"\bSte\.?(?=\s#?[0-9])", "Suite"),
    rule(r"(?<=\bP)\.\s?O\.?(?=\s[Bb]ox)", " O"),
    rule(rf"(?<=[a-z], )({_STATE})(?:\s+([0-9]{{5}}(?:-[0-9]{{4}})?)(?![0-9])|(?=[.,;!?]|\s*$))(?!\.[A-Z])", _state),
)
