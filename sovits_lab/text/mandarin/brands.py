"""Brands whose things are called by numbers that are said digit by digit: Dior 999, Levi's 501, Office 365."""

from __future__ import annotations

import re

from sovits_lab.text.mandarin.numbers import digits
from sovits_lab.text.tables import any_of
from sovits_lab.text.traced import Rule, rule

_BRANDS = any_of(
    (
        *("Dior", "Armani", "YSL", "Chanel", "Givenchy", "Lancôme", "Levi's", "Levis", "Martens", "New Balance"),
        *("Porsche", "Peugeot", "Office", "Microsoft", "Lego", "LEGO", "Philippe", "Nokia", "Casio"),
    )
)
_CHIP = r"(?:Ryzen|Threadripper|EPYC|Xeon|Radeon|Snapdragon|Dimensity|Exynos|Kirin|Celeron|Athlon)(?:\s[3579])?"
_NUMBER_OF_CHIP = r"[1-9][0-9]{2,4}(?:X3D|XT|[A-Z]{0,2})(?![0-9.A-Za-z]|\s?[元块万])"
MODEL = (
    rf"(?<![A-Za-z]){_CHIP}\s{_NUMBER_OF_CHIP}|"
    rf"(?<![A-Za-z]){_BRANDS}\s?\#?(?!(?:19|20)[0-9]{{2}}(?![0-9]))[1-9][0-9]{{2,4}}(?<!000)(?![0-9.A-Za-z])"
)
"""Pattern of a brand and the number of what it makes."""


def _model(m: re.Match[str]) -> str:
    return m[1] + " " + digits(m[2], one="幺")


def _chip(m: re.Match[str]) -> str:
    """Ryzen 5 5600X: the class is a number, the model digits."""
    return re.sub(r"(?<=\s)[0-9]{3,}", lambda n: digits(n[0], one="幺"), m[0])


RULES: tuple[Rule, ...] = (
    rule(rf"(?<![A-Za-z]){_CHIP}\s{_NUMBER_OF_CHIP}", _chip),
    rule(
        rf"(?<![A-Za-z])({_BRANDS})\s?\#?((?!(?:19|20)[0-9]{{2}}(?![0-9]))[1-9][0-9]{{2,4}})(?<!000)(?![0-9.]|\s?[元块万])",
        _model,
    ),
)
