"""Korean numbers and signs as words."""

from __future__ import annotations

import re
import unicodedata

from sovits_lab.text.korean.numbers import digits, native, sino
from sovits_lab.text.tables import any_of, names, pairs, words
from sovits_lab.text.traced import Rule, Traced, rule

Match = re.Match[str]
# Native numbers stand before these; 개월, 번호 and the like take Sino-Korean ones, as do ages by tens (20대).
_COUNTERS = (
    any_of(words("ko_counters.txt"))
    + r"|개(?![월국년소])|번(?!호|지|\s?(?:버스|출구|문제|선수|타자|홈|방|국도|트랙|승강장|게이트|창구|노선|좌석))"
    + r"|시(?![리즈])|장(?![관군])|대(?!\s?[0-9])|배(?![송달])|달(?!러)|통(?!화)|줄(?!기)|판(?!매)|끼|팀"
    + r"|골(?!프)|표(?!준)|알(?!파)|모(?=[ 를와나가,.]|$)"
)
_SINO_COUNTED = "(?:일|년|주|분|초|개월|층|인분|등|도|퍼센트|킬로|미터|센티|만|천|백|위|월|학년|회|급|단계)"
_ENGLISH = {"2": "투", "3": "쓰리", "4": "포", "5": "파이브"}
_ENGLISH_ONE = {"1": "원", "2": "투", "3": "쓰리"}
_SQUARED = dict(zip("㎠㎡㎢㎣㎤㎥㎦", ("cm²", "m²", "km²", "mm³", "cm³", "m³", "km³"), strict=True))
_WEEK = "[월화수목금토일]"
_CHAT = pairs("ko_chat.tsv")
_JAMO = dict(
    pair.split("=")
    for pair in names(
        "ㄱ=기역 ㄴ=니은 ㄷ=디귿 ㄹ=리을 ㅁ=미음 ㅂ=비읍 ㅅ=시옷 ㅇ=이응 ㅈ=지읒 ㅊ=치읓 ㅋ=키읔 ㅌ=티읕 "
        "ㅍ=피읖 ㅎ=히읗 ㄲ=쌍기역 ㄸ=쌍디귿 ㅃ=쌍비읍 ㅆ=쌍시옷 ㅉ=쌍지읒"
    )
)
_UNITS = pairs("ko_units.tsv")
_LETTERS = pairs("ko_letters.tsv")
_VEHICLE = re.compile(
    r"(?:차|버스|트럭|택시|컴퓨터|노트북|카메라|비행기|항공기|헬기|기계|에어컨|자전거|오토바이|킥보드|티브이|TV|텔레비전|전화기|휴대폰|폰"
    r"|냉장고|세탁기|프린터|모니터|서버|드론|로봇|피아노|기타|의자|침대|탱크|전차|전투기|구급차|엘리베이터)"
    r"(?:이|가|은|는|을|를|도|만|까지)?\s?(?:총|약|모두|무려|각각|최대|하루)?\s?$"
)
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
    """Turn "3.14" into "삼점일사"."""
    head, _, tail = text.partition(".")
    return sino(head) + (f"점{digits(tail)}" if tail else "")


def _counted(m: Match) -> str:
    """Native before a counter; hours from 13 and ages by tens are Sino-Korean, the first of an order is 첫."""
    value, counter = int(m[1]) if len(m[1]) < 3 else 0, m[2].strip()
    if value == 1 and counter == "번째":
        return "첫" + m[2]
    tens = counter == "대" and value >= 10 and value % 10 == 0 and not _VEHICLE.search(m.string, 0, m.start())
    late = (counter == "시" and value > 12) or (counter == "시간" and value >= 20)
    plain = not 0 < value < 100 or tens or late
    return (sino(m[1]) if plain else native(value)) + m[2]


def _about(m: Match) -> str:
    """2~3명 is 두세 명: two neighbouring small numbers before a counter."""
    first, second = int(m[1]), int(m[2])
    ranges = {1: "한두", 2: "두세", 3: "서너", 4: "네다섯", 5: "대여섯", 6: "예닐곱", 7: "일고여덟"}
    if second == first + 1 and first in ranges:
        return ranges[first] + m[3]
    return f"{m[1]}{m[3]}에서 {m[2]}{m[3]}"


def _neighbours(m: Match) -> str:
    """2~3일 is 이삼 일; numbers that do not follow each other are a range."""
    return sino(m[1]) + sino(m[2]) if int(m[2]) == int(m[1]) + 1 else m[0]


def _chat(m: Match) -> str:
    """Letters of a chat: laughter sounds, tears are silent, an abbreviation is its words, other letters their names."""
    text = m[0]
    if text[0] in "ㅋㅎ" and len(set(text)) == 1:
        return {"ㅋ": "크", "ㅎ": "흐"}[text[0]] * min(len(text), 3)
    if text in _CHAT:
        return _CHAT[text]
    if all("ㅏ" <= char <= "ㅣ" for char in text):
        return "" if set(text) <= set("ㅠㅜㅡㅗ") else "".join(chr(0xC544 + 28 * (ord(c) - 0x314F)) for c in text)
    return "".join(_JAMO.get(char, char) for char in text)


def _compatible(m: Match) -> str:
    return unicodedata.normalize("NFKC", m[0]) if m[0] not in "㎠㎡㎢㎣㎤㎥㎦" else _SQUARED[m[0]]


def _vulgar(m: Match) -> str:
    top, _, bottom = unicodedata.normalize("NFKC", m[0]).partition("\u2044")
    return f"{sino(bottom)}분의 {sino(top)}"


def _version(m: Match) -> str:
    return "점".join(sino(part) for part in m.groups() if part)


def _equals(m: Match) -> str:
    """The topic particle after a number, by its last sound."""
    return m[1] + ("는 " if m[1] in "2459" else "은 ")


def _slash(m: Match) -> str:
    """3/4 is a fraction; 12/25 and 5/3 are days."""
    first, second = int(m[1]), int(m[2])
    if not first < second <= 10 and 1 <= first <= 12 and 1 <= second <= 31:
        return f"{m[1]}월 {m[2]}일"
    return f"{sino(m[2])}분의 {sino(m[1])}"


def _dollars(m: Match) -> str:
    return f"{sino(m[1])}달러" + (f" {sino(m[2].lstrip('0'))}센트" if m[2] and int(m[2]) else "")


def _named(m: Match) -> str:
    """Telephone numbers without an area code: digit by digit."""
    return f"{digits(m[1], zero='공')}, {digits(m[2], zero='공')}"


def _number_of_order(m: Match) -> str:
    """Numbers of orders and accounts: digit by digit."""
    return m[1] + ", ".join(digits(part, zero="공") for part in m[2].split("-"))


def _per(m: Match) -> str:
    """150μg/m³: 세제곱미터당 백오십 마이크로그램 is said in the order written, 마이크로그램 퍼 세제곱미터."""
    return f"{number(m[1])}{_UNITS[m[2]]} 퍼 {_UNITS[m[3]]}"


def _clock(m: Match) -> str:
    hour, minute = int(m[1]), int(m[2])
    hour_name = native(hour) if 1 <= hour <= 12 else sino(str(hour))
    return f"{hour_name}시" + (f" {sino(str(minute))}분" if minute else "")


def _month(m: Match) -> str:
    return {"6": "유", "06": "유", "10": "시"}.get(m[1]) or sino(m[1].lstrip("0"))


def _telephone(m: Match) -> str:
    return ", ".join(digits(part, zero="공") for part in re.split(r"[-.)\s]+", m[0]))


_CHARACTERS: tuple[Rule, ...] = (
    rule("[㎀-㏟㍱-㍺]", _compatible),
    rule("[¼-¾⅐-⅞]", _vulgar),
    rule("[Ⅰ-Ⅻⅰ-ⅻ]", lambda m: str(int(unicodedata.numeric(m[0])))),
    rule(r"(?<![A-Za-z])[Nn]o\.\s?(?=[0-9])|№\s?(?=[0-9])", "넘버 "),
    rule("(?<=[0-9])，(?=[0-9]{3}(?![0-9]))", ","),
    rule("√(?=[0-9])", "루트 "),
    rule(
        "(?<![A-Za-z])([A-Z])/([A-Z])(?![A-Za-z])",
        lambda m: _LETTERS[m[1].lower()] + _LETTERS[m[2].lower()],
    ),
    rule("(?<=[a-z])[0-9]{3,}(?![0-9.,:]|-[0-9])", lambda m: " " + digits(m[0], zero="공")),
    rule("(?<![A-Za-z0-9])(L|l|kg|g|km|m|ml|mL|GB)(?=당)", lambda m: _UNITS[m[1]]),
    rule(r"[★☆](?=[0-9])", "별 "),
    rule(
        r"(?<![0-9+\-=×])([123])\+([12])(?!\s?[=0-9+\-×.])",
        lambda m: f"{_ENGLISH_ONE[m[1]]} 플러스 {_ENGLISH_ONE[m[2]]}",
    ),
    rule(r"(?<![0-9.])([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})(?:\.([0-9]{1,3}))?(?![0-9.])", _version),
    rule(r"(?<=번호)([는은가이:]?\s?)([1-9][0-9]*(?:-[0-9]+)+)(?![0-9-])", _number_of_order),
    rule(
        r"(?<![0-9-])([0-9]{1,3})\s?[-–]\s?([0-9]{1,3})(?=으?로(?![가-힣])|\s(?:승리|역전승|완승|무승부|패배|리드))",
        r"\1대 \2",
    ),
    rule(r"(?<![0-9])([0-9]{1,3})장(?=\s?[0-9]{1,3}절)", lambda m: sino(m[1]) + "장"),
)
_MEMORABLE = (
    r"(?=\s?(?:절|운동|혁명|민주|전쟁|사변|광복|항쟁|사건|사태"
    r"|쿠데타|정변|기념|참전|독립|만세|경축|때|당시|이후|전사|유공))"
)


def _memorable(m: Match) -> str:
    """6.25 전쟁 as 육이오, 12.12 사태 as 십이십이: days that are names."""
    return sino(m[1]) + (sino(m[2]) if m[1] == m[2] else digits(m[2]))


_DATES: tuple[Rule, ...] = (
    rule(r"(?<![0-9.])(3|4|5|6|8|10|12)[.·](1|3|10|12|15|16|18|19|25|26)(?![0-9.])" + _MEMORABLE, _memorable),
    rule(r"(?<![0-9,])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])", lambda m: m[0].replace(",", "")),
    rule(r"\$([0-9]+)\.([0-9]{2})(?![0-9])", _dollars),
    rule(rf"([{''.join(_MONEY)}])([0-9]+(?:\.[0-9]+)?)", lambda m: number(m[2]) + _MONEY[m[1]]),
    rule(r"(?<![0-9])0[0-9]{1,2}[-.) ]\s?[0-9]{3,4}[-. ][0-9]{4}(?![0-9])", _telephone),
    rule(
        r"(?<![0-9.,])1[123][0-9]{1,2}(?=(?:[에로]|으로)\s?(?:전화|신고|연락|문의)|\s?(?:구급|구조대|신고|종합상황))"
        r"|(?<=전화는 )1[0-9]{2,3}(?![0-9명원])|(?<=번호는 )1[0-9]{2,3}(?![0-9명원])",
        lambda m: digits(m[0], zero="공"),
    ),
    rule(r"(?<![0-9-])(1[4-8][0-9]{2})-([0-9]{4})(?![0-9-])", _named),
    rule(
        r"([12][0-9]{3})[-/.]\s?(1[0-2]|0?[1-9])[-/.]\s?(3[01]|[12][0-9]|0?[1-9])(?![0-9])\.?",
        lambda m: f"{sino(m[1])}년 {_month(re.match('(.*)', m[2]) or m)}월 {sino(m[3].lstrip('0'))}일",
    ),
    rule(r"(?<![0-9/])([0-9]{1,2})/([0-9]{1,3})(?![0-9/])", _slash),
    rule(rf"[(]({_WEEK})[)]", r", \1요일"),
    rule(rf"(?<![가-힣0-9])({_WEEK})\s?[~～-]\s?({_WEEK})(?![가-힣]|[0-9])", r"\1요일에서 \2요일"),
    rule(r"(?<=:[0-5][0-9])\s?[~-]\s?(?=[0-9]{1,2}:[0-5][0-9])", "에서 "),
    rule(r"(?<![0-9])([01]?[0-9]|2[0-4]):([0-5][0-9])(?![0-9:])", _clock),
    rule(r"(?<![0-9])(1[0-2]|0?[1-9])(?=월)", _month),
)
_RELATIONS: tuple[Rule, ...] = (
    rule(r"(?<![0-9])([0-9]+):([0-9]+)(?![0-9])", lambda m: f"{sino(m[1])} 대 {sino(m[2])}"),
    rule(
        rf"(?<![0-9])([0-9]+)(\s?)대(\s?)([0-9]+)(?![0-9]|\s?(?:번째|{_COUNTERS}))",
        lambda m: f"{sino(m[1])}{m[2]}대{m[3]}{sino(m[4])}",
    ),
    rule(r"(?<![0-9가-힣])-(?=[0-9.]+\s?(?:℃|°C|도))", "영하 "),
    rule(r"(?<![0-9가-힣])-(?=[0-9])", "마이너스 "),
    rule("[①-⑳㉠-㉮]", lambda m: unicodedata.normalize("NFKC", m[0]) + " "),
    rule(r"(?<=[0-9)])\s?[-]\s?(?=[0-9]+(?:\.[0-9]+)?\s?=)", " 빼기 "),
    rule(r"([0-9])\s?=\s?(?=[0-9-])", _equals),
    rule(r"(?<=[0-9][%℃A-Za-z])\s?~\s?(?=[0-9])", "에서 "),
    rule(r"(?:시속\s?)?([0-9]+(?:\.[0-9]+)?)\s?km/h", r"시속 \1킬로미터"),
    rule(r"(?<![0-9A-Za-z])([2345])([DG])(?![A-Za-z])", lambda m: _ENGLISH[m[1]] + {"D": "디", "G": "지"}[m[2]]),
    rule(rf"([0-9]+(?:\.[0-9]+)?)\s?({any_of(_UNITS)})/({any_of(_UNITS)})(?![A-Za-z0-9])", _per),
    rule(rf"([0-9]+(?:\.[0-9]+)?)\s?({any_of(_UNITS)})(?![A-Za-z])", lambda m: number(m[1]) + _UNITS[m[2]]),
    rule(rf"(?<![0-9.])([2-8])\s?[~-]\s?([3-9])(?=\s?{_SINO_COUNTED})", _neighbours),
    rule(rf"(?<![0-9.])([1-7])\s?[~-]\s?([0-9])(\s?(?:{_COUNTERS}))", _about),
    rule(r"(?<=[0-9])\s?[-~]\s?(?=[0-9])|(?<=[0-9][가-힣])\s?~\s?(?=[0-9])", "에서 "),
    rule(r"(?<=[0-9][가-힣][가-힣])\s?~\s?(?=[0-9])|(?<=[터램트로])~(?=[0-9])", "에서 "),
    rule(rf"(?<![0-9.제])([0-9]+)(\s?(?:{_COUNTERS}))", _counted),
    rule(r"[0-9]+(?:\.[0-9]+)?", lambda m: number(m[0])),
    rule(any_of(_SIGNS), lambda m: _SIGNS[m[0]]),
)
_LETTERS_OF_CHAT: tuple[Rule, ...] = (rule("[ㄱ-ㅣ]+", _chat, "letters without a sound"),)
_MARKS: tuple[Rule, ...] = (
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
    """Normalise a text to Hangul, Latin letters, single spaces and pause marks."""
    return text.translate(_HALF).apply((*_CHARACTERS, *_DATES, *_RELATIONS, *_LETTERS_OF_CHAT, *_MARKS))


def normalise_released(text: Traced) -> Traced:
    """Normalise a text as `normalise` does; single letters stay as they are written."""
    return text.translate(_HALF).apply((*_DATES, *_RELATIONS, *_MARKS))
