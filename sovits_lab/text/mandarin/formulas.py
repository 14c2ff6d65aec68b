"""Functions of mathematics in Chinese text: sin30°, cos²θ, log₂8, lim; their names are said in English, as in class."""

from __future__ import annotations

import re

from sovits_lab.text.mandarin.numbers import cardinal
from sovits_lab.text.tables import any_of, pairs
from sovits_lab.text.traced import Rule, rule

Match = re.Match[str]
FUNCTIONS = pairs("zh_functions.tsv")
FUNCTION = any_of(FUNCTIONS)
# What a function is taken of; only letters of angles and unknowns, so that logo and cost stay words.
VARIABLE = "[xyzABCα-ω]"
ARGUMENT = rf"(?:\s?[（(]|\s?[0-9]|\s?{VARIABLE}(?![A-Za-z]))"
# A coefficient before an unknown, ax and by, where a sign stands beside it.
SCALED = (
    r"(?:(?<![A-Za-z])(?:[abckmn]x|[abc][yz])(?=[²³]|\s?[+\-=<>])"
    r"|(?<=[+\-=<>])(?:[abckmn]x|[abc][yz])(?=[²³]?(?![A-Za-z])))"
)
_POWERS = {"²": "平方", "³": "立方"}
_LOW = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


def _function(m: Match) -> str:
    """The name with its power (sin²x is sine 平方 x), and a space that keeps it apart from a letter that follows."""
    return f"{FUNCTIONS[m[1]]} {_POWERS.get(m[2] or '', '')}"


def _named(m: Match) -> str:
    return FUNCTIONS[m[0]]


def _base(m: Match) -> str:
    return f"log以{cardinal(m[1].translate(_LOW))}为底"


RULES: tuple[Rule, ...] = (
    rule(rf"(?<![A-Za-z])log([₀-₉]+)(?={ARGUMENT})", _base),
    rule(r"(?<=为底)\s?([0-9]+)(?![0-9.])", lambda m: cardinal(m[1]) + "的对数"),
    rule(rf"(?<![A-Za-z])({FUNCTION})([²³])?(?={ARGUMENT})", _function),
    rule("(?<=[、和与数求])(?:sin|cos|tan|cot)(?![A-Za-z])|(?<![A-Za-z])(?:sin|cos|tan|cot)(?=[、和与值])", _named),
    rule(SCALED, lambda m: " ".join(m[0].upper())),
    # a product of letters, F=ma: every letter by itself
    rule(r"(?<=[A-Za-z]=)[A-Za-z]{2,3}(?=[²³]?(?![A-Za-z]))", lambda m: " ".join(m[0].upper())),
)
