"""Words as people type them to each other: lengthened letters (sooooo) and shortenings (thx, b4, r u)."""

from __future__ import annotations

import re
from itertools import groupby, product

from sovits_lab.text.english.lexicon import dictionary
from sovits_lab.text.packages import require
from sovits_lab.text.tables import any_of, pairs
from sovits_lab.text.traced import Rule, rule

Match = re.Match[str]
_WRITTEN = pairs("en_chat.tsv")
# Shortenings that are written with a stop too; it ends no sentence before a small letter or a number.
_STOPPED = "govt|appt|pls|plz|hwy|asst|mgmt|mgr|mtg|yrs|hrs|mins|secs|wks|qty"
_MOST_RUNS = 4
_LENGTHENED = (
    r"(?<![A-Za-z'@.-])(?=[A-Za-z]*([A-Za-z])\1\1)(?![IVXLCMivx]+\b|www\b)[A-Za-z]{3,40}(?![A-Za-z@-]|\.[A-Za-z])"
)


def _frequency(word: str) -> float:
    segmenter = require("wordsegment", "en")
    if not segmenter.UNIGRAMS:
        segmenter.load()
    return float(segmenter.UNIGRAMS.get(word, 0.0))


def _lengthened(m: Match) -> str:
    """The commonest word that a lengthened one may be (goood, sooo); an unknown one keeps two letters of each run.

    Capitals that are no word then are a name (IEEE), which stays.
    """
    runs = [(letter, len(list(group))) for letter, group in groupby(m[0].lower())]
    if sum(count > 2 for _, count in runs) > _MOST_RUNS or len(runs) == 1:
        return m[0]
    spellings = product(*((letter, 2 * letter) if count > 2 else (letter * count,) for letter, count in runs))
    words = [*map("".join, spellings)]
    known = [word for word in words if word in dictionary() and (len(word) > 1 or word in "ai")]
    if m[0].isupper() and not known:
        return m[0]
    chosen = max(known, key=_frequency) if known else words[-1]
    return chosen.upper() if m[0].isupper() else chosen.capitalize() if m[0][0].isupper() else chosen


def _short(m: Match) -> str:
    if m[0] == "2Day":
        return "two Day"  # the name of a delivery
    if (m[0].isupper() and len(m[0]) == 2) or (re.search(r"[0-9]\s$", m.string[: m.start()]) and m[0] == "bc"):
        return m[0]  # 300 BC
    if len(m[0]) == 2 and not re.search("[a-z]{2}", m.string[: m.start()] + m.string[m.end() :]):
        return m[0]  # two letters by themselves are a name; beside English words they are chat (not rn)
    words = _WRITTEN[m[0].lower()]
    return words[0].upper() + words[1:] if m[0][0].isupper() else words


def _alone(m: Match) -> str:
    """The letters u and r as words, but not in a formula or a list of letters."""
    return {"u": "you", "r": "are", "n": "and"}[m[0]]


def _both(m: Match) -> str:
    """AT&T as A T and T."""
    return f"{' '.join(m[1])} and {' '.join(m[2])}"


RULES: tuple[Rule, ...] = (
    rule(r"(?<![A-Za-z])([A-Z]{1,3})&([A-Z]{1,3})(?![A-Za-z])", _both),
    # "yr" is also "your", so that only what stands before says that it is a year
    rule(
        r"(?<=\b(?:[Tt]his|[Ll]ast|[Nn]ext|[Ee]ach|past) )(yr|wk)(?=[\s.,!?;)]|$)"
        r"|(?<=\b[Ee]very )(yr|wk)(?=[\s.,!?;)]|$)",
        lambda m: {"y": "year", "w": "week"}[(m[1] or m[2])[0]],
    ),
    rule(_LENGTHENED, _lengthened),
    rule(rf"(?<![A-Za-z0-9.'@#/_-])((?i:{_STOPPED}))\.(?=\s[a-z0-9]|\s[A-Z]{2})", r"\1"),
    rule(rf"(?<![A-Za-z0-9.'@#/_-])(?i:{any_of(_WRITTEN)})(?![A-Za-z0-9'@/_-]|\.[A-Za-z])", _short),
    rule(r"(?<![A-Za-z0-9])[Cc] u(?= [a-z]{2}|[.?!,]|$)", lambda m: "see you" if m[0][0] == "c" else "See you"),
    rule(r"\b((?:gonna|wanna|(?:want|going|have|has|need|used|supposed|about) to) )b(?= [a-z]{2})", r"\1be"),
    rule(
        r"(?<=[a-z?!,] )(?<!\bof )(?<![Ll]et )[ur](?= [a-z]{2}| [ur]\b)|^[ur](?= [a-z]{2})|(?<= [A-Z] )u(?= [a-z]{2})"
        r"|(?<=[a-z] )u(?=[.?!,]*(?:\s|$))",
        _alone,
    ),
    # rock 'n' roll, fish n' chips; but not John'll
    rule(r"(?<=[a-z])(?:\s['’‘]n['’]\s|['’‘]n['’]|\s['’‘]n\s|\sn['’]\s)(?=[a-z]{3})", " and "),
)
