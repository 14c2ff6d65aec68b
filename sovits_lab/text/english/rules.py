"""English numbers, dates, money, abbreviations, addresses and signs as words; the first rule that fits wins."""

from __future__ import annotations

import re
import unicodedata

from sovits_lab.text.chemistry import FORMULA, letters_apart
from sovits_lab.text.english import abbreviations, chat, clipped, dates, durations, places, quantities
from sovits_lab.text.english.accents import LETTERS
from sovits_lab.text.english.files import ACCOUNT, DASHED_FILE, HIDDEN, SUFFIX
from sovits_lab.text.english.numbers import digits
from sovits_lab.text.tables import any_of, pairs
from sovits_lab.text.traced import Rule, Traced, rule

Match = re.Match[str]
_SIGNS = pairs("en_signs.tsv")
_HALF = {ord(char) + 0xFEE0: char for char in map(chr, range(33, 127))} | {0x3000: " ", 0x00A0: " "}
_HALF |= {0x2080 + digit: str(digit) for digit in range(10)}  # H₂O
_QUOTES = {0x2018: "'", 0x2019: "'", 0x201B: "'", 0x02BC: "'", 0x2212: "-", 0x2010: "-", 0x2011: "-"}


def _address(m: Match) -> str:
    words = re.sub(r"^(?:https?|ftp)://", "", m[0]).rstrip("/")
    for sign, word in (
        (".", "dot"),
        ("@", "at"),
        ("/", "slash"),
        ("_", "underscore"),
        ("-", "dash"),
        ("=", "equals"),
        ("~", "tilde"),
    ):
        words = words.replace(sign, f" {word} ")
    words = re.sub(r"\betc\b", "E T C", words)
    words = re.sub(r"\bwww\b", "W W W", re.sub(r"[?&:#%+]", " ", words))
    words = re.sub(r"(?<![A-Za-z])[a-z](?![A-Za-z])", lambda letter: letter[0].upper(), words)
    return re.sub("[0-9]+", lambda n: f" {digits(n[0])} ", words)


def _sign(m: Match) -> str:
    word = _SIGNS[m[0]]
    return f" {word} " if word else ""


def _account(m: Match) -> str:
    words = m[0].replace("_", " underscore ")
    return re.sub("[0-9]+", lambda n: f" {digits(n[0])} ", words)


def _called(m: Match) -> str:
    return f"{m[1] or ''} dot "


def _composed(m: Match) -> str:
    return unicodedata.normalize("NFC", m[0])


_ADDRESSES: tuple[Rule, ...] = (
    rule(
        r"(?<![A-Za-z0-9])0[xX][0-9A-Fa-f]{2,}(?![A-Za-z0-9])",
        lambda m: "zero X " + " ".join(digits(one) if one.isdigit() else one for one in m[0][2:].upper()),
    ),
    rule(r"(?:https?|ftp)://[A-Za-z0-9\-._~:/?#@!$&'()*+,;=%]*[A-Za-z0-9/]", _address),
    rule(r"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9._%+\-]{1,64}@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+", _address),
    rule(r"\b[A-Za-z0-9\-]+(?:\.[a-z]{2,6})+/[A-Za-z0-9_@\-./]*[A-Za-z0-9]", _address),
    rule(r"\bwww\.[A-Za-z0-9\-._/]*[A-Za-z0-9]", _address),
    rule(
        r"\b[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)*\.(?:com|org|net|edu|gov|io|ai|cn|jp|kr|uk|de"
        r"|fr)\b(?:/[A-Za-z0-9_@\-./]*)?",
        _address,
    ),
    rule(r"(?<![A-Za-z0-9/.<])(?:~|\.{1,2})?/[A-Za-z][A-Za-z0-9_\-.]*(?:/[A-Za-z0-9_\-.]*[A-Za-z0-9_])+", _address),
    rule(r"(?<![A-Za-z0-9/.<~])(?:~|\.{1,2})/[A-Za-z](?:[A-Za-z0-9_\-.]*[A-Za-z0-9_])?", _address),
    rule(r"\blocalhost:[0-9]{2,5}", _address),
    rule(r"(?<=[A-Za-z0-9])\.sh\b", " dot S H"),
    rule(r"\bA/B(?=\s?[Tt]est)", "A B "),
    rule(r"\bSK-II\b", "S K two"),
    rule(FORMULA, lambda m: re.sub("[0-9]+", r" \g<0> ", letters_apart(m))),
    # what a program is asked: df.head(10)
    rule(r"(?<=[A-Za-z0-9_]{2})\.(?=[a-z_]+\()|\b(df|np|pd|os|sys|plt|tf|torch|self|console)\.(?=[a-z])", _called),
    rule(r"(?<![A-Za-z.])[A-Z](?:\.[A-Z]){2,}(?![A-Za-z.])", lambda m: m[0].replace(".", " ")),  # S.H.E
    rule(DASHED_FILE, _address),
    rule(rf"(?<=[A-Za-z0-9])\.(?=(?:{SUFFIX})\b)", " dot "),
    rule(
        rf"(?<![A-Za-z0-9.])\.(?=(?:{HIDDEN}|com|org|net|io)\b)",
        " dot ",
    ),
    rule(r"(?<=\b[A-Za-z]):\\(?=[A-Za-z])", " colon backslash "),
    rule(r"(?<=[A-Za-z0-9])\\(?=[A-Za-z0-9])", " backslash "),
    rule(
        r"(?<=[A-Za-z])_([0-9]{3,})(?![0-9A-Za-z])", lambda m: " underscore " + digits(m[1]) + " "
    ),  # a name: lily_2008
    rule(ACCOUNT, _account),
    rule(r"\b(?!NO|PP|VOL|FIG|SEC|CH|ART)([A-Z]{2,4})\.(?=[0-9])", r"\1 point "),  # BA.2.86
    rule(r"(?<=[A-Za-z0-9])_+(?=[A-Za-z0-9])", " "),
    # options of a command: ls -l, run -d -p, rm -rf, --help
    rule(
        r"(?<=[a-z0-9]{2} )-[A-Za-z](?: -[A-Za-z])+(?![A-Za-z'-])",
        lambda m: m[0].upper().replace("-", "dash "),
    ),
    rule(
        r"(?<=[a-z0-9]{2} )-([A-Za-z]|[b-df-hj-np-tv-xz]{2,4})(?![A-Za-z'-])",
        lambda m: f"dash {' '.join(m[1].upper())}",
    ),
    rule(r"\b(java|javac|find|ffmpeg|go|gcc|terraform) -(?=[a-z]{2,})", r"\1 dash "),
    rule(r"\b(kill|killall|pkill|head|tail|nice) -(?=[0-9])", r"\1 dash "),
    rule(r"(?:(?<=\s)|(?<=^))--(?=[a-z]{2})", "dash dash "),
    rule(r"\bCmd(?=\s?\+)", "Command"),
    rule(r"(?<![A-Za-z0-9.])([0-9]+(?:\.[0-9]+)?)[eE]-([0-9]{1,3})(?![0-9A-Za-z])", r"\1 E minus \2"),
)
_MARKS: tuple[Rule, ...] = (
    rule(r"(?<=[A-Za-z]) [>›»] (?=[A-Z])", ", "),
    rule(r"\s?!=\s?", " is not equal to "),
    rule("==+", "="),
    rule(r"(?<=[A-Za-z])\.(?=\s?[,;:=&])", ""),  # of a shortening: hrs.: 10-4
    rule(any_of(_SIGNS), _sign),
    rule(r"\.{2,}|。{2,}|⋯+", "…"),
    rule("[。]", "."),
    rule("[、;:；：]", ","),
    rule(r"\s?[—–]+\s?|\s-{1,3}\s|--+", ","),
    rule(r"(?<=\s)\(|(?<=^)\(|\)(?=\s)", ",", None),
    rule(r"\n+", "."),
    rule(rf"[A-Za-z{LETTERS}][\u0300-\u036f]+", _composed),
    rule(rf"[^ A-Za-z{LETTERS}',.?!…\-]+", " "),
    rule(rf"(?<![A-Za-z{LETTERS}])['-]+|-+(?![A-Za-z{LETTERS}])", " "),
    rule(rf"^[\s,.?!…]+(?=[A-Za-z{LETTERS}])", "", "pause before the first word"),
    rule(r"(?<=[,.?!…])[\s,.?!…]*[,.?!…]", "", "repeated punctuation"),
    rule(r" +(?=[ ,.?!…]|$)", ""),
)

_STAGES = (
    _ADDRESSES,
    chat.RULES,
    places.RULES,
    clipped.RULES,
    abbreviations.RULES,
    clipped.LEFT_OVER,
    durations.RULES,
    dates.RULES,
    quantities.RULES,
    _MARKS,
)


def normalise(text: Traced) -> Traced:
    """Normalise a text to letters, apostrophes, hyphens inside words, spaces and pause marks."""
    text = text.translate(_HALF).translate(_QUOTES)
    for stage in _STAGES:
        text = text.apply(stage)
    return text
