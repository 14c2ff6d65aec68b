"""Dates, times of day, what something took, and scores in Mandarin."""

from __future__ import annotations

import re

from sovits_lab.text.mandarin.numbers import amount, cardinal, digits, number
from sovits_lab.text.mandarin.units import UNIT
from sovits_lab.text.traced import Rule, rule

Match = re.Match[str]
_N = r"[0-9]+(?:\.[0-9]+)?"
_ALONE = r"(?<![0-9.])"
_TO = r"\s?(?:-|~|～|—|–|至|到)\s?"
_MONTH, _DAY = r"(1[0-2]|0?[1-9])", r"(3[01]|[12][0-9]|0?[1-9])"
_HOUR, _SIXTY = r"([01]?[0-9]|2[0-4])", r"([0-5][0-9])"
_YEAR = "(19[5-9][0-9]|20[0-3][0-9])"
_CLOCK = rf"{_HOUR}:{_SIXTY}(?::{_SIXTY})?(?![0-9:])"
_SCORE_WORD = re.compile(r"(?:比分|比例|比率|以|胜|负|战平|领先|落后|比)(?:是|为|约|成|了)?\s?$")
_WON = (
    "击败|战胜|大胜|险胜|完胜|逆转|力克|获胜|取胜|落败|不敌|输给|战平|领先|落后|惨败|负于"
    "|横扫|淘汰|绝杀|卫冕|胜出|干掉|血洗|轻取|送走|小胜|险胜|惜败|惜负|憾负|告负|失利|打平|逼平|赢|输|胜(?!任)|平(?:局|了|手)|踢平|握手言和|拿下|晋级|夺冠|反超|扳平"
)
# What says that 3/15 is a day, not a share.
_DATED = (
    "(?:deadline|DDL|ddl|有效期?[到至]?|截[止至]|截止日期?|日期|生日|到期|开学|开幕|发布会?|提前[到至]|顺延[到至]|[改拖挪][到至]|改期[到至]|推迟[到至]|延期?[到至]|定[在于]|约在|周[一二三四五六日天]|星期[一二三四五六日天]|考位|考期|档期|交期|排期|婚期|航班|机票|入住|退房|发货|到货|首发|面试|体检|预约)"
    "(?:是|为|到|在|于|:|：|,|，|\\(|（|\\s)*"
)
_AT_A_DATE = (
    "\\s?(?:[01]?[0-9]:[0-5][0-9]|2[0-4]:[0-5][0-9]|[(（]?(?:周|星期)[一二三四五六日天]|之?前(?!置|提)|当[天晚]|那天|晚上?|早上|上午|下午"
    "|凌晨|中午|从(?![中头])|飞(?!行|机|快)|抵达|入住|退房|回国|到货|首[发映]|预售|开[抢播始学幕业票售]|出发|截止|上[线映市]|发[布货]|到期|见(?!面的)|起(?!来))"
)


def _date(m: Match) -> str:
    month = f"{cardinal(m[2])}月" if m[2] else ""
    return f"{digits(m[1])}年{month}" + (f"{cardinal(m[3])}{m[4]}" if m[3] else "")


def _year_month(year: str, month: str) -> str:
    return f"{digits(year)}年{cardinal(str(int(month)))}月"


def _clock(hour: str, minute: str, second: str | None) -> str:
    words = ("两" if int(hour) == 2 else cardinal(hour)) + "点"
    if minute == "30" and second is None:
        return words + "半"
    if minute != "00" or (second and second != "00"):
        words += ("零" if minute[0] == "0" else "") + cardinal(minute.lstrip("0")) + "分"
    if second and second != "00":
        words += ("零" if second[0] == "0" else "") + cardinal(second.lstrip("0")) + "秒"
    return words


def _race(m: Match) -> str:
    """半马1:45:30 is what a runner took; of 破 and 跑进 a marathon must have been named before."""
    if m[1][0] in "破跑" and not re.search("[半全]马|马拉松", m.string[: m.start()]):
        return m[0]
    seconds = f"{cardinal(str(int(m[4])))}秒" if m[4] else ""
    return f"{m[1]}{amount(m[2])}小时{cardinal(str(int(m[3])))}分{seconds}"


def _time(m: Match) -> str:
    if _SCORE_WORD.search(m.string, max(0, m.start() - 6), m.start()):
        return f"{cardinal(m[1])}比{cardinal(m[2])}" + (f"比{cardinal(m[3])}" if m[3] else "")
    return _clock(m[1], m[2], m[3])


def share(m: Match) -> str:
    """Return 4/5 as a share; 12/3, which is more than one, is a day unless it is multiplied."""
    more = int(m[1]) > int(m[2]) > 0 and int(m[1]) <= 12
    beside = m.string[max(0, m.start() - 1) : m.start()] + m.string[m.end() : m.end() + 1]
    if more and not re.search("[a-zA-Zπ=×÷+*^拍倍的]", beside):
        return f"{cardinal(m[1])}月{cardinal(m[2])}日"
    return f"{cardinal(m[2])}分之{cardinal(m[1])}"


DATES: tuple[Rule, ...] = (
    # 21-22赛季, 2021/22赛季
    rule(
        r"(?<![0-9.])((?:20|19)?[0-9]{2})[-/–]((?:20|19)?[0-9]{2})(?=赛季|财年|学年|年度)",
        lambda m: digits(m[1]) + digits(m[2]),
    ),
    # dates and times
    rule(
        rf"(?<![0-9.]){_YEAR}\.{_MONTH}({_TO}){_YEAR}\.{_MONTH}(?![0-9.])",
        lambda m: f"{_year_month(m[1], m[2])}到{_year_month(m[4], m[5])}",
    ),
    rule(
        rf"(?<![0-9.¥￥$额价共计付收]){_YEAR}\.(0[1-9])(?![0-9.]|\s?(?:[元块万亿千点分%倍度]|{UNIT}))",
        lambda m: _year_month(m[1], m[2]),
    ),
    rule(
        rf"((?:出生年月|出生日期|毕业时间|入职时间|日期|时间)(?:是|为|:|：)?\s?){_YEAR}\.(1[0-2])(?![0-9.])",
        lambda m: m[1] + _year_month(m[2], m[3]),
    ),
    rule(
        rf"((?:[半全]马|马拉松|破|跑进)(?:成绩)?(?:了|是|为|到|:|：)?\s?)([1-6]):{_SIXTY}(?::{_SIXTY})?(?![0-9:])",
        _race,
    ),
    rule(
        rf"((?:用时|耗时|时长|片长|曲长|配速|圈速|单圈|净?成绩|完赛|(?:[0-9百千]米|公里|[0-9]km)(?:跑|游|自由泳|蛙泳|只?用|跑[了出进]))(?:是|为|约|了|:|：|,|，)?\s?)(?:([0-9]{{1,2}}):)?([0-9]{{1,2}}):{_SIXTY}(?![0-9:])",
        lambda m: (
            m[1] + (f"{amount(m[2])}小时" if m[2] else "") + f"{cardinal(str(int(m[3])))}分{cardinal(str(int(m[4])))}秒"
        ),
    ),
    # a place in a film or a song: 视频3:28那里
    rule(
        rf"((?:视频|音频|录音|录像|进度条?|影片|歌曲?|片子)(?:的|到|里)?第?\s?)([0-9]{{1,2}}):{_SIXTY}(?=处|那里|那儿|的(?:地方|位置)|左右)",
        lambda m: f"{m[1]}{cardinal(m[2])}分{cardinal(str(int(m[3])))}秒",
    ),
    # 2h58min
    rule(
        rf"(?<![0-9A-Za-z.])([0-9]{{1,2}})\s?h\s?([0-5]?[0-9])\s?(?:min|m)?(?:\s?{_SIXTY}\s?s)?(?![0-9A-Za-z]|\.[0-9])",
        lambda m: (
            f"{amount(m[1])}小时{cardinal(str(int(m[2])))}分" + (f"{cardinal(str(int(m[3])))}秒" if m[3] else "钟")
        ),
    ),
    rule(rf"{_ALONE}([12][0-9]{{3}}){_TO}(?=[12][0-9]{{3}}年)", lambda m: digits(m[1]) + "到"),
    rule(
        rf"{_ALONE}([0-9]{{4}}|0[0-9]|[7-9][0-9](?!年(?:代|前|后|来|的历史|历史|多|里|间|以|之|内|左右|华诞|寿))|[0-9]{{2}}(?=年(?:1[0-2]|0?[1-9])月))年(?:{_MONTH}月(?:{_DAY}([日号]))?)?",
        _date,
    ),
    rule(
        rf"(?<![0-9.\-/])([12][0-9]{{3}})([-/.]){_MONTH}\2{_DAY}(?![0-9.\-/])",
        lambda m: f"{digits(m[1])}年{cardinal(m[3])}月{cardinal(m[4])}日",
    ),
    rule(
        rf"(?<![0-9.\-/]){_MONTH}/{_DAY}/([12][0-9]{{3}})(?![0-9.\-/])",
        lambda m: f"{digits(m[3])}年{cardinal(m[1])}月{cardinal(m[2])}日",
    ),
    rule(rf"({_DATED}){_ALONE}{_MONTH}/{_DAY}(?![0-9./])", lambda m: f"{m[1]}{cardinal(m[2])}月{cardinal(m[3])}日"),
    # 从12/24放假到1/2
    rule(
        rf"(?<=从){_MONTH}/{_DAY}([^0-9,，。]{{0,8}}[到至]\s?){_MONTH}/{_DAY}(?![0-9./])",
        lambda m: f"{cardinal(m[1])}月{cardinal(m[2])}日{m[3]}{cardinal(m[4])}月{cardinal(m[5])}日",
    ),
    # 11/8-11/11: days, for a range of shares is rare and goes upwards in one unit
    rule(
        rf"(?<![0-9./]){_MONTH}/{_DAY}{_TO}{_MONTH}/{_DAY}(?![0-9./])",
        lambda m: (
            f"{cardinal(m[1])}月{cardinal(m[2])}日到{cardinal(m[3])}月{cardinal(m[4])}日"
            if int(m[2]) != int(m[4]) and (int(m[1]), int(m[2])) < (int(m[3]), int(m[4])) and int(m[3]) - int(m[1]) < 3
            else m[0]
        ),
    ),
    # deadline是3/15: what is before stands in another language
    rule(
        rf"^((?:是|在|到|为|[改定推拖挪][到在至]|(?:推迟|提前|顺延)[到至])\s?){_MONTH}/(1[3-9]|2[0-9]|3[01])(?![0-9./])",
        lambda m: f"{m[1]}{cardinal(m[2])}月{cardinal(m[3])}日",
    ),
    rule(
        rf"(?<=[在于至])(?<![降减缩压增升]至)(?<!存在)(?<!大于)(?<!小于)(?<!等于){_MONTH}/(1[3-9]|2[0-9]|3[01])(?=[,，。.!！]|$|[上下早晚中]|[之以]?前|举|开|那)",
        lambda m: f"{cardinal(m[1])}月{cardinal(m[2])}日",
    ),
    rule(rf"(?<![0-9./+×÷*=-]){_MONTH}/{_DAY}(?={_AT_A_DATE})", lambda m: f"{cardinal(m[1])}月{cardinal(m[2])}日"),
    rule(rf"{_ALONE}{_MONTH}月{_DAY}([日号])?", lambda m: f"{cardinal(m[1])}月{cardinal(m[2])}{m[3] or ''}"),
    rule(rf"{_ALONE}{_MONTH}(?=月)", lambda m: cardinal(m[1])),
    rule(rf"{_ALONE}{_DAY}{_TO}{_DAY}(?=[日号])", lambda m: f"{cardinal(m[1])}到{cardinal(m[2])}"),
    rule(rf"{_ALONE}{_DAY}(?=日(?!元)|号(?![线楼]))", lambda m: cardinal(m[1])),
    rule(rf"{_ALONE}{_CLOCK}{_TO}{_CLOCK}", lambda m: f"{_clock(m[1], m[2], m[3])}到{_clock(m[4], m[5], m[6])}"),
    # a set that was won or lost: 21:18赢下
    rule(
        rf"{_ALONE}([0-9]{{1,2}}):([0-9]{{1,2}})(?=(赢|[险完大小]?胜|拿下|击败|战胜|逆转|横扫)|输|不敌|惜败|负于|落败)",
        lambda m: (
            f"{cardinal(str(int(m[1])))}比{cardinal(str(int(m[2])))}"
            if (int(m[1]) > int(m[2])) is bool(m[3]) and m[2] != "00"
            else m[0]
        ),
    ),
    rule(rf"{_ALONE}{_CLOCK}", _time),
    rule(rf"{_ALONE}({_N})\s?[:：]\s?(?={_N})", lambda m: number(m[1]) + "比"),
    rule(rf"{_ALONE}([12][0-9]{{2}}0)'?s(?![A-Za-z])", lambda m: digits(m[1]) + "年代"),
    rule(rf"{_ALONE}([0-9]{{1,3}})\s?[-–]\s?(?=[0-9]{{1,3}}(?:{_WON}))", lambda m: number(m[1]) + "比"),
    # between two names: Barca 4-0 Real Madrid; the score of a won or lost match: 输了4-6、7-6
    rule(r"^(\s?[0-9]{1,2})[-:](?=[0-9]{1,2}\s$)", lambda m: f"{cardinal(m[1].strip())}比"),
    rule(
        r"((?:[输赢胜负]了?)\s?)([0-9]{1,2}-[0-9]{1,2}(?:[、,，]\s?[0-9]{1,2}-[0-9]{1,2})*)(?![0-9-]|\s?[个分球局场盘万千块元岁年人])",
        lambda m: m[1] + re.sub("[0-9]+", lambda n: cardinal(n[0]), m[2].replace("-", "比")),
    ),
    rule(
        r"((?:比分|比数|战成|打成|踢成|扳成)(?:是|为|:|：)?\s?)([0-9]{1,3})\s?[-–]\s?(?=[0-9]{1,3}(?![0-9.]))",
        lambda m: f"{m[1]}{cardinal(m[2])}比",
    ),
)
