"""Words of a clause and the reading of each character, for when no network decides.

jieba cuts; a word that a dictionary has is read by it; the rest is cut into the longest words the dictionaries have,
and a character that is then alone is read by what stands beside it (`uses`, and the particles here).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

from sovits_lab.text.mandarin import words as jieba
from sovits_lab.text.mandarin.particles import DUTIES, ERRANDS, PARTICLES, Place, liao
from sovits_lab.text.mandarin.phrases import longest_words, phrase
from sovits_lab.text.mandarin.sandhi import Word
from sovits_lab.text.mandarin.uses import use
from sovits_lab.text.packages import require

# Particles before which jieba is cut: it knows words such as 地站 and 着重, and takes them from 慢慢地站, 看着重点.
# A doubled verb or noun (看看地图, 天天) is no adverb.
_HOLDS = (
    "看听拿穿带戴坐站躺走跑笑哭说唱背抱提拉推握抓举拖牵跟陪等盯望想念写画挂贴放摆铺盖闭睁张开关照冒骑驾顶随沿顺朝对向围绕"
    "靠凭趁借按留守喊叫吃喝用忙指数读空牵拽搂捂攥搀扛搓摇甩伸搭绑缠垂插眯眨瞪斜瞟皱扭歪"
)
_PARTICLE = re.compile(
    "(?:([一-龥])\\1(?<![看想说问找试等天年处家人个事世层])|([一-龥])\\2([一-龥])\\3)地|"
    f"(?<=[{_HOLDS}])着(?=[重实急手眼力色陆装落笔意衣]|火(?=[盆炉堆锅车把光种苗炬]))(?!急[吗呢啊吧。,.!?]|急$)|"
    "(?<=[压憋窝忍生])着(?=火)|(?<=[一-龥])得(?=很(?:$|[,.!?])|慌(?:$|[,.!?])|要命|不得了|到处|出奇|出神|过分|过头)|"
    "(?<=穿)着(?!打(?!底)|[讲得朴随整时很都是也和、的入考习风光简正暴大,.!?]|$)|"
    "(?<=穿)着(?=正(?:好|装)|刚好|大(?:衣|褂|棉)|风衣|整套|光脚|入时的)|"
    "(?<=穿)着(?=[很都也不真挺特太更最就又还]{1,2}(?:$|舒服|舒适|合身|合脚|跟脚|磨脚|保?暖|热|冷|凉|透气|轻|显|累|难受|好看|漂亮|别扭|紧|松|大|小|长|短))"
)
# Borders of words that jieba misses: a verb said again after its object (数钱|数得飞快), a trial before its verdict.
_BORDER = re.compile(
    f"(?<=得)(?={DUTIES})|(?<=[我你您他她们还就都也总又只]得)(?={ERRANDS})|(?<=^得)(?={ERRANDS})|(?<=[衣服物料毛绒裤裙衫袜鞋被]得)(?=手[洗工])|"
    "(?<=在家)(?=当)|(?<=排)(?=长队)|(?<=一[个样件节课字项步集]没)(?=落)|(?<=一[个样件节课字项步集][都也]没)(?=落)|(?<=一个字都没)(?=落)|(?<=看好)(?=孩子|娃)|(?<=另)(?=一[一-龥])|(?<=同)(?=一[台天家张条间桌层班本批年件个种款])|(?<=睡觉)(?=得)|(?<=更)(?=新[鲜颖奇潮])|(?<=别)(?=传(?:[出给了谣我他她开到来错]|播))|(?<=为)(?=主[人播角办])|(?<=一觉)(?=醒)|(?<=结)(?=果子)|(?<=[把将])(?=门(?:打开|关|锁|推|拉|踢|撞|敲|反锁))|(?<=放)(?=假(?:消息|新闻|话|货|币))|(?<=来)(?=看(?:孩子|娃|店|行李|摊)(?:$|[,.!?]))|(?<=[说看做猜叫喊想认写拿答付]得)(?=出)|"
    "(?<=[一-龥]了)(?<![还可生敢不真够]了)(?=得(?![了,.!?]|$))|(?<=([一-龥])[一-龥])(?=(?!觉|记|值|懂|晓|认|获|取|显)\\1得)|(?<=([一-龥])[一-龥]{2})(?=(?!觉|记|值|懂|晓|认|获|取|显)\\2得)|"
    "(?<=[一二终再重]审)(?=判)|(?<=[俩仨])(?=一)|(?<=长相)(?=[随像甜好])|(?<=[说看听弄搞记想讲问分][不得])(?=清楚)|(?<=[把将][钱票人])(?=数[了过得完清着])|(?<=得过)(?=[奖病])|(?<=长)(?=多[高大重])|(?<=到)(?=时候)|(?<=小心)(?=切)|(?<=份子)(?=钱)|(?<=发)(?=小(?:红书|程序|视频|广告|作文|礼物|费|票))|(?<=半)(?=部分)|(?<=[大小高低长短])(?=一[码圈截档寸尺])"
)
_TWICE = re.compile("([一-龥])\\1([一-龥])\\2")
# After these 过 says that something has been done, whatever jieba calls it (去过, 结过婚); but not where what
# follows says that a place or a time is passed: 坐过站, 等过夜.
_EXPERIENCED = frozenset(
    "去来出当做坐等用开结离挨看听说吃喝学教读写养谈住爱恨哭笑打试干买卖穿戴骑见问想借租得受病伤输赢赌拍演唱玩骗救帮找订办请招收送寄"
    "修改换考生怀拿装给管带种煮炒炖蒸洗扫擦画弹织摸碰动签领交付欠贷抽戒"
)
_PASSED = re.compile("[去来头站期夜冬年节界火桥街]")
_CROSSED = frozenset(("凉水", "冷水", "冰水", "清水", "凉开水", "油", "筛", "秤"))


# The tag of a particle that was cut out before jieba saw it.
_SURE = "particle"


def cut(text: str) -> list[Word]:
    """Cut a clause into words: jieba's, but none over the border of a particle and none that no dictionary has."""
    found = list[Word]()
    start = 0
    for match in _PARTICLE.finditer(text):
        found += _cut(text[start : match.end() - 1])
        found.append(Word(text[match.end() - 1], _SURE))
        start = match.end()
    found += _cut(text[start:])
    parts = (Word(part, word.tag) for word in _join_doubled(found) for part in _parts(word))
    words = [*_join_a_little(_join_names(parts))]
    nothing = Word("", "")
    around = zip([nothing, *words], words, [*words[1:], nothing], strict=False)
    return [_crossing(word, before, after) for before, word, after in around]


def ends_in_adverb(text: str) -> bool:
    """Return whether a text that ends in 地 ends in an adverb with its particle: 认真地, but not 在工地."""
    words = cut(text)
    return len(words) > 1 and words[-1].text == "地" and words[-2].tag.startswith(("a", "d", "z", "v", "i", "l"))


def _join_names(words: Iterable[Word]) -> Iterator[Word]:
    """Join 小 or 老 and the surname after it, which are said as one: 小李."""
    waiting: Word | None = None
    for word in words:
        if waiting is not None and word.tag == "nr" and len(word.text) == 1:
            yield Word(waiting.text + word.text, "nr")
            waiting = None
            continue
        if waiting is not None:
            yield waiting
        waiting = word if word.text in ("小", "老") else None
        if waiting is None:
            yield word
    if waiting is not None:
        yield waiting


def _join_a_little(words: Iterable[Word]) -> Iterator[Word]:
    """Join 早 and 点儿, which are said as one: 得|早点儿."""
    waiting: Word | None = None
    for word in words:
        if waiting is not None and word.text == "点儿":
            yield Word(waiting.text + word.text, "d")
            waiting = None
            continue
        if waiting is not None:
            yield waiting
        waiting = word if word.text in _MORE else None
        if waiting is None:
            yield word
    if waiting is not None:
        yield waiting


def _crossing(word: Word, before: Word, after: Word) -> Word:
    """Tag 过 as the verb (过马路, 捞出过凉水) or the particle (去过), which jieba takes for either."""
    experienced = before.text in _EXPERIENCED or _came_to(before.text)
    if word.text == "过" and experienced and after.text not in _CROSSED:
        return Word("过", "v" if _PASSED.match(after.text) else "ug")
    crossing = not before.tag.startswith("v") or after.text in _CROSSED
    return Word("过", "v") if word == ("过", "ug") and crossing else word


def _came_to(text: str) -> bool:
    """True for a verb that somebody came or went for: 来看."""
    return len(text) == 2 and text[0] in "来去" and text[1] in _EXPERIENCED


def _join_doubled(words: Sequence[Word]) -> Iterator[Word]:
    """Join two doubled words that are one in a dictionary: 坑坑 洼洼."""
    waiting: Word | None = None
    for word in words:
        if waiting is None:
            waiting = word
        elif _is_doubled(waiting.text) and _is_doubled(word.text) and phrase(waiting.text + word.text):
            yield Word(waiting.text + word.text, "z")
            waiting = None
        else:
            yield waiting
            waiting = word
    if waiting is not None:
        yield waiting


def _is_doubled(text: str) -> bool:
    return len(text) == 2 and text[0] == text[1]


def _doubled(word: str) -> Sequence[str] | None:
    """The readings of 缝缝补补: the dictionary's, else those of 缝补 where it has that word in full tones."""
    if len(word) != 4 or not (_is_doubled(word[:2]) and _is_doubled(word[2:])):
        return None
    once, twice = phrase(word[0] + word[2]), phrase(word[:2])
    family = twice is not None and twice[1].endswith("5")  # 爸爸妈妈
    if phrase(word) or family or once is None or once[1].endswith("5"):
        return phrase(word)
    return [once[0], once[0], once[1], once[1]]


def _cut(text: str) -> Iterator[Word]:
    """Jieba's words of what stands between words of two doubled characters (进进出出), which are one."""
    start = 0
    for match in _TWICE.finditer(text):
        if _doubled(match[0]) is not None:
            yield from _cut_at_borders(text[start : match.start()])
            yield Word(match[0], "z")
            start = match.end()
    yield from _cut_at_borders(text[start:])


def _cut_at_borders(text: str) -> Iterator[Word]:
    """Jieba's words of each part of a text between the borders that it misses."""
    borders = [0, *(match.start() for match in _BORDER.finditer(text)), len(text)]
    for start, end in pairwise(borders):
        yield from jieba.cut(text[start:end])


def _parts(word: Word) -> Sequence[str]:
    """The dictionary's words in a word; numbers and 桌上 stay one word although no dictionary has them."""
    place = len(word.text) == 2 and word.text[1] in "上下里" and word.tag in ("s", "n", "f", "l")
    whole = place or word.tag == "m" or _doubled(word.text) is not None
    return [word.text] if whole else longest_words(word.text)


@lru_cache(maxsize=20_000)
def _commonest(char: str) -> str:
    """pypinyin's first reading of a character; itself for what has none."""
    pypinyin: Any = require("pypinyin", "zh")
    return str(pypinyin.lazy_pinyin(char, neutral_tone_with_five=True, style=pypinyin.Style.TONE3, errors=list)[0])


_MORE = frozenset("早晚快慢多少好高低大小远近轻重")
# Characters that are read otherwise as a surname: 单雄信, 解晓东.
_SURNAMES = dict(
    zip(
        "单仇区解朴任曾查盖纪",
        ["shan4", "qiu2", "ou1", "xie4", "piao2", "ren2", "zeng1", "zha1", "ge3", "ji3"],
        strict=True,
    )
)


_FIGURES = frozenset("零幺一二三四五六七八九十百千万")
_BUILT = re.compile("盖[楼房新大高]|解(?:方程|密|封|题|冻)")  # no surname


def _alone(words: Sequence[Word], number: int, text: str, place: int) -> str:
    char = text[place]
    nothing = Word("", "")
    if char in PARTICLES and words[number].tag != _SURE:
        before = words[number - 1] if number else nothing
        after = words[number + 1] if number + 1 < len(words) else nothing
        return PARTICLES[char](Place(text[:place], text[place + 1 :], before, after))
    if words[number].tag == "nr" and char in _SURNAMES and not _BUILT.match(text, place):
        named = any(word.tag == "nr" and word.text[0] not in _FIGURES for word in words[number + 1 : number + 2])
        if named or (len(words[number].text) == 2 and words[number].text[0] in "小老"):  # 单雄信, 小单
            return _SURNAMES[char]
    if words[number].tag == _SURE:
        return "zhe5" if char == "着" else "de5"
    if char == "了" and liao(text[:place], text[place + 1 :]):
        return "liao3"
    return use(text, place) or _commonest(char)


def _in_context(word: str, text: str, place: int) -> Sequence[str] | None:
    """The readings of a word that a row of the table decides by what stands beside it."""
    found = use(text, place, word=word) if len(word) > 1 else None
    return found.split() if found else None


def _same_again(text: str, readings: list[str]) -> list[str]:
    """The readings with both verbs of 切一切, 数了数 and 转着转着 alike, and the 着 of the last as the particle."""
    for place in range(len(text) - 2):
        if text[place] != text[place + 2] or text[place] < "\u4e00":
            continue
        going_on = text[place + 1] == "着" == text[place + 3 : place + 4]
        if going_on or text[place + 1] in "一了":
            readings[place + 2] = readings[place]
        if going_on:
            readings[place + 1] = readings[place + 3] = "zhe5"
    return readings


def readings_of(words: Sequence[Word], text: str) -> list[str]:
    """Return one pinyin for each character of a clause whose words these are."""
    place, readings = 0, list[str]()
    for number, word in enumerate(words):
        whole = _in_context(word.text, text, place) or phrase(word.text) or _doubled(word.text)
        if whole is None:
            whole = [_alone(words, number, text, place + inside) for inside in range(len(word.text))]
        readings += whole
        place += len(word.text)
    return _same_again(text, readings)
