"""Korean numbers and signs as words."""

from __future__ import annotations

import re
import unicodedata

from sovits_lab.text.korean.numbers import digits, native, sino
from sovits_lab.text.tables import any_of, pairs, words
from sovits_lab.text.traced import Rule, Traced, rule

Match = re.Match[str]
_COUNTERS = any_of(words("ko_counters.txt")) + r"|번(?!호|\s?(?:버스|출구|문제|선수|타자|홈|방|국도))|쪽(?!지)"
_UNITS = pairs("ko_units.tsv")
_SIGNS = {
    "+": " 더하기 ",
    "=": " 은 ",
    "×": " 곱하기 ",
    "÷": " 나누기 ",
    "&": " 앤드 ",
    "@": " 골뱅이 ",
    "㈜": "주식회사",
}
_MONEY = {"₩": "원", "$": "달러", "€": "유로", "£": "파운드", "¥": "엔", "￥": "엔"}
_HALF = {ord(char) + 0xFEE0: char for char in map(chr, range(33, 127))} | {0x3000: " "}
PAUSE = "!?…,.-"


def number(text: str) -> str:
    """ "3.14" -> "삼점일사"."""
    head, _, tail = text.partition(".")
    return sino(head) + (f"점{digits(tail)}" if tail else "")


def _counted(m: Match) -> str:
    value = int(m[1]) if len(m[1]) < 3 else 0
    return (native(value) if 0 < value < 100 else sino(m[1])) + m[2]


def _clock(m: Match) -> str:
    hour, minute = int(m[1]), int(m[2])
    said = native(hour) if 1 <= hour <= 12 else sino(str(hour))
    return f"{said}시" + (f" {sino(str(minute))}분" if minute else "")


def _month(m: Match) -> str:
    return {"6": "유", "06": "유", "10": "시"}.get(m[1]) or sino(m[1].lstrip("0"))


def _telephone(m: Match) -> str:
    return ", ".join(digits(part, zero="공") for part in re.split(r"[-.\s]", m[0]))


RULES: tuple[Rule, ...] = (
    rule(r"(?<![0-9,])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])", lambda m: m[0].replace(",", "")),
    rule(rf"([{''.join(_MONEY)}])([0-9]+(?:\.[0-9]+)?)", lambda m: number(m[2]) + _MONEY[m[1]]),
    rule(r"(?<![0-9])0[0-9]{1,2}-[0-9]{3,4}-[0-9]{4}(?![0-9])", _telephone),
    rule(
        r"([12][0-9]{3})[-/.](1[0-2]|0?[1-9])[-/.](3[01]|[12][0-9]|0?[1-9])(?![0-9])",
        lambda m: f"{sino(m[1])}년 {_month(re.match('(.*)', m[2]) or m)}월 {sino(m[3].lstrip('0'))}일",
    ),
    rule(r"(?<![0-9])([01]?[0-9]|2[0-4]):([0-5][0-9])(?![0-9:])", _clock),
    rule(r"(?<![0-9])(1[0-2]|0?[1-9])(?=월)", _month),
    rule(r"(?<![0-9])([0-9]+):([0-9]+)(?![0-9])", lambda m: f"{sino(m[1])} 대 {sino(m[2])}"),
    rule(r"(?<![0-9가-힣])-(?=[0-9.]+\s?(?:℃|°C|도))", "영하 "),
    rule(r"(?<![0-9가-힣])-(?=[0-9])", "마이너스 "),
    rule("[①-⑳㉠-㉮]", lambda m: unicodedata.normalize("NFKC", m[0])),
    rule(rf"([0-9]+(?:\.[0-9]+)?)\s?({any_of(_UNITS)})(?![A-Za-z])", lambda m: number(m[1]) + _UNITS[m[2]]),
    rule(r"(?<=[0-9])\s?[-~～]\s?(?=[0-9])", "에서 "),
    rule(rf"(?<![0-9.])([0-9]+)(\s?(?:{_COUNTERS}))", _counted),
    rule(r"([0-9]+)/([0-9]+)", lambda m: f"{sino(m[2])}분의 {sino(m[1])}"),
    rule(r"[0-9]+(?:\.[0-9]+)?", lambda m: number(m[0])),
    rule(any_of(_SIGNS), lambda m: _SIGNS[m[0]]),
    rule("[。．]", "."),
    rule("[、，：:；;·]|—+|–+", ","),
    rule(r"\.{2,}|⋯", "…"),
    rule(r"\n+", "."),
    rule(rf"[^ 가-힣ㄱ-ㅣA-Za-z'{PAUSE}]+", ""),
    rule(rf"(?<=[{PAUSE}])[ {PAUSE}]*[{PAUSE}]", "", "repeated punctuation"),
    rule(" {2,}", " "),
    rule("^ +| +$", "", "space"),
)


def normalise(text: Traced) -> Traced:
    """Leaves Hangul, Latin letters, single spaces and pause marks."""
    return text.translate(_HALF).apply(RULES)
