"""Which language each stretch of a mixed text is in: script first, then the words around, never a guess per character.

Latin letters are English. Kana is Japanese, Hangul Korean. Han characters are decided clause by clause; see `han`.
Numbers, measures, formulas and codes (5G, A4, CA1234) belong to the words they touch; marks to what stands before them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sovits_lab.text.chemistry import FORMULA as CHEMICAL
from sovits_lab.text.english.files import ACCOUNT, DASHED_FILE, HIDDEN
from sovits_lab.text.han import CLAUSE_END, Run, languages_of_han
from sovits_lab.text.mandarin.brands import MODEL
from sovits_lab.text.mandarin.characters import HAN
from sovits_lab.text.mandarin.formulas import FUNCTION, SCALED, VARIABLE
from sovits_lab.text.tables import any_of, names, pairs

_KANA = "\u3041-\u309f\u30a1-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # a dot ・ alone is a mark
_LATIN = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\uff21-\uff3a\uff41-\uff5a"
_UNIT = any_of({*pairs("zh_units.tsv"), *pairs("en_units.tsv"), *pairs("ko_units.tsv")})
_LONG_UNIT = any_of(unit for unit in pairs("zh_units.tsv") if len(unit) > 1 or unit == "g")
_COUNTING = "一二两三四五六七八九十百千万亿几多半每"
_CODE = "(?:US|HK|NT|RMB|RM|MYR|IDR|VND|CNY|USD|EUR|GBP|JPY|HKD|AUD|CAD|CHF|KRW|NTD|NZD|SGD|THB|TWD)"
_PERIOD = "(?:h|hr|hour|mo|month|yr|year|wk|week|day|person|kWh|GB|TB|kg|lb|oz|L|km)"
_LETTER = rf"(?<![{_LATIN}])[A-Za-z](?:\([A-Za-z]\))?[²³⁰-⁹ⁿ]*(?![{_LATIN}])"
_APPLIED = rf"{FUNCTION}[²³₀-₉]*\s?\(?(?:[0-9]+(?:\.[0-9]+)?°?[a-z]?|{VARIABLE})(?![{_LATIN}])\)?"
_PRODUCT = rf"(?<=[A-Za-z]=)[A-Za-z]{{2,3}}[²³]?(?![{_LATIN}])"
_TERM = (
    rf"(?:(?<![{_LATIN}]){_APPLIED}|{_PRODUCT}|{SCALED}[²³]?"
    rf"|[0-9]+(?:\.[0-9]+)?(?:[a-z](?![{_LATIN}0-9]))?[²³⁰-⁹ⁿ]*|{_LETTER})"
)
_SIZE = "(?:[2-6]?X{0,3}[SL]|M)"  # of clothes
_ORDINAL = rf"[0-9]{{0,2}}(?:1st|2nd|3rd|[04-9]th|1[1-3]th)(?![{_LATIN}0-9])"
_HALF_DAY = rf"[0-9]{{1,2}}(?::[0-9]{{2}})?\s?[ap]m(?![{_LATIN}0-9])"
# An option whose hyphen no other rule would keep with its command: kill -9, java -version.
_COMMAND = (
    rf"(?<![{_LATIN}0-9])(?:(?:kill|killall|pkill|head|tail|nice)[ ]-[0-9]{{1,4}}(?![{_LATIN}0-9.])"
    r"|(?:java|javac|find|ffmpeg|go|gcc|terraform)[ ]-[a-z]{2,})"
)
_TOKEN = re.compile(
    rf"""
    (?P<address>(?:https?|ftp)://[A-Za-z0-9\-._~:/?\#@!$&'()*+,;=%]*[A-Za-z0-9/]
        |(?<![A-Za-z0-9._%+\-])[A-Za-z0-9._%+\-]{{1,64}}@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+
        |(?<![A-Za-z0-9])(?:401\(k\)|403\(b\))|(?<![{_LATIN}])(?:Apt|Ste)\.?\s?\#?[0-9]{{1,4}}[A-Z]?(?![{_LATIN}0-9])
        |(?<![{_LATIN}0-9.,-])[1-9][0-9]{{0,2}}-(?:year|month|week|day|hour|minute|star|point|inch|page|step|in)(?:-[a-z]+|-[0-9])?(?![{_LATIN}0-9-])
        |(?<![{_LATIN}0-9.,$-])[1-9][0-9]{{0,4}}\s(?:[NSEW]\.?\s)?(?:(?:[A-Z][a-z]+|[0-9]{{1,3}}(?:st|nd|rd|th))\s){{1,3}}(?:St|Ave|Blvd|Rd|Ln|Street|Avenue|Road|Drive|Lane|Boulevard)(?![{_LATIN}0-9])\.?
        |www\.[A-Za-z0-9\-._/]*[A-Za-z0-9]|localhost:[0-9]{{2,5}}|{DASHED_FILE}|{ACCOUNT}|(?<![{_LATIN}0-9])[A-Z][0-9]{{1,2}}\.(?:js|ai|py)(?![{_LATIN}0-9])
        |(?<![A-Za-z0-9/.<])(?:~|\.{{1,2}})?/[A-Za-z][A-Za-z0-9_\-.]*(?:/[A-Za-z0-9_\-.]*[A-Za-z0-9_])+|(?<![A-Za-z0-9/.<~])(?:~|\.{{1,2}})/[A-Za-z](?:[A-Za-z0-9_\-.]*[A-Za-z0-9_])?)
    |(?P<formula>(?<=第)[IVX]+(?=[章节卷部届集册期条项篇回])|(?<![0-9{_LATIN}])0[xX][0-9A-Fa-f]{{2,}}(?![0-9{_LATIN}])
        |(?<![{_LATIN}])(?:RTX|GTX|RX|GT|MX)\s?[1-9][0-9]{{2,3}}(?![0-9.])
        |(?<![{_LATIN}])HTTP\s?[1-5][0-9]{{2}}(?![0-9.])|[1-9][0-9]{{3}}X3D(?![{_LATIN}0-9])
        |(?<![{_LATIN}])[Pp]ort\s[1-9][0-9]{{1,4}}(?![{_LATIN}0-9.])|(?<![{_LATIN}0-9])[12][0-9]{{2}}/[3-9][0-9]Z?R[12][0-9](?![{_LATIN}0-9])
        |{MODEL}|(?<![{_LATIN}])(?:ISO|RFC|IEC|GB/T|IEEE|ASTM)\s?[1-9][0-9]{{2,4}}(?<!00)(?![{_LATIN}0-9.])
        |(?<![{_LATIN}0-9])[A-Z][0-9]{{1,2}}[A-Z]?\s?(?:II|III|IV)(?![{_LATIN}0-9])|(?<![{_LATIN}0-9])(?:IV|I{{1,3}})[ABC](?=\s?期)
        |(?<![{_LATIN}0-9])1[4-9][05]/[0-9]{{2,3}}[A-C](?![{_LATIN}0-9])
        |(?<![{_LATIN}0-9.])[0-9]{{1,3}}\s?m(?:in)?\s?[0-5]?[0-9]\s?s(?![{_LATIN}0-9])
        |(?<![{_LATIN}0-9])[A-Z]{{2,5}}[0-9]{{2,5}}[a-z](?![{_LATIN}0-9])
        |(?<![{_LATIN}0-9])[0-9]{{1,6}}(?:[A-Z]{{1,4}}[0-9]{{1,6}}){{2,}}[A-Z]{{0,4}}(?![{_LATIN}0-9])
        |(?<![{_LATIN}0-9])(?=[0-9A-Z]{{9,20}}(?![{_LATIN}0-9]))(?=[0-9A-Z]*[0-9]{{3}})(?=[0-9]*[A-Z])(?![0-9A-Z]*[A-Z]{{4}})[0-9A-Z]+
        |(?<=[元镑块刀分])/(?:kWh|GB|TB|kg|lb|oz|L|km|hr|h)(?![{_LATIN}0-9])
        |(?<=[{_COUNTING}])(?:{_LONG_UNIT})(?![{_LATIN}0-9])
        |(?<![{_LATIN}])[Nn]o\.\s?[0-9]+(?![{_LATIN}0-9])
        |(?<![{_LATIN}0-9])(?:L|l|kg|g|km|m|ml|mL|GB)(?=당)
        |(?<=[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼])[A-Z]\s?[·•]?\s?[0-9A-Z]{{5,6}}(?![{_LATIN}0-9])
        |(?<![{_LATIN}])[A-Z](?:-[0-9]+){{2,3}}(?![{_LATIN}0-9-])
        |(?<![{_LATIN}0-9])\+[0-9]{{1,3}}(?:[ ][0-9]{{2,5}}){{2,4}}(?![{_LATIN}0-9])
        |(?:(?<=航班)|(?<=航班[是号为：]))[A-Z]{{2}}\s?[0-9]{{3,4}}(?![{_LATIN}0-9])
        |(?<![{_LATIN}0-9.])[0-9]{{1,2}}\s?h\s?[0-5]?[0-9]\s?(?:min|m)?(?:\s?[0-5]?[0-9]\s?s)?(?![{_LATIN}0-9]|\.[0-9])
        |[A-Za-z]{{1,10}}[0-9]+(?:-[0-9A-Za-z]*[0-9][0-9A-Za-z]*)+(?![{_LATIN}0-9])
        |(?<![{_LATIN}])(?!(?:No|Vol|Fig|Ch|Sec|Eq|pp?)\.)[A-Za-z]+(?:\.[0-9]+)+(?![{_LATIN}0-9])
        |(?<![{_LATIN}])[vV][0-9]+(?:\.[0-9]+)+(?![{_LATIN}0-9.])|(?<![{_LATIN}])i[3579](?![{_LATIN}0-9])|(?<![{_LATIN}])[a-z]{{1,8}}[0-9]{{3,}}(?![{_LATIN}0-9])|[0-9]{{3,4}}[pi](?![{_LATIN}0-9])
        |(?<=[0-9][多几余])[wWkK](?![{_LATIN}0-9])|(?<![{_LATIN}])[Ll][Vv]\.?\s?[0-9]{{1,3}}(?![{_LATIN}0-9.])
        |(?<![{_LATIN}])[vV][0-9]{{1,2}}(?=\s?[版{HAN}])
        |[0-9]+(?:\.[0-9]+)?\s?[-–~]\s?[0-9]+(?:\.[0-9]+)?[kKwW](?![{_LATIN}0-9])
        |[0-9]+(?:\.[0-9]+)?[wk](?![{_LATIN}0-9]|/)|(?<![{_LATIN}0-9.])[1-9][0-9]?[wkWK][1-9](?![{_LATIN}0-9])
        |(?:[A-Z]{{1,5}}-?[0-9]+|[0-9]+[A-Z]{{1,2}}(?!/[a-zL])|[A-Z][0-9]+[A-Z])(?![{_LATIN}0-9])
        |(?<![{_LATIN}0-9.])[0-9]+(?:\.[0-9]+)?[eE][-+]?[0-9]{{1,3}}(?![{_LATIN}0-9])
        |(?<![{_LATIN}0-9])[A-Z][0-9]{{1,2}}s(?![{_LATIN}0-9])|(?<![{_LATIN}0-9])[hH]{{3,}}(?![{_LATIN}0-9])|{CHEMICAL}
        |(?<![{_LATIN}0-9])[A-Z]{{2,3}}\s?=\s?(?:[0-9]*[A-Z]{{1,3}}|[0-9]+(?:\.[0-9]+)?(?:\s?{_UNIT})?)(?![{_LATIN}0-9])
        |[△▲∠⊙][A-Z]{{1,4}}(?![{_LATIN}0-9])|(?<![{_LATIN}])[A-Z]{{1,4}}\s?[⊥∥≌∽]\s?(?=[△∠]?[A-Z])|(?<=[⊥∥≌∽])[A-Z]{{1,4}}(?![{_LATIN}])
        |(?<![{_LATIN}0-9])(?:[A-Za-z]{{1,4}}[0-9]{{1,6}}){{2,}}[A-Za-z]{{0,4}}(?![{_LATIN}0-9])
        |(?<![{_LATIN}0-9])[a-z]{{1,8}}[0-9]{{1,8}}[a-z]{{1,8}}(?![{_LATIN}0-9])
        |(?<![{_LATIN}0-9.])[0-9]+(?:\.[0-9]+)?["″”]\s?[xX×*]\s?[0-9]+(?:\.[0-9]+)?["″”]
        |(?:(?:HK|US|NT|[SAC])?\$|[€£]|{_CODE})\s?[0-9]+(?:\.[0-9]+)?[kKMBT](?![{_LATIN}0-9])
        |[0-9]+(?:\.[0-9]+)?(?:[xX][0-9]+(?:\.[0-9]+)?){{1,3}}(?:\s?{_UNIT})?(?![{_LATIN}0-9])
        |(?<![{_LATIN}0-9]){_SIZE}\s?[-~–]\s?{_SIZE}(?![{_LATIN}0-9])
        |(?<=[、和与数求])(?:sin|cos|tan|cot)(?![{_LATIN}0-9])|(?<![{_LATIN}])(?:sin|cos|tan|cot)(?=[、和与值])
        |(?<![{_LATIN}]){_APPLIED}(?!\s?[+\-×÷=<>≤≥≠≈*/^])
        |{_TERM}(?:\s?[+\-×÷=<>≤≥≠≈*/^→]\s?(?:(?<==)-|(?<==\s)-)?{_TERM})+(?:\s?{_UNIT}(?![{_LATIN}0-9]))?)
    |(?P<number>(?!{_HALF_DAY}|{_ORDINAL})(?:[≥≤≈]\s?(?=[0-9]))?(?:{_CODE}\s?\$?|(?:(?<![{_LATIN}])[SAC])?\$\s?|[¥￥€£]\s?)?[0-9\uff10-\uff19]+(?:[.,:：][0-9\uff10-\uff19]+)*(?:\s?(?:{_UNIT}|{_CODE})(?![{_LATIN}0-9]))?(?:/{_PERIOD}(?![{_LATIN}0-9]))?)
    |(?P<en>{_HALF_DAY}|(?<![{_LATIN}0-9.]){_ORDINAL}|{_COMMAND}|(?:(?<![{_LATIN}0-9.])\.(?:{HIDDEN})(?![{_LATIN}])|(?:(?<![{_LATIN}0-9.\-])--(?=[a-z]{{2}}))?[{_LATIN}]+)(?:['’_&.\-][{_LATIN}]+)*(?:_[0-9]+(?![{_LATIN}0-9]))?)
    |(?P<ja>(?!・+(?![{_KANA}]))[{_KANA}]+)
    |(?P<ko>[\uac00-\ud7a3\u1100-\u11ff\u3131-\u318e]+)
    |(?P<han>[々〆{HAN}]+)
    |(?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_ACRONYM = re.compile("[A-Z]{1,6}")
_LAUGHTER = re.compile("[wW]{1,20}")  # in Japanese chat
_SHORT_CODE = re.compile("[0-9]{1,2}[A-Z]")
_SHORT = re.compile(rf"[0-9]{{1,2}}(?:\.[0-9]+)*|{_SHORT_CODE.pattern}")
_AMOUNT = re.compile("[0-9]+(?:[A-Z]{2}|[TG])")  # 256GB, 400IU
# What is said in the language around, although it stands free beside a name: AC 220V, Norris 0.4s, Ryzen 7 7800X3D.
_MEASURED = re.compile(
    rf"[0-9]+(?:[.,][0-9]+)*\s?{_UNIT}|[1-9][0-9]{{3,4}}(?:X3D|XT|HX|KF|KS|HS|[XHKFGU])|[1-9][0-9]{{1,2}}/[1-9][0-9]{{1,2}}"
    r"|[0-9]+(?:\.[0-9]+)?[wkK]|[0-9]{1,2}\s?h\s?[0-5]?[0-9]\s?(?:min|m)?|(?:[A-Z]{2,3}\s?|[SAC])?[$€£¥]\s?[0-9][0-9.,]*[kKMBT]?(?:/[a-zA-Z]{1,6})?"
    rf"|{_CODE}\s?[0-9][0-9.,]*|[0-9.]+(?:\s?[×xX*]\s?[0-9.]+)+(?:\s?{_UNIT})?|[0-9.]+\s?[-~–]\s?[0-9.]+\s?{_UNIT}"
)
# Of a match between two names: Barca 4-0 Real Madrid.
_RESULT = re.compile("[0-9]{1,2}[-:][0-9]{1,2}")
# Codes in the name of a thing: Galaxy S24 Ultra.
_PART = re.compile("[A-Z]{1,2}[0-9]{1,3}[A-Z]?")
_IN_GROUPS = re.compile("[0-9]{2,4}(?:-[0-9]{2,4}){1,3}")  # of an account: ID 928-331-0457
_TEN_THOUSANDS = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:[-–~][0-9]+(?:\.[0-9]+)?)?w")  # GMV 20w
_LONGEST_NAME = 4
_LONGEST_PHRASE = 3  # words, of a thing in small letters with its price: rotisserie chicken $4.99
_GROUP = re.compile("[0-9]{3,4}")
# Words in small letters that belong to the name of a thing: iPad mini 6.
_VARIANTS = frozenset(
    names("mini pro max air plus ultra note tab lite fold flip watch band buds alpha beta rc preview")
)
# Of an English sentence with a Chinese word in it: She moved to 上海 in 2019.
_SMALL = frozenset(
    names(
        "in on at by to for of since from until till with about and or is was are were than after before around "
        "between during through near over under the a an"
    )
)
# Words of English sentences, whose amounts are English: Only $5!
_SENTENCE = _SMALL | frozenset(
    names("i you he she it we they my your only just pay get got have has had cost costs save off be will can for")
)
# Words after which a number is a name in English, too: room 808, Boeing 747, Econ 101.
_PLACED = frozenset(
    names(
        "boeing airbus room gate flight bus error code route suite line econ math stat stats chem bio phys psych hist "
        "comm acct cs unit passcode password pwd"
    )
)
_NO_THING = _SMALL | _PLACED
_MONTHS = frozenset(names("Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec January February April June July August"))
_MONTHS |= frozenset(names("September October November December"))
# What is counted in scores or money, so that a number of any length is said in the language around: GRE 325, SVIP 2380.
_SCORED = frozenset(
    names("GRE GMAT TOEFL IELTS SAT ACT KET PET CET VIP SVIP VVIP ISO IQ EQ BP HR AQI BMI GPA MOQ APR PPI DPI FPS QPS")
)
_ACCOUNTS = frozenset(names("ID QQ VX WX TEL PIN"))
_YUAN = ("zh", "yue", "ja")


class Piece(NamedTuple):
    """Characters `start` to `end` (not included) in one language."""

    language: str
    start: int
    end: int


def _tokens(text: str) -> Iterator[Run]:
    for match in _TOKEN.finditer(text):
        assert match.lastgroup is not None
        yield Run(match.lastgroup, match.start(), match.end())


def _solid(text: str, tokens: Sequence[Run], languages: Sequence[str], language: str | None, own: str) -> list[str]:
    """The language of every token that decides for itself, "" for numbers, formulas and marks."""
    han = languages_of_han(text, tokens, languages, language, own)
    found = []
    for token, of_han in zip(tokens, han, strict=True):
        kind = {"address": "en", "han": of_han}.get(token.kind, token.kind)
        found.append(kind if kind in languages else "")
    return found


class _Side(NamedTuple):
    """The nearest decided language in one direction.

    `touches` when no space or clause mark stands between, `near` when no clause mark does.
    """

    language: str
    touches: bool
    near: bool


def _sides(found: Sequence[str], text: str, tokens: Sequence[Run]) -> Iterator[_Side]:
    """For every token the side before it."""
    side = _Side("", False, False)
    for name, token in zip(found, tokens, strict=True):
        yield side
        if name:
            side = _Side(name, True, True)
        elif token.kind == "mark" and (text[token.start] == "：" or CLAUSE_END.match(text, token.start)):
            side = side._replace(touches=False, near=False)
        elif token.kind == "mark" and text[token.start].isspace():
            side = side._replace(touches=False)


def _both_sides(found: Sequence[str], text: str, tokens: Sequence[Run]) -> list[tuple[_Side, _Side]]:
    after = [*_sides(found[::-1], text, tokens[::-1])][::-1]
    return list(zip(_sides(found, text, tokens), after, strict=True))


def _of_number(sides: tuple[_Side, _Side], home: str, default: str) -> str:
    """A number is read in the language it touches; touching English and another, in the other; else as `home`."""
    touching = [side.language for side in sides if side.language and side.touches]
    near = [side.language for side in sides if side.language and side.near]
    others = touching or near or [home, *(side.language for side in sides)]
    return next((side for side in others if side not in ("en", "")), next(filter(None, others), default))


def _around_names(text: str, tokens: Sequence[Run], found: Sequence[str], home: str) -> Iterator[str]:
    """For every number the language beside the English name or word that it belongs to: iPhone 15 Pro的, latte 25。"""
    start, beside = 0, [""] * len(tokens)
    while start < len(tokens):
        end = start
        while end < len(tokens) and _may_be_named(text, tokens[end], found[end]):
            end += 1
        words = [text[token.start : token.end] for token in tokens[start:end] if token.kind == "en"]
        named = 0 < len(words) <= _LONGEST_NAME and not any(word.islower() for word in words if word not in _VARIANTS)
        grouped = _grouped(text, tokens[start:end])
        language = next(filter(None, (*found[max(0, start - 1) : start], *found[end : end + 1])), "")
        if len(words) == 1:
            language = language or home
        for place in range(start, end):
            token = tokens[place]
            short = named and _SHORT.fullmatch(text, token.start, token.end) is not None
            short = short and (len(words) == 1 or token.kind == "number")
            beside_word = len(words) == 1 and words[0].islower() and words[0] not in _NO_THING
            beside_word = beside_word or (
                len(words) == 1 and (words[0] in _SCORED or _ACRONYM.fullmatch(words[0]) is not None)
            )
            beside_word = beside_word and _stands_free(tokens, place)
            if place >= 2 and _is_placed(text, tokens[place - 2 : place + 1]):
                beside[place] = "en"
            elif (_counts(text, token) and (short or beside_word or (words and place - start in grouped))) or (
                beside_word and _is_amount(text, token)
            ):
                beside[place] = language
            elif _MEASURED.fullmatch(text, token.start, token.end) and _stands_free(tokens, place):
                phrase = 0 < len(words) <= _LONGEST_PHRASE and not _SENTENCE.intersection(map(str.lower, words))
                beside[place] = (language or home) if named or beside_word or phrase else ""
            elif len(words) == 2 and words[0] in _SCORED and token.kind == "number":
                beside[place] = language or home  # SAT math 790
            elif named and _stands_free(tokens, place) and _PART.fullmatch(text, token.start, token.end):
                beside[place] = language or home
            elif named and _RESULT.fullmatch(text, token.start, token.end) and _is_between(text, tokens, place):
                beside[place] = home
            elif beside_word and words[0] in _ACCOUNTS and _IN_GROUPS.fullmatch(text, token.start, token.end):
                beside[place] = language
        start = end + 1
    return iter(beside)


def _is_placed(text: str, tokens: Sequence[Run]) -> bool:
    """True where the last of three tokens is the number of a room or a gate, or a day: Room 1208, Jan 15."""
    word, number = text[tokens[0].start : tokens[0].end], text[tokens[2].start : tokens[2].end]
    if not _is_space(text, tokens[1]):
        return False
    is_day = word in _MONTHS and re.fullmatch("[12]?[0-9]|3[01]", number) is not None
    return is_day or (word.lower() in _PLACED and re.fullmatch("[1-9][0-9]{2,3}", number) is not None)


def _grouped(text: str, tokens: Sequence[Run]) -> frozenset[int]:
    """Places of numbers of three or four digits that stand two or more in a row: Zoom 832 4471 0096."""
    numbers = [place for place, token in enumerate(tokens) if _GROUP.fullmatch(text, token.start, token.end)]
    beside = [place for place in numbers if place - 2 in numbers or place + 2 in numbers]
    return frozenset(place for place in beside if all(_is_space(text, tokens[one]) for one in _between(place, beside)))


def _between(place: int, others: Sequence[int]) -> list[int]:
    """The one token between a place and its neighbours two further on."""
    return [(place + other) // 2 for other in others if abs(other - place) == 2]


def _is_between(text: str, tokens: Sequence[Run], place: int) -> bool:
    """True where a space and an English word stand on either side."""
    sides = [tokens[max(0, place - 2) : place][::-1], tokens[place + 1 : place + 3]]
    return all(len(side) == 2 and _is_space(text, side[0]) and side[1].kind == "en" for side in sides)


def _stands_free(tokens: Sequence[Run], place: int) -> bool:
    """True for a number that no letter touches, so not for that of bzip2 or 4o."""
    return all(token.kind != "en" for token in (*tokens[max(0, place - 1) : place], *tokens[place + 1 : place + 2]))


def _counts(text: str, token: Run) -> bool:
    """True for a number and for 4K or 5G beside an English word: 4K HDR."""
    return token.kind == "number" or bool(_SHORT_CODE.fullmatch(text, token.start, token.end))


def _may_be_named(text: str, token: Run, found: str) -> bool:
    """True for what may stand in the name of a thing or count it: iPhone 15 Pro 256GB."""
    if found == "en" or _counts(text, token) or _is_space(text, token):
        return True
    if token.kind in ("han", "ja", "ko", "mark"):
        return False
    patterns = (_AMOUNT, _MEASURED, _IN_GROUPS, _PART, _RESULT)
    return any(pattern.fullmatch(text, token.start, token.end) for pattern in patterns)


def _is_amount(text: str, token: Run) -> bool:
    return _AMOUNT.fullmatch(text, token.start, token.end) is not None


def _is_space(text: str, token: Run) -> bool:
    return token.kind == "mark" and text[token.start] == " "


def _languages_of_numbers(text: str, tokens: Sequence[Run], found: Sequence[str], default: str) -> list[str]:
    """The language of every token, "" for marks: words keep theirs, numbers and formulas take one of a neighbour."""
    home = next((name for name in found if name not in ("en", "")), "")
    beside = _around_names(text, tokens, found, home)
    resolved = []
    for name, token, sides, name_of in zip(found, tokens, _both_sides(found, text, tokens), beside, strict=True):
        if name_of:
            name = name_of
        elif home in _YUAN and (text[token.start] in "¥￥" or _TEN_THOUSANDS.fullmatch(text, token.start, token.end)):
            name = home
        elif token.kind in ("number", "formula"):
            name = name or _of_number(sides, home, default)
        resolved.append(name)
    return resolved


def segment(text: str, languages: Sequence[str], language: str | None = None, own: str | None = None) -> list[Piece]:
    """Split into pieces in order that together are the whole text.

    Args:
        text: any text.
        languages: those that there is a front end for; the first is for a text that names none.
        language: what Han characters are when the caller knows; other scripts keep their own language.
        own: the language of the voice, for Han characters that show no language; None is Mandarin.
    """
    tokens = list(_tokens(text))
    found = _solid(text, tokens, languages, language, own or "zh")
    _keep_acronyms(found, text, tokens)
    default = language or next((name for name in found if name), own or languages[0])
    resolved = _languages_of_numbers(text, tokens, found, default)
    first = next((name for name in resolved if name), default)
    pieces: list[Piece] = []
    for token, name in zip(tokens, resolved, strict=True):
        name = name or (pieces[-1].language if pieces else first)
        if pieces and pieces[-1].language == name:
            pieces[-1] = pieces[-1]._replace(end=token.end)
        else:
            pieces.append(Piece(name, token.start, token.end))
    return pieces


def _keep_acronyms(found: list[str], text: str, tokens: Sequence[Run]) -> None:
    """NHK, KBS and the like are letters that Japanese and Korean say in their own way."""
    sides = _both_sides(found, text, tokens)
    for place, token in enumerate(tokens):
        if token.kind != "en":
            continue
        if _LAUGHTER.fullmatch(text, token.start, token.end):
            found[place] = "ja" if any(side.touches and side.language == "ja" for side in sides[place]) else "en"
        elif _ACRONYM.fullmatch(text, token.start, token.end):
            keeping = ("ja", "ko") if token.end - token.start > 1 else ("ja",)  # Tシャツ, B級
            kept = [side.language for side in sides[place] if side.touches and side.language in keeping]
            found[place] = kept[0] if kept else "en"
