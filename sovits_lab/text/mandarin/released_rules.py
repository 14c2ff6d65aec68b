"""Numbers and signs exactly as the front end of the released GPT-SoVITS models says them, mistakes included.

For parity checks and for anyone who must give a released model precisely the text it was trained with; our own
readings are in `rules`. The order and the reach of the rules are facts of that front end (after PaddleSpeech,
Apache-2.0), stated in `docs/text.md`.
"""

from __future__ import annotations

import re
from itertools import pairwise

from sovits_lab.text.mandarin.characters import HALF_WIDTH, simplified
from sovits_lab.text.mandarin.numbers import cardinal, decimal, digits
from sovits_lab.text.tables import pairs
from sovits_lab.text.traced import Rule, Traced, rule

Match = re.Match[str]
_SENTENCE_END = re.compile(r"[：、，；。？！,;?!][”’]?|\n")
_HOUR, _SIXTY = r"([0-1]?[0-9]|2[0-3])", r"([0-5][0-9])"
_NUMBER = r"\d+(?:\.\d+)?"
_POWERS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹ˣʸⁿ", "0123456789xyn")
_TERM = rf"(?:-?{_NUMBER}[⁰¹²³⁴⁵⁶⁷⁸⁹ˣʸⁿ]*|\.\d+[⁰¹²³⁴⁵⁶⁷⁸⁹ˣʸⁿ]*|[A-Za-z][⁰¹²³⁴⁵⁶⁷⁸⁹ˣʸⁿ]*)"
_SIGNS = {"+": "加", "-": "减", "×": "乘", "÷": "除", "=": "等于"}
_UNITS = {
    "cm2": "平方厘米",
    "cm²": "平方厘米",
    "cm3": "立方厘米",
    "cm³": "立方厘米",
    "cm": "厘米",
    "db": "分贝",
    "ds": "毫秒",
    "kg": "千克",
    "km": "千米",
    "m2": "平方米",
    "m²": "平方米",
    "m³": "立方米",
    "m3": "立方米",
    "ml": "毫升",
    "m": "米",
    "mm": "毫米",
    "s": "秒",
}
_UNIT = "%|°C|℃|度|摄氏度|" + "|".join(_UNITS)
QUANTIFIERS = (
    "处台架枚趟幅平方堵间床株批项例列篇栋注亩封艘把目套段人所朵匹张座回场尾条个首阙阵网炮顶丘棵只支袭辆挑担颗壳窠曲墙群腔砣客贯扎捆刀令"
    "打手罗坡山岭江溪钟队单双对出口头脚板跳枝件贴针线管名位身堂课本页家户层丝毫厘分钱两斤铢石钧锱忽寸尺丈里寻常铺程米撮勺合升斗盘碗碟叠桶笼盆"
    "盒杯斛锅簋篮罐瓶壶卮盏箩箱煲啖袋钵年月日季刻时周天秒旬纪岁世更夜春夏秋冬代伏辈丸泡粒幢堆根道面片块元角吨"
)
_LONG_QUANTIFIERS = "亿|千万|百万|万|千|百|[千毫微]克|公分|[千微]米|小时|美元|十吨|毛"
_LEFT_OVER = pairs("zh_left_over_released.tsv")


def _say(number: str) -> str:
    return decimal(number, keep_zeros=False)


def _signed(sign: str, minus: str = "负") -> Rule:
    """Sign and number, `minus` for the sign."""
    return rule(sign, lambda m: (minus if m[1] else "") + _say(m[2]))


def _sixty(number: str) -> str:
    bare = number.lstrip("0")
    return ("零" if number[0] == "0" else "") + cardinal(bare)


def _clock(hour: str, minute: str, second: str | None, first_minute: str | None = None) -> str:
    words = f"{cardinal(hour)}点"
    if minute.lstrip("0"):
        words += "半" if int(first_minute or minute) == 30 else f"{_sixty(minute)}分"
    return words + (f"{_sixty(second)}秒" if second and second.lstrip("0") else "")


def _time_range(m: Match) -> str:
    # The half hour of the second time is decided by the minute of the first: the released front end does so.
    return f"{_clock(m[1], m[2], m[3])}至{_clock(m[4], m[5], m[6], m[2])}"


def _date(m: Match) -> str:
    month = f"{cardinal(m[2])}月" if m[2] else ""
    return f"{digits(m[1])}年{month}" + (f"{cardinal(m[3])}{m[4]}" if m[3] else "")


def _telephone(m: Match) -> str:
    return "，".join(digits(part, one="幺") for part in re.split(r"-", m[0]))


def _mobile(m: Match) -> str:
    return "，".join(digits(part, one="幺") for part in m[0].strip("+").split())


def _counted(m: Match) -> str:
    words = cardinal(m[1])
    return ("两" if words == "二" else words) + ("多" if m[2] == "+" else m[2] or "")


def _pair(m: Match) -> str:
    first, second = (("负" if part[0] == "-" else "") + _say(part.lstrip("-")) for part in (m[1], m[2]))
    return f"{first}到{second}"


_CLOCK = rf"{_HOUR}:{_SIXTY}(?::{_SIXTY})?"
_BEFORE_ARITHMETIC: tuple[Rule, ...] = (
    rule(r"(\d{4}|\d{2})年(?:(0?[1-9]|1[0-2])月)?(?:(0?[1-9]|[12][0-9]|30|31)([日号]))?", _date),
    rule(
        r"(\d{4})([- /.])(0[1-9]|1[012])\2(0[1-9]|[12][0-9]|3[01])",
        lambda m: f"{digits(m[1])}年{cardinal(m[3])}月{cardinal(m[4])}日",
    ),
    rule(rf"{_CLOCK}[~-]{_CLOCK}", _time_range),
    rule(_CLOCK, lambda m: _clock(m[1], m[2], m[3])),
    rule(rf"((?:-?{_NUMBER}|\.\d+)(?:{_UNIT}))~(?=(?:-?{_NUMBER}|\.\d+)(?:{_UNIT}))", r"\1至"),
    rule(
        rf"(-?)({_NUMBER})(°C|℃|度|摄氏度)",
        lambda m: ("零下" if m[1] else "") + _say(m[2]) + ("摄氏度" if m[3] == "摄氏度" else "度"),
    ),
    *(rule(re.escape(unit), word) for unit, word in _UNITS.items()),
)
_ARITHMETIC = rule(rf"({_TERM})([+\-×÷=])(?={_TERM})", lambda m: m[1] + _SIGNS[m[2]])
_AFTER_ARITHMETIC: tuple[Rule, ...] = (
    rule("[⁰¹²³⁴⁵⁶⁷⁸⁹ˣʸⁿ]+", lambda m: f"的{m[0].translate(_POWERS)}次方"),
    rule(r"(-?)(\d+)/(\d+)", lambda m: ("负" if m[1] else "") + f"{cardinal(m[3])}分之{cardinal(m[2])}"),
    rule(rf"(-?)({_NUMBER})%", lambda m: ("负" if m[1] else "") + f"百分之{_say(m[2])}"),
    rule(r"(?<!\d)(?:\+?86 ?)?1(?:[38]\d|5[0-35-9]|7[678]|9[89])\d{8}(?!\d)", _mobile),
    rule(r"(?<!\d)(?:0(?:10|2[1-3]|[3-9]\d{2})-?)?[1-9]\d{6,7}(?!\d)", _telephone),
    rule(r"400-?\d{3}-?\d{4}", _telephone),
    rule(rf"(?<![\d+\-×÷=])(-?{_NUMBER})[-~](-?{_NUMBER})(?![\d+\-×÷=])", _pair),
    rule(r"-(\d+)", lambda m: f"负{cardinal(m[1])}"),
    rule(r"\d+\.\d+(?:\.\d+)?(?:\.\d+)+", lambda m: digits(m[0]).replace(".", "点")),
    _signed(r"(-?)(\d+\.\d+|(?<!\d)\.\d+)"),
    rule(rf"(\d+)([多余几+])?(?=[{QUANTIFIERS}]|{_LONG_QUANTIFIERS})", _counted),
    rule(r"\d{3,}", lambda m: digits(m[0], one="幺")),
    _signed(rf"(-?)({_NUMBER}|\.\d+)"),
    rule(f"[{re.escape(''.join(_LEFT_OVER))}]", lambda m: _LEFT_OVER[m[0]]),
    rule(r"[-—《》【】<=>{}()（）#&@“”^_|\\]", "", "punctuation without a pause"),
)
_NOT_KEPT = rule(r"[—《》【】<>{}()（）#&@“”^_|\\]", "", "punctuation without a pause")
_SPACE = rule(" ", "", "space")
_PAUSE = "!?…,.-"
_MARKS = dict(zip("：；，。！？\n·、$/—~～", ",,,.!?.,,.,-……", strict=True)) | {"...": "…"}
_TO_MARKS: tuple[Rule, ...] = (
    rule("嗯", "恩"),
    rule("呣", "母"),
    rule("|".join(re.escape(mark) for mark in sorted(_MARKS, key=len, reverse=True)), lambda m: _MARKS[m[0]]),
    rule(rf"[^\u4e00-\u9fa5{_PAUSE}]", ""),
)
_ONE_MARK = rule(rf"(?<=[{_PAUSE}])[{_PAUSE}]+", "", "repeated punctuation")


def _sentence(text: Traced) -> Traced:
    text = text.translate(simplified()).translate(HALF_WIDTH).apply(_BEFORE_ARITHMETIC)
    while (changed := text.apply((_ARITHMETIC,))) is not text:
        text = changed
    return text.apply(_AFTER_ARITHMETIC)


def spoken(text: Traced) -> Traced:
    """Say numbers and signs in words; each sentence by itself, as the rules look at their neighbours."""
    text = text.apply((_SPACE, _NOT_KEPT))
    cuts = [0, *(match.end() for match in _SENTENCE_END.finditer(text.text)), len(text)]
    pieces = [text[start:end] for start, end in pairwise(cuts)]
    return Traced.concat([_sentence(piece) for piece in pieces if piece.text.strip()], text.dropped)


def normalise(text: Traced) -> Traced:
    """Normalise a text to Han characters and pause marks, never two marks in a row."""
    return spoken(text).apply(_TO_MARKS).apply((_ONE_MARK,))
