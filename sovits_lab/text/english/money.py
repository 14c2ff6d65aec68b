"""Amounts of money in English words."""

from __future__ import annotations

import re

from sovits_lab.text.english.nouns import belongs_to_noun
from sovits_lab.text.english.numbers import cardinal, digits, whole
from sovits_lab.text.tables import any_of, pairs
from sovits_lab.text.traced import Rule, rule

Match = re.Match[str]
_NAMES = pairs("en_currencies.tsv")
_SHORT_SCALES = {
    "k": "thousand",
    "K": "thousand",
    "M": "million",
    "m": "million",
    "mn": "million",
    "B": "billion",
    "b": "billion",
    "bn": "billion",
    "T": "trillion",
    "tn": "trillion",
}
_IRREGULAR = {"penny": "pence", "yen": "yen", "yuan": "yuan", "won": "won", "sen": "sen", "fen": "fen", "jeon": "jeon"}
_CURRENCY = any_of(_NAMES)
_AFTER = any_of(name for name in _NAMES if not name[0].isalpha())
_SCALE = "hundred|thousand|million|billion|trillion|bn|mn|tn|[kKMmBbT]"
_AMOUNT = r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?|\.[0-9]+"
_AMOUNT_BEFORE = rf"[0-9]+,[0-9]{{2}}(?![0-9])|{_AMOUNT}"  # 2,50€ as on the continent
CODES = {
    "USD": "US dollar",
    "EUR": "euro",
    "GBP": "pound",
    "JPY": "yen",
    "AUD": "Australian dollar",
    "CAD": "Canadian dollar",
    "NZD": "New Zealand dollar",
    "HKD": "Hong Kong dollar",
    "SGD": "Singapore dollar",
    "CHF": "Swiss franc",
    "CNY": "yuan",
    "KRW": "won",
    "INR": "rupee",
    "MXN": "Mexican peso",
    "BRL": "real",
    "SEK": "Swedish krona",
}


def _many(name: str, count: str) -> str:
    if count == "1":
        return name
    return _IRREGULAR.get(name, name + "s")


def _spoken_amount(m: Match, names: str, written: str, scale: str | None) -> str:
    """The amount; before a noun that it describes, the currency is said as one: a five dollar bill."""
    large, small = names.split("\t")
    head, _, tail = written.replace(",", "").partition(".")
    head = head or "0"
    scale = _SHORT_SCALES.get(scale, scale) if scale else ""
    describes = belongs_to_noun(m.string[: m.start()], m.string[m.end() :], determined=not scale)
    if scale or len(tail) > 2:
        amount = whole(head) + (f" point {digits(tail)}" if tail else "")
        return f"{amount} {scale} {large if describes else _many(large, '2')}".replace("  ", " ")
    cents = str(int(tail.ljust(2, "0"))) if tail else "0"
    parts = [f"{whole(head)} {large if describes else _many(large, head)}"] if head.strip("0") or cents == "0" else []
    if cents != "0":
        parts.append(f"{cardinal(int(cents))} {small if describes else _many(small, cents)}")
    return " and ".join(parts)


def _before(m: Match) -> str:
    """$5.99 -> five dollars and ninety-nine cents; $2.5 million -> two point five million dollars."""
    return _spoken_amount(m, _NAMES[m[1]], m[2], m[3])


def _after(m: Match) -> str:
    """5€, 20 USD."""
    names = _NAMES[m[2]] if m[2] in _NAMES else CODES[m[2]] + "\tcent"
    return _spoken_amount(m, names, re.sub(r",(?=[0-9]{2}$)", ".", m[1]), None)


def _coded(m: Match) -> str:
    """USD 1250: else four digits would be a year."""
    return _spoken_amount(m, CODES[m[1]] + "\tcent", m[2], m[3])


def _cents(m: Match) -> str:
    return f"{whole(m[1])} {'cent' if m[1] == '1' else 'cents'}"


def _range(m: Match) -> str:
    """$5-10, $10-$15: the first amount, whose currency is said after the second."""
    head, _, tail = m[2].replace(",", "").partition(".")
    scale = _SHORT_SCALES.get(m[3], m[3]) if m[3] else ""
    return f"{whole(head or '0')}{f' point {digits(tail)}' if tail else ''} {scale}".rstrip() + " to " + m[1]


RULES: tuple[Rule, ...] = (
    rule(rf"({_CURRENCY})\s?({_AMOUNT})(?:\s?({_SCALE}))?\s?[-–]\s?(?:{_CURRENCY})?(?=[0-9])", _range),
    rule(rf"({_CURRENCY})\s?({_AMOUNT})(?:[\s-]?({_SCALE})\b)?", _before),
    rule(rf"(?<![0-9.,])({_AMOUNT_BEFORE})\s?({_AFTER}|{'|'.join(CODES)})(?![A-Za-z0-9])", _after),
    rule(rf"(?<![A-Za-z])({'|'.join(CODES)})\s?({_AMOUNT})(?![0-9])(?:\s?({_SCALE})\b)?", _coded),
    rule(r"(?<![0-9.,])([0-9]+)\s?¢", _cents),
)
