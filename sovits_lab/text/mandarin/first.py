"""Tones inside numbers: 一 that keeps its first tone or changes although a number stands around it, 点 before 五.

Tone sandhi is for 一 before what it counts (一天, 一百). In a row of digits, after other digits of a number, in a
decimal, an ordinal or a name of a place in an order (一月, 一楼, 星期一) 一 keeps its tone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

_DIGIT = "零〇一二三四五六七八九"
_ADVERB = "起直定样下些边同共般切"
_DEALS = "押付买送赠罚赔抵换敌减免返补"
_KEEPS = re.compile(
    # digits: after another one, 十 or 第; before another one or 十
    f"(?<=第)一|(?<=数)一(?=数二)|(?<=十)(?<!五一十)一(?![{_ADVERB}])|(?<=[{_DIGIT}幺])(?<![唯之逐统单]一)(?<!一五)(?<![块毛元][{_DIGIT}])一(?![百千万亿{_ADVERB}])|"
    f"(?<=[百千万亿])一(?![百千万亿{_ADVERB}])|(?!一五一十)一(?=[{_DIGIT}幺])|(?<!一五)一(?=十)|"
    # decimals, but not a time of day
    f"一(?=点[{_DIGIT}]+(?![{_DIGIT}]*[十分刻]))|(?<=[{_DIGIT}十百千万亿]点)一(?![{_ADVERB}半刻])|"
    # 一加一
    f"(?:^|(?<=[,.]))一(?=加[{_DIGIT}十])|(?<=[{_DIGIT}十]加)一(?![个只百千万种次点样起些边般份{_DIGIT}十])|(?<=[新的是])一(?=加一)|"
    # scores, but not 三比一个人
    f"(?<=[{_DIGIT}十]比)一(?![个只百千万种次点样起些边般{_DIGIT}十])|"
    # months, days, days of the week, years of school, and other places in an order
    "一(?=月(?!有余))|(?<=月)一(?=[日号])|(?<![两三四五六七八九十几]周)(?<=[周期拜初])一(?![次趟回遍顿])|"
    "(?<=[高大研小])一(?=[学新男女班的上下时就开,.!?第]|年级|[英语数物化政历地生]|暑假|寒假|军训|期[中末]|$)|"
    "(?<![大小])(?<![大小差瘦胖]了)一(?=号(?!召))|(?<![上下前后同每这那某])一(?=楼|杠)|(?<![上下前后同每这那某了升降跳差高低])一(?=级)|一(?=本(?:线|院校|大学|率|批|上线)|段二段|段奶粉|年级|等[奖功舱座品]|等公民|季度|线城市|单元|审|流|把手|期工程|战(?=时|中|后|前|期)|栋(?![楼房])|班(?=[和与跟的]|同学|学生|班主任|教室)|中(?=学|的学生|上学|读|毕业|校))|(?<=[在考上进从去市县区省])一(?=中(?:$|[教的就毕念读当,.!?]))|"
    "(?<=考上|考取|[考上过够]了)一(?=本(?:$|[,.!?了吗的]))|(?<=[金奖贴])一(?=等)|(?<=[黄粉冷暖])一(?=白)|(?<![这那走])一(?=[东西南北中]路)|(?<=[山放安明民文设平园湖祥昌华])一(?=路(?![平上走来相去顺狂高小跟向往畅同有]))|"
    "^一(?=[是来](?![我了到就说]))|(?<=[之其万统唯专单合归逐])一(?![切百千])|"
    # 押一付三, 买一送一
    f"(?<=[{_DEALS}])一(?=[{_DEALS}][{_DIGIT}十半])|(?<=[{_DEALS}]一[{_DEALS}])一|(?<=[{_DEALS}][{_DIGIT}][{_DEALS}])一"
)
# 切一切, but not 一次一次 and 火车票一票难求
_BETWEEN = re.compile(f"(?<!一)([一-龥])(?<![{_DIGIT}十百千万亿票人天年月日步家层次件页条])一\\1(?!二)")
_DIGITS = re.compile("[0-9０-９]")
_CODE = re.compile("[A-Za-z][0-9]")
_NAMED_BY_CODE = re.compile("一(?![百千万亿个台件条辆部套双次块元只])")
# A figure that is a name, not an amount: 扣1的人, 手机号1开头.
_KEY = re.compile(
    "(?<=[扣按打刷敲选拨])一(?![个次下条遍张份句通轮把些起声种边人块分元](?!工))|(?<=回复|输入|发送|评论|答案)一(?![个次下条遍张份句通])"
    "|一(?=开头|打头|结尾|的(?!确))"
)
_HUNDREDS = re.compile("一(?=[百千万亿])")
# 点 in a number or a time meets the third tone of the digit after it: 二点五.
_POINT = re.compile(f"(?<=[{_DIGIT}十百千万亿两])点(?=[五九])")


_PLACE_IN_ORDER = frozenset("日号楼层路班期区栋幢座室级排等到至比和或与")


def _is_word_after_figures(segment: str, written: Sequence[str], place: int) -> bool:
    if not place or written[place] != "一" or segment[place - 1] not in _DIGIT + "十百千万亿":
        return False
    return bool(_DIGITS.search(written[place - 1]))


def _is_bit_by_bit(segment: str, written: Sequence[str], place: int) -> bool:
    """True for either 一 of 一点一点, which 1.1点 is not."""
    starts = (place, place - 2)
    return written[place] == "一" and any(start >= 0 and segment.startswith("一点一点", start) for start in starts)


# What is counted one by one after a price: 39.8一只, 12.5一份.
_EACH_FOURTH = frozenset("个份件位次块套段面串对副束辆栋句页刻晚夜月岁寸卷架")
_EACH_OTHER = frozenset("只张碗杯瓶盘盒箱条双天年斤支根片袋包桌人头台本间场桶壶把米层朵株颗粒顿节")


def first_tones(segment: str, written: Sequence[str]) -> dict[int, str]:
    """Return the tone of every 一 and 点 in a clause that its word alone does not decide.

    Args:
        segment: the clause.
        written: for each of its characters what was written; a digit before a floor or a road is an ordinal, one
            with the letter before it part of a code (M1).
    """
    tones = {match.start(): "2" if segment[match.end()] in "万亿" else "4" for match in _HUNDREDS.finditer(segment)}
    tones |= {match.start(): "2" for match in _POINT.finditer(segment)}
    for match in _BETWEEN.finditer(segment):
        tones[match.start() + 1] = "5"
    for match in _KEEPS.finditer(segment):
        # 3500一个月: what is written as a word counts for itself after figures
        place = match.start()
        if not (_is_word_after_figures(segment, written, place) or _is_bit_by_bit(segment, written, place)):
            tones[place] = "1"
    tones |= {match.start(): "1" for match in _KEY.finditer(segment) if written[match.start()] == "1"}
    for place, (char, after) in enumerate(pairwise(segment)):
        if char == "一" and _is_word_after_figures(segment, written, place) and "." in written[place - 1]:
            tones |= {place: "2"} if after in _EACH_FOURTH else {place: "4"} if after in _EACH_OTHER else {}
        if char == "一" and after in _PLACE_IN_ORDER and _DIGITS.search(written[place]):
            tones[place] = "1"
    if segment.startswith("点一") and _DIGITS.search(written[1]):
        tones[1] = "1"  # JN.1毒株, whose letters stand in another piece
    if _NAMED_BY_CODE.match(segment) and _CODE.match(written[0]):
        tones[0] = "1"
    return tones
