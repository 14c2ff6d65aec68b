"""Abbreviations as words, and whether the stop after one also ends the sentence."""

from __future__ import annotations

import re

from sovits_lab.text.tables import any_of, names, pairs
from sovits_lab.text.traced import Rule, rule

Match = re.Match[str]
_WRITTEN = pairs("en_abbreviations.tsv")
_SHORT = {short.capitalize(): words.capitalize() for short, words in _WRITTEN.items() if short[0].islower()} | _WRITTEN
# A title, a place, a reference: what it stands before belongs to the same sentence.
_LEANING = frozenset(
    names(
        "Mr. Mrs. Ms. Prof. Rev. Gen. Capt. Lt. Sgt. Col. Gov. Sen. Rep. Hon. Mt. Ft. vs. approx. e.g. i.e. "
        "Fig. Figs. fig. figs. pg. "
        "Eq. Vol. vol. Ch. pp. Pres. Supt. Cmdr. cf. ca. Dept. dept. Messrs."
    )
)
_BEGINNING = (
    "He|She|It|They|We|I|You|The|A|An|This|That|These|Those|There|Here|My|Your|His|Her|Its|Our|Their|In"
    "|On|At|By|But|And"
    "|So|Or|If|When|While|After|Before|Since|Until|Because|Although|Though|However|What|Who|Why|How|Where|Which|Please"
    "|Then|Now|Yes|No|Not|As|For|From|With|Without|Some|Many|Most|All|Both|Each|Every|Everyone"
    "|Everything|Nobody|Nothing"
    "|Do|Does|Did|Is|Are|Was|Were|Will|Would|Can|Could|Should|Have|Has|Had|Let|Let's|It's|He's|She's|That's|There's"
    "|I'm|I'll|I've|We're|We'll|We've|You're|They're|Don't|Didn't|Isn't|Maybe|Perhaps|Also|Later|Next|Today|Tomorrow"
    "|Yesterday|Tonight|Meanwhile|Sadly|Luckily|Finally|Once|Only|Even|Just|One|Two|Another|Other|Others|Anyone"
    "|Bring|Take|Call|Come|Go|Give|Make|Ask|Use|Tell|Send|Turn|Look|See|Try|Get|Keep|Check|Wait|Stop|Add|Read|Write"
    "|Visit|Buy|Thanks|Thank|Remember|Meet|Park|Walk|Knock|Ring|Leave|Stay|Start|Enjoy|Pick|Put|Press"
    "|Hurry|Sorry|OK|Okay|Reply|Text|Click|Tap|Join|Scan|Show"
)
_NEW_SENTENCE = re.compile(rf"[\"'”’)]*\s+[\"'“‘(]?(?:{_BEGINNING})(?![A-Za-z])")
_ANY_CAPITAL = re.compile(r"[\"'”’)]*\s+[\"'“‘(]?[A-Z][a-z']")
_TIME_GOES_ON = re.compile(
    r"\s+(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|\s+(?:Eastern|Pacific|Central|Mountain|Greenwich)|\s+(?:January|"
    r"February|March|April|May|June|July|August|September|October|November|December)"
)
_SAINTLY = "Mount|Mt|Fort|Lake|Port|Cape|Sault|Ste|Bay|Isle|Old|New"
_NAME = r"[A-Z][a-z'’]+"
_PLACES = "North|South|East|West|Apt|Suite|Unit"  # after a street


def ends_sentence(text: str, end: int, after_time: bool = False) -> bool:
    """Return True when the stop of an abbreviation that ends before character `end` is a full stop as well."""
    rest = text[end:]
    if not rest.strip(" \t\n\"'”’)"):
        return True
    if after_time:
        return bool(_ANY_CAPITAL.match(rest)) and not _TIME_GOES_ON.match(rest)
    return bool(_NEW_SENTENCE.match(rest))


def _stop(m: Match) -> str:
    return "." if ends_sentence(m.string, m.end()) else ""


def _dotted(m: Match) -> str:
    if re.fullmatch(r"(?i)[ap]\.m\.", m[0]) and re.search(r"[0-9]\s?$", m.string[: m.start()]):
        return m[0]  # the clock rules say it
    return " ".join(m[0].replace(".", "").upper()) + _stop(m)


def _short(m: Match) -> str:
    words = _SHORT[m[0]]
    if m[0] == "Sun." and m.string[: m.start()].lower().endswith("the "):  # the star
        return m[0]
    if m[0] in _LEANING or m[0][0].lower() + m[0][1:] in _LEANING:
        return words + ("" if m.string[m.end() :].strip() else ".")
    if m[0] == "etc.":
        return words + ("." if ends_sentence(m.string, m.end()) or _ANY_CAPITAL.match(m.string, m.end()) else "")
    return words + _stop(m)


def _after_name(m: Match) -> bool:
    """True when a name stands before: Elm St., 5th St.; the first word of a sentence may be any word."""
    before = re.split(r"[.!?]\s", m.string[: m.start()])[-1].split()
    if not before or before[-1].endswith((",", ";")) or re.fullmatch(_SAINTLY, before[-1]):
        return False
    is_number = bool(re.match("[0-9]", before[-1]))
    alone = len(before) == 1 and re.match(rf"\s+(?!(?:{_BEGINNING})\b){_NAME}", m.string[m.end() :])
    return is_number or (before[-1][0].isupper() and not alone)


def _street(short: str, name: str, title: str) -> Rule:
    """A street after its name (Elm St., Oak Dr), else a saint or a doctor before one."""

    def spoken(m: Match) -> str:
        rest = m.string[m.end() :]
        before_name = re.match(rf"\s+(?!(?:{_BEGINNING}|{_PLACES})\b){_NAME}", rest)
        if _after_name(m) and not (before_name and short == "Dr"):
            return name + (_stop(m) if m[0].endswith(".") else "")
        somebody = before_name or (short == "Dr" and re.match(rf"\s+(?!(?:{_PLACES})\b){_NAME}", rest))  # Dr Who, Dr No
        return title if somebody or m[0].endswith(".") else m[0]

    return rule(rf"\b{short}\b\.?", spoken)


RULES: tuple[Rule, ...] = (
    rule(rf"\b({_SAINTLY})\s+St\.?(?=\s+{_NAME})", r"\1 Saint"),
    _street("St", "Street", "Saint"),
    _street("Dr", "Drive", "Doctor"),
    rule(r"\b(Mr|Mrs|Ms|Prof)(?=\s+[A-Z])(?!\.)", lambda m: _SHORT[m[1] + "."]),
    rule(r"\b[Nn]o\.\s?(?=[0-9])", "number "),
    rule(r"\b[Nn]os\.\s?(?=[0-9])", "numbers "),
    rule(
        r"(?<=\b)(Passport|Tel|Phone|Order|Invoice|Ref|Account|Room|Flight|ID"
        r"|Serial|Part|Model|Policy|Case|Fax|Mobile|Contact|Reg) No\.(?!\s?[0-9])",
        r"\1 Number",
    ),
    rule(r"\b([Cc])hs\.\s?(?=[0-9])", r"\1hapters "),
    rule(r"\bp\.\s?(?=[0-9])", "page "),
    rule(r"(?<![A-Za-z0-9])[Ww]/o(?![A-Za-z])", "without"),
    rule(r"(?<![A-Za-z0-9])[Ww]/(?=\s|[a-z])", "with "),
    rule(r"\b[Aa]nd/or\b", "and or"),
    rule(
        r"(?<![A-Za-z\\])" + any_of(_SHORT) + r"(?<![A-Za-z])(?![0-9])|(?<![A-Za-z])(?:WWII?|Gov't|int'l)(?![A-Za-z])",
        _short,
    ),
    rule(r"\bvs\b(?!\.)", "versus"),
    rule(r"(?<!/)\betc\b(?![./])", "et cetera"),
    rule(r"(?<![A-Za-z])(?:[A-Za-z]\.){2,}", _dotted),
)
