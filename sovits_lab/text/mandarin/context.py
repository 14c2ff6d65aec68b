"""Words of a clause and the reading of each character, for when no network decides.

jieba cuts; a word that a dictionary has is read by it; the rest is cut into the longest words the dictionaries have,
and a character that is then alone is read by what stands beside it (`uses`, and the particles here).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

from sovits_lab.text.mandarin import words as jieba
from sovits_lab.text.mandarin.phrases import longest_words, phrase
from sovits_lab.text.mandarin.sandhi import Word
from sovits_lab.text.mandarin.uses import use
from sovits_lab.text.packages import require

# Particles before which jieba is cut: it knows words such as 地站 and 着重, and takes them from 慢慢地站, 看着重点.
# A doubled verb or noun (看看地图, 天天) is no adverb.
_HOLDS = (
    "看听拿穿带戴坐站躺走跑笑哭说唱背抱提拉推握抓举拖牵跟陪等盯望想念写画挂贴放摆铺盖闭睁张开关照冒骑驾顶随沿顺朝对向围绕"
    "靠凭趁借按留守喊叫吃喝用忙指数读空牵拽搂捂攥搀扛搓摇甩伸搭绑缠垂插"
)
_PARTICLE = re.compile(
    "(?:([一-龥])\\1(?<![看想说问找试等天年处家人个事世层])|([一-龥])\\2([一-龥])\\3)地|"
    f"(?<=[{_HOLDS}])着(?=[重实急手眼力色陆装落笔意衣])(?!急[吗呢啊吧。,.!?]|急$)|"
    "(?<=[一-龥])得(?=很(?:$|[,.!?])|慌(?:$|[,.!?])|要命|不得了|到处|出奇|出神|过分|过头)|"
    "(?<=穿)着(?![打讲得朴随整时很都是也和、的入考习风光简正暴大,.!?]|$)|"
    "(?<=穿)着(?=[很都也不真挺特太更最就又还]{1,2}(?:$|舒服|舒适|合身|合脚|跟脚|磨脚|保?暖|热|冷|凉|透气|轻|显|累|难受|好看|漂亮|别扭|紧|松|大|小|长|短))"
)
# Borders of words that jieba misses: a verb said again after its object (数钱|数得飞快), a trial before its verdict.
_BORDER = re.compile(
    "(?<=[一-龥]了)(?<![还可生敢不真够]了)(?=得(?![了,.!?]|$))|(?<=([一-龥])[一-龥])(?=(?!觉|记|值|懂|晓|认|获|取|显)\\1得)|(?<=([一-龥])[一-龥]{2})(?=(?!觉|记|值|懂|晓|认|获|取|显)\\2得)|"
    "(?<=[一二终再重]审)(?=判)|(?<=[俩仨])(?=一)|(?<=长相)(?=[随像甜好])|(?<=[说看听弄搞记想讲问分][不得])(?=清楚)|(?<=[把将][钱票人])(?=数[了过得完清着])|(?<=得过)(?=[奖病])|(?<=长)(?=多[高大重])|(?<=到)(?=时候)|(?<=份子)(?=钱)|(?<=半)(?=部分)|(?<=[大小高低长短])(?=一[码圈截档寸尺])"
)
_TWICE = re.compile("([一-龥])\\1([一-龥])\\2")
_PLACE = re.compile("地(?=[上下里面板方图铁点址区位球理震毯产形主道段带狱窖瓜])")
_MUST = re.compile(
    "[我你您他她它们咱谁人还就只都也总又才可非必既先事今明后天年月里候时会]$|^$|[一-龥](?<![还可生敢不真够])了$|[觉记晓懂]得$|"
    "(?:认为|以为|感觉|说明|证明|看来|多少|早晚|迟早|恐怕|必须|估计|肯定|至少|最少|起码|总归|看样子)$"
)
_ERRAND = tuple("话事人钱字书歌舞题文门车班学饭觉路菜病药会课试街场院楼网机票房衣澡水酒烟")
_COMPLEMENT_FOLLOWS = re.compile("[很太真挺更最好快慢多少大小高低远近早晚不这那特比像十相]|有[点些多板模]")
_AGAIN_AND_AGAIN = re.compile("(一.)(?:又|接)?\\1$|一.一.$|也不.$|不[停断住]$")
# The first character of a word and its tag: places, times, pronouns, and what is counted.
_NO_ADVERB = re.compile("^.(?:q|r|t|s|f|ns)|^[一二两三四五六七八九十百千万几每这那哪某各0-9]m")
_TO_GET = re.compile(
    "[了到过出以知票奖罪病名冠主金银满胜势逞益志](?!门|口|处)|[一二两三四五六七八九十百千万几零]+[分票枚奖等]|第[一二三]"
)
_FEELINGS = (*"气急疼痛热冷冻累困饿渴乐美吓惊羞恨烦闷馋晒烤煮", "恶心", "难受", "难过")
_DEGREE_FOLLOWS = re.compile(
    "很|太|真(?!的)|挺|更|最|非常|特别|比较|十分|越来越|不错|也(?:太|挺|真|很|忒)|可(?![以能不])|那叫|贼|超|巨|没法|没[边样完]|不行(?!动)|厉害|要死|飞起|一塌|满[身头脸手地]|一般(?:$|[,.!?])"
)
# Verbs and adjectives of one character, whatever jieba calls them.
_VERBS = frozenset(
    "来去走跑吃喝睡看听说写做唱学想过活长打骂抓拿放抱拉推提拖扛搬挂贴切剁煮炒炸蒸烤烧洗刷擦扫叠剪缝织记教考答讲骗哄劝逗管养喂种浇卖买"
    "赚赔输赢跳爬飞游踢扔摔撞压砸敲捏揉搓绑捆装修盖搭铺挖堆摆排站坐躺跪蹲睁闭瞪盯嚼咬吐吹喊叫哭笑闹怕慌变滚涨跌升降"
    "帅酷火传选照批算用赶追抢租住闲熬扯聊谈忍憋绕演拍扮投射抽弹吐递接送帮救藏躲偷催练背读念认"
    "乱脏烫硬软瘦胖肿亮暗湿满挤堵吵静快慢高低远近深浅重轻短大小多少好坏丑香臭甜苦酸辣咸淡紧松忙穷富贵老嫩黑白红"
)
_ALIKE = re.compile("(?:跟|像|和|好像|好似|如同)[^,.!?]{0,9}(?:似的|一样|一般)")
_THING_BEFORE = re.compile("(?:^|[^一-龥]|[^的得很])[这那每各][一-龥]$")  # 这药得, whatever jieba calls 药
# What somebody is told to do: 医生说得住院, but 说得对.
_DUTY = re.compile(
    "先|再(?!好|多也)|[去等戒忌](?!的)|住院|提前|空腹|手术|交(?!代)|按|马上|尽快|尽早|赶紧|今[天晚]|明[天晚]|后天|下[个周]|给|换|重新|自己|[多少](?:喝|吃|休|运|穿|走|睡|练|动|晒|花|补)"
    "|吃药|打针|拍|排队|预约|挂号|带[着上齐好]|签|填|注册|登录|减|开刀|拔|补|修|返|加班|出差|开会|复查|复印|做(?:个|完|手术|检查|[一两几])|找|写完|穿|改成|付|缴|验|审|办|住|留|减肥|跟|把"
)
_VERB_OF_ITSELF = re.compile("(画|唱|跳|走|跑|睡|说|做|绣|织)\\1$")  # 这幅画|画得
_ENOUGH = re.compile("差不多$|(?:还是|干脆|不如|索性|要不)[^,.!?]{1,8}$")
_TO_DO = ("v", "d", "p", "c", "r", "a", "t", "m", "l", "i")
_SCORED = re.compile(
    "了[一二两三四五六七八九十百零多几]+[分票枚](?!吗)|了(?:满分|第[一二三四五六七八九十]|[冠亚季]军|[金银铜]牌|[一二三特]等奖)"
)
_TO_DO_TOO = ("等", "小心", "当心", "留神", "留意", "仔细", "悠着")  # no verbs for jieba
_STILL_NOT = re.compile(
    "(?:个(?!人|是|屁)|的(?!确)|信用卡|花呗|房贷|车贷|月供|助学|给(?!(?:我|你|您|他|她|它|咱|大家|人家|孩子|爸|妈)们?[^了吧的吗呢啊,.!?])|钱|债|款|清|贷|账|书(?![包架店法桌柜本])|车|回(?:去|来|给)|完|上(?!班|学|没|课|有|去|来)|了|掉|[得不](?:起(?!来|床)|上(?![班课学])|清)|本付息|本金|利息|人情|[我你您他她它咱]们?(?:一个|清白|公道|自由|河山|青春|血汗|尊严|真相|$|@N(?:块|元|万|千|百)|[钱书债车房的,.!?])|"
    "@N(?:[元块万亿千百]|[本把辆笔台张件部](?!没|不)))".replace("@N", "[一二两三四五六七八九十百千万几]+")
)
_OWED = re.compile(
    "(?:要|该|没|未|不|别|甭|用|就|会|能|来|去|用|偿|归|借|得|再|先|已|已经|马上|立刻|一定|慢慢|尽早|赶紧|可以|必须|有|按时|按期|及时|早日|尽快|如数|原物|分期)$"
)
_GROW = re.compile(
    "[歪偏斜残坏得大高胖出成满势相辈官虫毛草痘牙蛀疮癣瘤斑个子孙老幼进](?!的?时间)|在(?!于)|[了着过](?=[一二两三四五六七八九十几不好点些个大痘毛草霉虫角翅叶牙胡皱斑包肉刺锈])|一[岁智]|"
    "[一二两三四五六七八九十]岁|(?:多|这么|那么)[大高]|记性|见识|翅膀|眼睛|本事|知识|心眼|肉|刺|疹|霉|包|皱纹|斑|白头发|好(?:[了吗没,.!?]|$)"
)
_DEGREES = ("很", "太", "多", "最", "更", "米", "变", "加", "么")
_GROWN = re.compile("(?:生|助|增|疯|见|猛|能|会|只|光|刚|没|再|正|正在|已经|开始|慢慢|渐渐|茁壮|健康|从小|快)$")


# After these 过 says that something has been done, whatever jieba calls it (去过, 结过婚); but not where what
# follows says that a place or a time is passed: 坐过站, 等过夜.
_EXPERIENCED = frozenset(
    "去来当做坐等用开结离挨看听说吃喝学教读写养谈住爱恨哭笑打试干买卖穿戴骑见问想借租得受病伤输赢赌拍演唱玩骗救帮找订办请招收送寄"
    "修改换考生怀拿装给管带种煮炒炖蒸洗扫擦画弹织摸碰动签领交付欠贷抽戒"
)
_PASSED = re.compile("[去来头站期夜冬年节界火桥街]")
_CROSSED = frozenset(("凉水", "冷水", "冰水", "清水", "凉开水", "油", "筛", "秤"))


class _Place(NamedTuple):
    """A single character with the clause on both sides and the words beside it ("" at the ends)."""

    before: str
    after: str
    word_before: Word
    word_after: Word


def _is_enough(before: str, after: str) -> bool:
    """True for the 得 of 差不多得了 and 还是我去得了, that will do."""
    return bool(re.match("了吧?(?:$|[,.!?])", after) and _ENOUGH.search(before))


def _de(at: _Place) -> str:
    """得: to get before what is got; must after who or when and before what to do; else the particle."""
    if not at.before and at.after[:1] in ("", ",", ".", "!"):
        return "de2"  # 得, 又白跑一趟
    if _SCORED.match(at.after):
        return "de2"  # 模拟考得了612分
    if not at.before and _ALIKE.match(at.after):
        return "de5"  # after a foreign verb: P得跟真的一样
    to_do = at.word_after.tag.startswith(_TO_DO) or at.after.startswith(_TO_DO_TOO)
    errand = len(at.word_before.text) == 2 and at.before.endswith(_ERRAND) and to_do
    must = bool(_MUST.search(at.before)) or errand
    must = must or bool(_THING_BEFORE.search(at.before) and to_do)
    verb_before = (at.word_before.tag.startswith(("v", "a")) or at.word_before.text in _VERBS) and not must
    verb_before = verb_before or at.before.endswith(_FEELINGS) or bool(_VERB_OF_ITSELF.search(at.before))
    if _is_enough(at.before, at.after):
        return "de2"
    if at.before.endswith("没"):
        return "de2"  # 没得说
    if at.before.endswith("还") and re.match("[起清](?:$|[,.!?吗的了吧呢])", at.after):
        return "de5"  # able to pay back
    if at.before.endswith(("说", "讲", "通知", "要求")) and _DUTY.match(at.after) and not _ALIKE.match(at.after):
        return "dei3"
    if not must and _ALIKE.match(at.after):
        return "de5"
    if not verb_before and _TO_GET.match(at.after):
        return "de2"
    if verb_before or _DEGREE_FOLLOWS.match(at.after):
        return "de5"
    if must or at.word_before.tag.startswith(("r", "d", "n", "t", "c", "x")):
        follows = to_do or len(at.word_after.text) > 1 or not at.before
        if follows and (errand or not (_COMPLEMENT_FOLLOWS.match(at.after) and at.word_before.tag.startswith("n"))):
            return "dei3"
    return "de5"


def _di(at: _Place) -> str:
    """地: the particle after an adverb, an adjective or a doubled word; else the ground."""
    if _PLACE.match("地" + at.after) and not at.word_before.tag.startswith(("d", "z", "ad")):
        return "di4"
    if at.word_before.tag == "" or at.after == "":
        return "de5" if len(at.word_before.text) > 2 and at.word_before.tag in ("z", "d", "i", "l") else "di4"
    if _AGAIN_AND_AGAIN.search(at.before):
        return "de5"
    acts = at.word_after.tag.startswith(("v", "p", "d")) and at.word_after.text not in ("是", "有", "在")
    if len(at.word_before.text) < 2:
        return "de5" if acts and at.word_before.tag.startswith(("a", "d", "z")) else "di4"
    adverb = at.word_before.tag.startswith(("a", "d", "z", "i", "l", "v", "b", "o"))
    return "de5" if adverb or (acts and not _NO_ADVERB.search(at.word_before.text[0] + at.word_before.tag)) else "di4"


def _huan(at: _Place) -> str:
    """还: to give back before what or to whom, or at the end after "must", "not" and the like; else still."""
    if _STILL_NOT.match(at.after):
        return "huan2"
    if at.after.startswith("到") and "把" in at.before:
        return "huan2"
    if at.before.endswith(("贷要", "贷得", "贷款要", "债要")) and re.match("[一二两三四五六七八九十百几多]", at.after):
        return "huan2"
    if at.after[:1] in ("", *",.!?") and len(at.before) > 1:
        return "huan2"  # nothing is left that could still be so
    return "huan2" if at.after[:1] in tuple("的吗呢吧") and _OWED.search(at.before) else "hai2"


def _chang(at: _Place) -> str:
    """长: to grow before its result and what grows, or after how; else long."""
    if _GROW.match(at.after) and not at.before.endswith(
        ("很", "太", "多", "最", "更", "米", "变", "加", "这么", "那么")
    ):
        return "zhang3"
    if (
        at.word_before.tag.startswith(("n", "j"))
        and at.after[:1] in ("", "的", "是", "在", "说", "对", "和", "兼")
        and (at.before.endswith(tuple("局部院校处科厅行县市区镇村乡所团队组班会馆站家船机社店厂司")))
    ):
        return "zhang3"
    if at.before.endswith("越") and re.match("越(?:像|大|漂|高|胖|好看|帅|美|丑|壮)", at.after):
        return "zhang3"
    if at.before.endswith("又") and at.after[:1] in tuple("了高胖大"):
        return "zhang3"
    return "zhang3" if _GROWN.search(at.before) and not at.before.endswith("不") else "chang2"


# The tag of a particle that was cut out before jieba saw it.
_SURE = "particle"
_PARTICLES = {"得": _de, "地": _di, "还": _huan, "长": _chang}
_NO_VERB = re.compile("(?:[再也都就可决我你他她它们还要先从并绝]不|[晓记认懂获取赢博落省觉懒显值]得)$")


def _liao(before: str, after: str) -> bool:
    """True for the 了 of 吃不了 and 走得了吗, where it is to finish; 得了冠军 is to get."""
    if len(before) < 2 or not before.endswith(("不", "得")) or _NO_VERB.search(before):
        return False
    if before[-1] == "得" and _is_enough(before[:-1], "了" + after):
        return False
    return before[-1] == "不" or (after[:1] in ("", *",.!?吗呢吧的这那主") and not _MUST.search(before[-2]))


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
    if word.text == "过" and before.text in _EXPERIENCED:
        return Word("过", "v" if _PASSED.match(after.text) else "ug")
    crossing = not before.tag.startswith("v") or after.text in _CROSSED
    return Word("过", "v") if word == ("过", "ug") and crossing else word


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


def _alone(words: Sequence[Word], number: int, text: str, place: int) -> str:
    char = text[place]
    nothing = Word("", "")
    if char in _PARTICLES and words[number].tag != _SURE:
        before = words[number - 1] if number else nothing
        after = words[number + 1] if number + 1 < len(words) else nothing
        return _PARTICLES[char](_Place(text[:place], text[place + 1 :], before, after))
    if words[number].tag == "nr" and char in _SURNAMES:
        named = words[number + 1 : number + 2] and words[number + 1].tag == "nr"
        if named or (len(words[number].text) == 2 and words[number].text[0] in "小老"):  # 单雄信, 小单
            return _SURNAMES[char]
    if words[number].tag == _SURE:
        return "zhe5" if char == "着" else "de5"
    if char == "了" and _liao(text[:place], text[place + 1 :]):
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
