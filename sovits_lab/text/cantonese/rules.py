"""Numbers and signs in Cantonese: Mandarin's rules where both say the same, with Cantonese money, measures and digits.

Those rules look at simplified characters; what the writer wrote is put back, because the Cantonese dictionary tells
characters apart that fall together when simplified (裡 and 里, 隻 and 只).
"""

from __future__ import annotations

import re

from sovits_lab.text.mandarin import rules as mandarin
from sovits_lab.text.mandarin.characters import IS_HAN
from sovits_lab.text.mandarin.numbers import amount, decimal, digits
from sovits_lab.text.reading import Span
from sovits_lab.text.traced import Rule, Traced, rule

Match = re.Match[str]
_AMOUNT = r"([0-9][0-9,]*)(?:\.([0-9]+))?(?![0-9])"


def _dollars(m: Match) -> str:
    """$200 is two hundred man1; $2.5 is two go3 half, $12.9 twelve go3 nine: ten cents are said after go3."""
    whole, cents = m[1].replace(",", ""), (m[2] or "").rstrip("0")
    if not cents:
        return amount(whole) + "蚊"
    if len(cents) > 1 or whole == "0":
        return decimal(f"{whole}.{m[2]}") + "蚊"
    return f"{amount(whole)}個{'半' if cents == '5' else decimal(cents)}"


_TO = r"\s?[-~至到]\s?\$?"
_MANY = "[百千]?[萬億万亿]|[百千]"
_BEFORE: tuple[Rule, ...] = (
    rule(rf"(?<![A-Za-z])\$\s?([0-9.,]+(?:{_MANY})?){_TO}([0-9.,]*[0-9](?:{_MANY})?)[元蚊]?", r"\1到\2蚊"),
    rule(rf"(?<![A-Za-z])\$\s?([0-9.,]*[0-9](?:{_MANY}))[元蚊]?", r"\1蚊"),
    rule(rf"(?<![A-Za-z])\$\s?{_AMOUNT}[元蚊]?", _dollars),
    rule(
        r"(?<![0-9])\+?(85[23])[ -]?([2-9][0-9]{3})[ -]?([0-9]{4})(?![0-9])",
        lambda m: "，".join(digits(part) for part in m.groups()),
    ),
    # Telephone numbers of Hong Kong and Macau have eight digits in two groups.
    rule(
        r"(?<![0-9.,$])([235-9][0-9]{3})[ -]?([0-9]{4})(?![0-9.,]|[元蚊人個年])",
        lambda m: f"{digits(m[1])}，{digits(m[2])}",
    ),
    # routes of buses are said digit by digit: 巴士968號, 搭104
    rule(
        r"(?<=巴士|小巴|搭咗|坐咗|路綫|路線)([A-Z]?[0-9]{3}[A-Z]?)(?![0-9.])(?!\s?(?:[元蚊人個年次日架分萬千百]|公里))"
        r"|(?<=[搭坐轉])([0-9]{3}[A-Z]?)(?![0-9.])(?!\s?(?:[元蚊人個年次日架分萬千百]|公里))|(?<![0-9.$])([1-9][0-9]{2}[A-Z]?)(?=號?(?:巴士|小巴))",
        lambda m: re.sub("[0-9]", lambda one: digits(one[0]), m[0]),
    ),
    rule(r"(?<![0-9])([1-9][0-9]?)/F(?![A-Za-z])", r"\1樓"),
    rule(r"(?<![A-Za-z])G/F(?![A-Za-z])", "地下"),
    rule(r"(?<=時速)([0-9.]+)\s?km/h(?![A-Za-z])", r"\1公里"),
    rule(r"([0-9.]*[0-9])\s?km/h(?![A-Za-z])", r"每小時\1公里"),
    rule(r"(?<=[0-9])\s?(?:kg|KG)(?![A-Za-z])", "公斤"),
    rule(r"(?<=[0-9])\s?(?:km|KM)(?![A-Za-z])", "公里"),
    rule(r"(?<=[0-9])\s?cm(?![A-Za-z])", "厘米"),
)
_AFTER: tuple[Rule, ...] = (rule("幺", "一"),)


def _as_written(spoken: Traced, piece: Traced) -> Traced:
    """The text with every character that stands for a single written one as it was written."""
    chars = list(spoken.text)
    for place, (start, end) in enumerate(zip(spoken.starts, spoken.ends, strict=True)):
        written = piece.behind(Span(start, end))
        if len(written) == 1 and written != "〇" and IS_HAN.match(written) and IS_HAN.match(chars[place]):
            chars[place] = written
    return Traced("".join(chars), spoken.starts, spoken.ends, spoken.dropped)


def normalise(text: Traced) -> Traced:
    """Normalise a text to Han characters as they were written, pause marks and Latin letters."""
    return _as_written(mandarin.normalise(text.apply(_BEFORE)), text).apply(_AFTER)
