"""Which of Japanese, Cantonese and Mandarin a stretch of Han characters is in.

Evidence is counted clause by clause: kana, characters that only one country writes, and usage, that is words and
turns that only one of the languages has. A clause without evidence is what the clauses around it are; a text without
any is in the language of the voice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple

from sovits_lab.text.mandarin.characters import HAN
from sovits_lab.text.tables import any_of, words

CLAUSE_END = re.compile("[。！？!?\n]|[，；;]|[、,：](?![0-9])")
_SENTENCE_END = re.compile("[。！？!?\n](?![」』”》〉])")
_QUOTES = "「『“《〈", "」』”》〉"
_QUOTE = re.compile(f"[{''.join(_QUOTES)}]")
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa\uff66-\uff9d]")
_ONE_HAN = re.compile(f"(?!這[いうえおっわ])[々〆{HAN}]")  # 這う, to crawl, is Japanese

# Characters of everyday Chinese that the Japanese character set has, but Japanese does not write (除 names 那覇, 那須).
_CHINESE = frozenset("們這很嘛她它沒麼嗎妳祂咱啦")
_CHINESE_USAGE = re.compile(
    "給(?![料与付食水油湯紙電血餌仕額])(?<![支供時月補昇自配日高恩年週需発初減賞薄]給)|"
    "那(?![覇須智珂霸])(?<!旦那)(?<!支那)(?<!刹那)|喜[歡欢]|[我他](?=[是去要在有想不来來的也就都會会能最])(?!が)|不[是會会想去知](?!火)|"
    "(?<![特區区個分差送鑑告離性種識級判類類])別(?=[走去再說忘怕擔管這吵鬧哭笑碰亂急])|(?<![返生帰奪償送往召])還(?![元暦付流])|(?:就|都|也|只|的)是|是(?:我|他|一)|[在]我|[去来來有好到]了|了(?:一|我|他|好)|的(?:時候|东西|東西)|[個个]人的"
)
# Common in Chinese alone, in Japanese only inside words such as these.
_LOOSE = re.compile("[我他是了着就都没才也的吃]")
_JAPANESE_COMPOUND = re.compile(
    "我[々慢流輩]|[無彼自]我|[その排自利]他|他[人国社者方界力意校県店殺]|是[非正認]|[国社如]是|[終完修満魅未読]了|了[解承見]|"
    "[成]就|就[職任業寝航活農学労]|[京古首遷旧]都|都[市内会合度道心立営知庁県民電]|[埋沈水日出陥戦病]没|没[収頭落後年交入個]|"
    "[到試執愛定接密付装終先決下水上古新癒吸沈厚薄晴巻発落漂土帰横]着|着[物用席陸手目信色替工任実服地衣払順]|"
    "[天秀英多異鬼文商画]才|才[能覚女色気]|[0-9０-９一二三四五六七八九十]才|[達哲拓竜直和卓]也|[的](?=[な中])|[目標]的|的[確中]"
)
_JAPANESE = frozenset("々〆働込峠畑辻枠匂榊笹栃")
_JAPANESE_WORDS = re.compile(
    "[月火水木金土日]曜|受付|定休|立入|申込|振込|割引|税[込抜]|[映計企]画|取扱|締切|(?<![給给賦赋授准])予[約定]|駐車場|入場無料|番線|大売出|"
    "午[前後]|(?:令和|平成|昭和)(?=[元一二三四五六七八九十0-9])"
)
# Characters outside the Japanese character set that Japanese does write.
_JAPANESE_TOO = frozenset("剝頰塡𠮟瘦吞蟬俠麴")

_YUE_CHARACTER = re.compile(
    "[嘅咗喺佢哋冇嘢㗎啲嚟咁嘥瞓嗰啩攞搵揾諗谂睇畀啱噉喎啫孭揼嗌攰餸揸嬲嚿]|唔(?=[^唔\\W\\d_])|靚(?!麗)|乜(?!斜)"
)
_SIDES = "這那哪旁外裡裏里左右上下前後东東南西北兩身路海河湖江溪床桌街半一無周手頭館"
_COUNTS = "一二兩三四五六七八九十0-9早快晚慢多少有差半優缺重"
_YUE_USAGE = re.compile(
    # who, where, how, how many
    f"邊(?:個|位|間|隻|條|樣|種|本|件|張|部|架|科|班|款|日|有)(?<![{_SIDES}].{{2}})|去邊(?![境疆界緣])|"
    f"點(?:讀|寫|去|做|講|用|整|煮|知)(?<![{_COUNTS}].{{2}})|有幾(?:大|遠|高|重|長|靚)|"
    "(?:叫|有|做|講|食|買|賣|想|要|為|睇|係)咩(?!咩)|[得好]唔得|"
    # to be
    "係(?![指為因由屬數以爭長員本])(?<![關体體聯干維派世譜]係)|"
    # aspect and order: doing, done, back, more, first
    "(?:食|飲|做|睇|煲|喊|瞓|等|搵|行|講|玩|開會|返|落|揸|煮|洗|沖|寫|讀|諗|聽|搭)緊|"
    "(?:麻煩|唔該|食|黑|濕|完|走|賣|忘記|遲|亂)晒|(?:畀|還|搵|拎|戴|著|執|買|行|坐|得|好|做|講)返|"
    "(?:飲|食|買|講|坐|做|等|玩|行|著)多[兩一二三四五幾件啲]|(?:食|帶|叫|買|做|計|拎|擺)埋(?![葬藏伏怨])|"
    "(?<![領優优首原事祖率在爭預预祖])先(?:得|啦|喇)|(?:等|俾|食|做|買|飲|返|問|試|走|去).{0,6}(?<![領優优首原事祖率在爭預预搶佔])先[。！!]?$|"
    "(?<![尚並從从仍所還是])未呀?[？?]?$|[喇囉㗎咩][。！？!?]?$|喇[，,。！？!?]|"
    # everyday verbs and things
    "(?<![飲主糧零副美素伙膳偏進攝肉雜熟服吞蠶])食(?:粥|麵|早餐|晚飯|藥|烟|煙|得|完|多|少|辣|雞|雪糕|生果|西餐|火鍋|餐|宵夜)|"
    "(?:想|要|你|我|去|今晚|愛|大家|一齊|冇)食(?![物品堂用材油鹽糖譜])|(?:想|要|你|我|去|愛)飲(?![用料食])|"
    "飲(?:杯|多|啖|凍|湯|啤酒|可樂|奶茶|早茶)|識(?:得|講|聽|煮|游|寫|做|彈)|(?:收|件|換|晾|曬|著|除)衫(?!褲)|"
    "(?:搭|截|叫|架|程)(?:的士|巴士|小巴|電車)|搭(?:地鐵|港鐵)|[帶把擔開]遮(?![住擋蔽])|(?:兩|幾|[0-9])張飛|"
    "[0-9０-９一二兩三四五六七八九十百千萬幾]蚊(?!子|香|帳|蟲)|等我一陣|一陣間|一齊(?=[食去行返玩做飲買])|[好幾最真]叻|[枱舖撳焗慳]|"
    "有得(?=[食買玩做])|俾[你我人個錢]|早晨[，,。！!]|今晚(?=[食返做飲])|"
    "(?<![一二兩三四五六七八九十百千數好])幾(?:好|快|貴|平|難|忙|遠|叻|熱|凍)(?=[，,。！!？?呀喎嘅]|$)|"
    "食[一二兩三四五六七八九十幾半](?=[次餐粒碗個隻條包口啖件])|[一二兩三四五六七八九十幾半成0-9]個半?鐘(?![頭表])|"
    "[嘈熱凍忙悶嚇笑痛餓貴多慢快遲平]到(?=死|傻|暈|喊|爆|癲|飛起)|煲(?:湯|粥|水|飯)|搭.{1,4}(?:巴士|小巴|的士)|"
    # how sums are done, what somebody says, "only" so many, how good it sounds
    "[好幾咁太]凍(?![結僵])|幾點.{0,6}呀[？?]?$|點計|計(?:錯|下|吓|清楚|埋|返)數|影(?:張|幅|多張|返張)相|(?<![電說對笑神童實大廢閒句番的這那])話(?:要|想|會|佢|唔)|"
    "(?<![獲取考贏奪拿分])得(?=[0-9一二兩三四五六七八九十][0-9.十百]*(?:個人|蚊|度|歲|日|間|本))|好好[聽玩用坐][。！!]?$|"
    "搭[0-9一二三四五六七八九十]+號[線車]|出面(?=[好凍熱等落食玩])|"
    # this, and, do not, turn left; names and words of Hong Kong that only traditional characters write
    "(?<![\u4e00-\u9fff])呢(?=[\u4e00-\u9fff])(?!喃|絨|子)|同埋|(?<![伯昆杜])仲(?![裁夏介冬春秋間良人買居尼田村山井])(?=[\u4e00-\u9fff])|(?:^|(?<=[你佢哋，,]))咪(?![咪表高])|轉[左右](?=[行轉去上落入，,。！!]|$)|"
    "港鐵|觀塘|銅鑼灣|荃灣|將軍澳|紅磡|灣仔|中環|金鐘(?!獎)|粉嶺|柴灣|港島|廣華醫院|瑪麗醫院|立法會|差餉|強積金|號風球|電單車|寫字樓|"
    # a measure word that begins a clause stands for "the"
    "(?:^|(?<=[，,]))(?:個(?![人別體案性位股])|架(?![構設勢子空])|部(?=[車機電手洗雪冷升相])|碗(?=[湯飯麵粥])|間(?=[屋房舖公學酒餐])|條(?=[魚褲裙路頸數女仔])|"
    "件(?=[衫褸事行嘢外])|張(?=[床枱單相飛檯])|隻(?=[貓狗雞雀手腳船杯])|對(?=[鞋襪波])|把(?=[遮聲]))|"
    "(?:醫生|老師|師傅|經紀|律師|法官|警察|司機|同事|老闆)話(?=[我你要會])|六合彩|"
    "都[\u4e00-\u9fff]晒|[我你佢](?:部(?=[電車機手])|架(?=[車電])|間(?=[屋房])|條(?=[頸褲裙])|個(?=[仔女袋銀]))|"
    "(?:樓下|樓上|公司|學校|門口|對面|隔離|屋入面)個(?![人月別體星])|計數[！!。]?$"
)
_YUE_SIMPLIFIED = re.compile(
    "呢[间件条只部架本张样种份套对首句辆支把次排](?![，,])|(?:我|你|呢个)系(?!统|列)|系(?:咪|唔系)|几多钱|点解|点样|食饭|倾偈"
)
_MANDARIN = re.compile(
    "的(?![士確确高])(?<!目的)|[這这們们沒没嗎吗她哪很]|那(?!霸)|什[麼么]|了(?![解結结得斷])|(?<![其吉排])他(?![日人])|"
    "[说說](?![法明服話话])|[吃喝](?!虧)|[給给](?!予)|(?<![但還于於只可就若凡])是(?![日但次非咁否旦])|怎[麼么樣样]"
)


class Run(NamedTuple):
    """Characters `start` to `end` (not included) of one kind: `han`, `ja` (kana), `en`, `ko`, `number`, `mark` ..."""

    kind: str
    start: int
    end: int


class _Clause(NamedTuple):
    """What a clause shows: `ja`, `zh` (Mandarin or Cantonese), `both` side by side, or "" for no evidence."""

    start: int
    end: int
    shows: str
    kana: bool
    loosely_chinese: bool


@lru_cache(maxsize=50_000)
def _written_in(char: str, encoding: str) -> bool:
    """True when the national character set has the character."""
    try:
        char.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


@cache
def _replaced() -> frozenset[str]:
    """Characters that Japanese writes in a newer form (學 is 学 there); after OpenCC's table (Apache-2.0)."""
    return frozenset("".join(words("kanji_replaced.txt")))


@lru_cache(maxsize=50_000)
def _leans(char: str) -> float:
    """1 for a character that only Chinese writes, 0.5 for an old form that Japanese rarely writes, -1 for Japanese."""
    if char in _JAPANESE:
        return -1
    if char in _CHINESE:
        return 1
    if char in _replaced():
        return 0.5
    japanese, simplified = _written_in(char, "shift_jis"), _written_in(char, "gb2312")
    traditional = _written_in(char, "big5hkscs")
    if not japanese:
        return 1 if (simplified or traditional) and char not in _JAPANESE_TOO else 0
    common = char.encode("shift_jis") < b"\x98\x9f"
    return -1 if common and not simplified and not _written_in(char, "big5") else 0


def _only_japan_has_all(han: str) -> bool:
    """True for characters that no Chinese character set has together (東 and 学), but the Japanese one has."""
    return (
        all(_written_in(char, "shift_jis") for char in han)
        and not all(_written_in(char, "gb2312") for char in han)
        and not all(_written_in(char, "big5hkscs") for char in han)
    )


def _clause(text: str, start: int, end: int) -> _Clause:
    clause = text[start:end]
    han = "".join(_ONE_HAN.findall(clause))
    leans = [_leans(char) for char in han]
    kana = bool(_KANA.search(clause))
    # Beside kana an old form is a Japanese name, and what kana follows is a Japanese verb.
    least = 1 if kana else 0.5
    chinese = sum(lean for lean in leans if lean >= least) + len(_CHINESE_USAGE.findall(clause))
    japanese = -sum(lean for lean in leans if lean < 0) + len(_JAPANESE_WORDS.findall(clause))
    loose = bool(_LOOSE.search(_JAPANESE_COMPOUND.sub("", clause)))
    if kana:
        shows = "both" if chinese >= 1 and chinese > japanese else "ja"
    elif chinese != japanese:
        shows = "zh" if chinese > japanese else "ja"
    else:
        shows = "ja" if not loose and _only_japan_has_all(han) else ""
    return _Clause(start, end, shows, kana, loose)


def _spans(text: str, end_of: re.Pattern[str], start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    last = len(text) if end is None else end
    cuts = [start, *(match.end() for match in end_of.finditer(text, start, last)), last]
    return [(first, after) for first, after in pairwise(cuts) if first < after]


_BORDER = re.compile(f"{CLAUSE_END.pattern}|{_QUOTE.pattern}")


def _carried(shown: Sequence[str]) -> list[str]:
    """Each "" replaced by the value before it."""
    carried = [""]
    for here in shown:
        carried.append(here or carried[-1])
    return carried[1:]


def _from_nearest(shown: Sequence[str]) -> list[str]:
    """Each "" replaced by the nearest other value, the one before it first; "" where there is none."""
    after = _carried(shown[::-1])[::-1]
    return [first or last for first, last in zip(_carried(shown), after, strict=True)]


def _quoted(text: str, clauses: Sequence[_Clause]) -> list[bool]:
    """True for each clause of a sentence that stands between quotation marks."""
    depth, inside = 0, []
    for clause in clauses:
        inside.append(depth > 0)
        opened, closed = (len(re.findall(f"[{marks}]", text[clause.start : clause.end])) for marks in _QUOTES)
        depth = max(0, depth + opened - closed)
    return inside


def _shown(text: str, clauses: Sequence[_Clause]) -> list[str]:
    """What the clauses of a sentence show or take from the nearest that does.

    What is quoted says nothing of the words around it where another clause does: 去日本旅游，学会「ありがとう」就够了.
    """
    shown = [clause.shows for clause in clauses]
    quoted = _quoted(text, clauses)
    loosely = [clause.shows or "zh" * clause.loosely_chinese for clause in clauses]
    around = _from_nearest(["" if inside else one for one, inside in zip(loosely, quoted, strict=True)])
    nearest = _from_nearest(shown)
    return [near if inside else outer or near for near, outer, inside in zip(nearest, around, quoted, strict=True)]


def _settled(text: str, own: str) -> Iterator[_Clause]:
    """The clauses of a text, each with what it shows or, without evidence, takes from its neighbours or the voice."""
    sentences = [[_clause(text, *span) for span in _spans(text, _BORDER, *s)] for s in _spans(text, _SENTENCE_END)]
    by_sentence = [shown for clauses in sentences for shown in _shown(text, clauses)]
    by_text = _from_nearest(by_sentence)
    for clause, shown in zip((clause for clauses in sentences for clause in clauses), by_text, strict=True):
        if not clause.shows and shown != "zh":
            shown = "zh" if clause.loosely_chinese else "ja" if shown else own
        yield clause._replace(shows=shown)


@cache
def _yue_words() -> re.Pattern[str]:
    return re.compile(any_of(words("yue_words.txt")))


def _cantonese(sentence: str) -> int:
    """Signs of Cantonese: a character that only Cantonese has counts two, a word or a turn one."""
    signs = _YUE_USAGE, _YUE_SIMPLIFIED, _yue_words()
    return 2 * len(_YUE_CHARACTER.findall(sentence)) + sum(len(pattern.findall(sentence)) for pattern in signs)


def _varieties(text: str, own: str) -> Iterator[tuple[int, str]]:
    """For each sentence its end and the Chinese language it is in, if it is Chinese."""
    spans = _spans(text, _SENTENCE_END)
    signs = [(_cantonese(text[start:end]), len(_MANDARIN.findall(text[start:end]))) for start, end in spans]
    anywhere = any(cantonese > mandarin for cantonese, mandarin in signs)
    for (_, end), (cantonese, mandarin) in zip(spans, signs, strict=True):
        is_yue = own == "yue" or cantonese > mandarin or (anywhere and not mandarin)
        yield end, "yue" if is_yue else "zh"


def _beside_kana(runs: Sequence[Run], place: int) -> bool:
    """True for Han that kana follows, and that the clause does not begin with or kana precedes."""
    after = place + 1 < len(runs) and runs[place + 1].kind == "ja"
    return after and place > 0 and runs[place - 1].kind in ("ja", "mark")


def _in_both(text: str, runs: Sequence[Run], place: int) -> str:
    """The language of one run of Han in a clause of Chinese with Japanese words."""
    run = text[runs[place].start : runs[place].end]
    chinese = any(_leans(char) > 0 for char in run) or _CHINESE_USAGE.search(run)
    return "ja" if not chinese and _beside_kana(runs, place) else "zh"


def languages_of_han(
    text: str, runs: Sequence[Run], languages: Sequence[str], language: str | None, own: str
) -> Iterator[str]:
    """Find for every run that is Han its language, else "".

    Args:
        text: the whole text.
        runs: its runs in order, without gaps.
        languages: those that there is a front end for.
        language: what the caller says the text is; only clauses with kana may still be Japanese.
        own: the language of the voice, for what shows no other.
    """
    if all(run.kind != "han" for run in runs):
        yield from [""] * len(runs)
        return
    varieties = iter(_varieties(text, own))
    sentence_end, chinese = 0, "zh"
    at = 0
    for clause in _settled(text, own):
        while sentence_end < clause.end:
            sentence_end, chinese = next(varieties)
        first = at
        while at < len(runs) and runs[at].start < clause.end:
            at += 1
        inside = runs[first:at]
        for place, run in enumerate(inside):
            if run.kind != "han":
                yield ""
                continue
            shows = _in_both(text, inside, place) if clause.shows == "both" else clause.shows
            if language in ("zh", "yue", "ja"):
                found = "ja" if shows == "ja" and clause.kana else language
            else:
                found = "ja" if shows == "ja" else chinese
            if found == "ja" and "ja" not in languages:
                found = language or chinese
            yield "zh" if found == "yue" and "yue" not in languages else found
