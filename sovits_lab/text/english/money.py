"""Amounts of money in English words."""

from __future__ import annotations

import re

from sovits_lab.text.english.numbers import cardinal, digits, whole
from sovits_lab.text.tables import any_of, pairs

_NAMES = pairs("en_currencies.tsv")
_SHORT_SCALES = {
    "k": "thousand",
    "K": "thousand",
    "M": "million",
    "m": "million",
    "B": "billion",
    "b": "billion",
    "bn": "billion",
}
_IRREGULAR = {"penny": "pence", "yen": "yen", "yuan": "yuan", "won": "won", "sen": "sen", "fen": "fen", "jeon": "jeon"}
CURRENCY = any_of(_NAMES)
SCALE = "thousand|million|billion|trillion|bn|[kKMmBb]"


def _many(name: str, count: str) -> str:
    if count == "1":
        return name
    return _IRREGULAR.get(name, name + "s")


def money(m: re.Match[str]) -> str:
    """$5.99 -> five dollars and ninety-nine cents; $2.5 million -> two point five million dollars."""
    large, small = _NAMES[m[1]].split("\t")
    head, _, tail = m[2].replace(",", "").partition(".")
    head = head or "0"
    scale = _SHORT_SCALES.get(m[3], m[3]) if m[3] else ""
    if scale or len(tail) > 2:
        amount = whole(head) + (f" point {digits(tail)}" if tail else "")
        return f"{amount} {scale} {_many(large, '2')}".replace("  ", " ")
    cents = str(int(tail.ljust(2, "0"))) if tail else "0"
    parts = [f"{whole(head)} {_many(large, head)}"] if head.strip("0") or cents == "0" else []
    if cents != "0":
        parts.append(f"{cardinal(int(cents))} {_many(small, cents)}")
    return " and ".join(parts)
