"""Two figures of a person with a stroke between them: height and weight, blood pressure."""

from __future__ import annotations

import re

from sovits_lab.text.mandarin.numbers import cardinal
from sovits_lab.text.traced import Rule, rule

Match = re.Match[str]


def _and_then(m: Match) -> str:
    """Between the two figures of blood pressure 比, between height and weight (写着185/75) a pause."""
    tall = 150 <= int(m[1]) < 200 and int(m[2]) <= 100
    return "," if tall and "压" not in m.string[: m.start()] else "比"


RULES: tuple[Rule, ...] = (
    rule(r"([0-9]+)/(?=[0-9]+\s?(?:mmHg|毫米汞柱))", lambda m: cardinal(m[1]) + "比"),
    # height and weight: 170/65kg
    rule(r"(?<![0-9./])(1[4-9][0-9])/(?=[0-9]{2,3}\s?(?:kg|KG|Kg|公斤|斤))", lambda m: cardinal(m[1]) + ","),
    # blood pressure, which is no share: 148/92
    rule(
        r"(?<![0-9./])(9[0-9]|1[0-9]{2}|2[0-4][0-9])/([4-9][0-9]|1[0-3][0-9])(?![0-9./])",
        lambda m: f"{cardinal(m[1])}{_and_then(m)}{cardinal(m[2])}" if int(m[1]) > int(m[2]) else m[0],
    ),
)
