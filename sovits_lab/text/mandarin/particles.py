"""The particles 得, 地, 还, 长 and 了, whose reading what stands on both sides decides."""

from __future__ import annotations

import re
from typing import NamedTuple

from sovits_lab.text.mandarin.sandhi import Word
from sovits_lab.text.tables import names

# What must be done, where dictionaries know a word that begins with 得: 我得知道, 得出门, 你得到场.
DUTIES = (
    "知道|出(?:[站门国差院趟庭席场城力]|示证|钱|[一两三四五六七八九十百千几])|"
    "分(?:开|批|期|[两三几]次|清|步|段|类|[一-龥]{0,2}人|场合|情况)"
)
ERRANDS = (
    "到(?:场|岗|处[跑找问]|[一-龥]{1,6}(?:[去来](?![年信源历自])|办|取|拿|等|排队|报到))"
    "|手[洗工写动抄]|体[谅验检会]|意思意思|大人[陪带看帮抱]|家长"
)
_PLACE = re.compile("地(?=[上下里面板方图铁点址区位球理震毯产形主道段带狱窖瓜])")
_MUST = re.compile(
    "[我你您他她它们咱谁人还就只都也总又才可非必既先事今明后天年月里候时会完前的]$|^$|[一-龥](?<![还可生敢不真够])了$|[觉记晓懂]得$|"
    "(?:认为|以为|感觉|说明|证明|看来|多少|早晚|迟早|恐怕|必须|估计|肯定|至少|最少|起码|总归|看样子|差不多|千万|务必|一定)$"
)
_ERRAND = tuple("话事人钱字书歌舞题文门车班学饭觉路菜病药会课试街场院楼网机票房衣澡水酒烟国铁船海山球假牌琴操税款资")
_PAPERS = tuple("费款账证金票税租价续同")
_COMPLEMENT_FOLLOWS = re.compile("[很太真挺更最好快慢多少大小高低远近早晚不这那特比像十相]|有[点些多板模]")
_AGAIN_AND_AGAIN = re.compile("(一.)(?:又|接)?\\1$|一.一.$|有一.没一.$|也不.$|不[停断住]$")
# The first character of a word and its tag: places, times, pronouns, and what is counted.
_NO_ADVERB = re.compile("^.(?:q|r|t|s|f|ns)|^[一二两三四五六七八九十百千万几每这那哪某各0-9]m")
_TO_GET = re.compile(
    "[了到过出以知票奖罪病名冠主金银满胜势逞益志](?!门|口|处)|[一二两三四五六七八九十百千万几零]+[分票枚奖等]|第[一二三]|"
    "个?(?:感冒|肺炎|胃病)|癌|(?:[肺肝胃肾肠脑血喉骨]|乳腺|皮肤|食道|甲状腺|关节|心肌|支气管|中耳|鼻窦?|结膜|胰腺|阑尾)[癌炎病]|[大重怪绝这]种?病|绝症|(?:心脏|糖尿|白血|传染)病|"
    "流感|甲流|感冒|新冠|高血压|抑郁|哮喘|水痘|结石|肿瘤|肺结核|湿疹|痛风|近视|带状疱疹|荨麻疹|脚气|痔疮"
)
_FEELINGS = (*"气急疼痛热冷冻累困饿渴乐美吓惊羞恨烦闷馋晒烤煮", "恶心", "难受", "难过")
_DEGREE_FOLLOWS = re.compile(
    "(?!好好)(.)\\1(.)\\2|很|太|真(?!的)|挺|更|最|非常|特别|比较|十分|越来越|不错|也(?:太|挺|真|很|忒)|可(?![以能不])|那叫|贼|超|巨|没法|没[边样完]|不行(?!动)|厉害|离谱|惊人|可怕|吓人|夸张|感人|过分|出奇|要死|飞起|一塌|满[身头脸手地]|一般(?:$|[,.!?])"
)
# Verbs and adjectives of one character, whatever jieba calls them.
_VERBS = frozenset(
    "来去走跑吃喝睡看听说写做唱学想过活长打骂抓拿放抱拉推提拖扛搬挂贴切剁煮炒炸蒸烤烧洗刷擦扫叠剪缝织记教考答讲骗哄劝逗管养喂种浇卖买"
    "挣赚赔输赢跳爬飞游踢扔摔撞压砸敲捏揉搓绑捆装修盖搭铺挖堆摆排站坐躺跪蹲睁闭瞪盯嚼咬吐吹喊叫哭笑闹怕慌变滚涨跌升降"
    "挺帅酷火传选照批算用赶追抢租住闲熬扯聊谈忍憋绕演拍扮投射抽弹吐递接送帮救藏躲偷催练背读念认"
    "亲乱脏烫硬软瘦胖肿亮暗湿满挤堵吵静快慢高低远近深浅重轻短大小多少好坏丑香臭甜苦酸辣咸淡紧松忙穷富贵老嫩黑白红"
)
_ALIKE = re.compile("(?:跟|像|和|好像|好似|如同)[^,.!?]{0,9}(?:似的|一样|一般)")
_THING_BEFORE = re.compile("(?:^|[^一-龥]|[^的得很])[这那每各][一-龥]$")  # 这药得, whatever jieba calls 药
# What somebody is told to do: 医生说得住院, but 说得对.
_DUTY = re.compile(
    "先|再(?!好|多也)|[去等戒忌](?!的)|住院|提前|空腹|手术|交(?!代)|按|马上|尽快|尽早|赶紧|今[天晚]|明[天晚]|后天|下[个周]|给|换|重新|自己|[多少](?:喝|吃|休|运|穿|走|睡|练|动|晒|花|补)"
    "|吃药|打针|拍|排队|预约|挂号|带[着上齐好]|签|填|注册|登录|减|开刀|拔|补|修|返|加班|出差|开会|复查|复印|做(?:个|完|手术|检查|[一两几])|找|写完|穿|改成|付|缴|验|审|办|住|留|减肥|跟|把"
)
# Who tells what has to be done, and what is said of how somebody speaks: 大夫说得控制饮食, 领导说得感人.
_ADVISED = re.compile(
    "(?:医生|大夫|护士|客服|物业|师傅|房东|老板|领导|老师|教练|中介|警察|交警|律师|公司|学校|单位|店家|商家|经理|主任|妈|爸|导师|甲方|同事)说$"
)
_SPOKEN_SO = frozenset(
    names("感人 动听 在理 有理 过分 夸张 过去 出来 过来 上来 下去 起来 好像 没错 清楚 吓人 离谱 到位 有趣")
)
_VERB_OF_ITSELF = re.compile("(画|唱|跳|走|跑|睡|说|做|绣|织)\\1$")  # 这幅画|画得
_ACTS = frozenset(
    "连讲说问拿给买卖吃喝写读背看听走跑等找洗擦扫炖煮煨焖腌泡拌涮熬卤炒炸蒸烤切剁修装换拆搬抬扛拉推带送接交填签办付缴还存取查测量"
    "拍打练学教管盯守陪养喂种浇刷剪剃裁缝织补贴挂绑系穿戴脱捂盖铺晾晒收叠藏躲避绕爬游骑坐躺站蹲趴睡歇停关开锁按拧扭"
)
_HOW_MUCH = re.compile(f"[少多早晚勤常][{''.join(sorted(_VERBS))}]")  # 盐得少放
# What it takes, which says how nothing is done: 修好得花两百多, 不行得加把劲.
_COSTS = re.compile(
    "花(?:[一二两三四五六七八九十百千万几好]|多少|不少|很多|点|些|钱|时间|费)|加(?:把劲|油|班|钱|件|紧)"
)
_ENOUGH = re.compile("差不多$|(?:还是|干脆|不如|索性|要不)[^,.!?]{1,8}$")
_TO_DO = ("v", "d", "p", "c", "r", "a", "t", "m", "l", "i")
_SCORED = re.compile(
    "了[一二两三四五六七八九十百零多几]+[分票枚](?!吗)|了(?:满分|第[一二三四五六七八九十]|[冠亚季]军|[金银铜]牌|[一二三特]等奖)"
)
_TO_DO_TOO = names(
    "等 小心 当心 留神 留意 仔细 悠着 专心 耐心 细心 谨慎 提前 趁早 趁热 排队 换乘 转车 打车 预约 热身 "
    "问问 看看 想想 试试 说说 聊聊 好好 慢慢"
)  # no verbs for jieba
_LENT = (
    "(?:雨?伞|手机|[饭房银门]?卡|证|包|衣服|充电[宝器]|耳机|笔记?|作业|钥匙|硬盘|外套|"
    "相机|电脑|平板|水杯|押金|定金|本子|资料|工具|锅|碗|盘子|饭盒|青春|清静|自由)"
)
_STILL_NOT = re.compile(
    "(?:个(?!人|是|屁)|的(?!确)|信用卡|花呗|房贷|车贷|月供|助学|给(?!(?:我|你|您|他|她|它|咱|大家|人家|孩子|爸|妈)们?[^了吧的吗呢啊,.!?])|钱|债|款|清|贷|账|书(?![包架店法桌柜本])|车|回(?:去|来|给)|完|上(?!班|学|没|课|有|去|来)|了|掉|[得不](?:起(?!来|床)|上(?![班课学])|清)|本付息|本金|利息|人情|[我你您他她它咱]们?(?:一个|清白|公道|自由|河山|青春|血汗|尊严|真相|上次|上回|之前|昨天|前几天|[这那][把本个件条双部张](?!时候|人)|个?人情|$|@N(?:块|元|万|千|百)|[钱书债车房的,.!?])|"
    "一半(?!没|不|都|也|是)|一部分|[得不]完|不还(?:$|[,.!?呢啊])|多少(?:钱|$|[,.!?])|(?:自己|孩子|大家|世界|市民|百姓)一[个片份]|[我你您他她]们?的?@T(?:$|[,.!?了吧吗呢的])|"
    "@N(?:[元块万亿千百]|[本把辆笔台张件部](?!没|不)))".replace("@N", "[一二两三四五六七八九十百千万几]+").replace(
        "@T", _LENT
    )
)
_FOR_SOMEBODY = re.compile("给(?:打[折了包]|[送退换免办修装加做留带买发开][了个点]|了得|讲|报销|准备|安排|包邮|赠)")
_OWED = re.compile(
    "(?:要|该|没|未|不|别|甭|用|就|会|能|来|去|用|偿|归|借|得|再|先|已|已经|马上|立刻|一定|慢慢|尽早|赶紧|可以|必须|有|按时|按期|及时|早日|尽快|如数|原物|分期)$"
)
_GROW = re.compile(
    "[歪偏斜残坏得大高胖出成满势相辈官虫毛草痘牙蛀疮癣瘤斑个子孙老幼进](?!的?时间)|在(?!于)|[了着过](?=[一二两三四五六七八九十几不好点些个大痘毛草霉虫角翅叶牙胡皱斑包肉刺锈颗块层条粒片对双张副头青绿芽]|根(?!本))|芽|青?苔|藻|锈|蘑菇|叶|东西|颗|个(?!月|把)|[虱蚤]|结节|息肉|囊肿|溃疡|口疮|智齿|[一-龥]{0,3}疹|水痘|疙瘩|痱|针眼|脓|[水血]泡|老?茧|鸡眼|一[岁智]|不(?:好(?!看|说|听|玩)|大|高|胖|出|满|齐|成(?!比))|"
    "[一二两三四五六七八九十]岁|(?:多|这么|那么)[大高]|记性|见识|翅膀|眼睛|身体|本事|知识|心眼|肉|刺|疹|霉|包|皱纹|斑|白头?发|点(?:心|记性|脑|肉|教训|见识)|教训|熟|开(?!始)|残|冻?疮|好(?:[了吗没,.!?]|$)"
)
_GROWN = re.compile("(?:生|助|增|疯|见|猛|能|会|只|光|刚|没|再|正|正在|已经|开始|慢慢|渐渐|茁壮|健康|从小|快)$")


class Place(NamedTuple):
    """A single character with the clause on both sides and the words beside it ("" at the ends)."""

    before: str
    after: str
    word_before: Word
    word_after: Word


def _is_enough(before: str, after: str) -> bool:
    """True for the 得 of 差不多得了 and 还是我去得了, that will do."""
    return bool(re.match("了吧?(?:$|[,.!?])", after) and _ENOUGH.search(before))


def _de(at: Place) -> str:
    """得: to get before what is got; must after who or when and before what to do; else the particle."""
    if not at.before and at.after[:1] in ("", ",", ".", "!"):
        return "de2"  # 得, 又白跑一趟
    if _SCORED.match(at.after):
        return "de2"  # 模拟考得了612分
    if not at.before and _ALIKE.match(at.after):
        return "de5"  # after a foreign verb: P得跟真的一样
    to_do = at.word_after.tag.startswith(_TO_DO) or at.after.startswith(_TO_DO_TOO) or at.after[:1] in _ACTS
    errand = len(at.word_before.text) == 2 and at.before.endswith(_ERRAND) and to_do
    must = bool(_MUST.search(at.before)) or errand
    must = must or bool(_THING_BEFORE.search(at.before) and to_do)
    no_verb = must or at.before.endswith(_PAPERS)  # 运费, which jieba takes for a verb
    verb_before = (at.word_before.tag.startswith(("v", "a")) or at.word_before.text in _VERBS) and not no_verb
    verb_before = verb_before or at.before.endswith(_FEELINGS) or bool(_VERB_OF_ITSELF.search(at.before))
    if _is_enough(at.before, at.after):
        return "de2"
    if at.before.endswith(("没", "拍立")):
        return "de2"  # 没得说
    if at.before.endswith("还") and re.match("[起清](?:$|[,.!?吗的了吧呢])", at.after):
        return "de5"  # able to pay back
    if at.before.endswith(("说", "讲", "通知", "要求")) and _DUTY.match(at.after) and not _ALIKE.match(at.after):
        return "dei3"
    if not verb_before and re.match(f"{DUTIES}|{ERRANDS}", at.after):
        return "dei3"
    advised = at.word_after.tag == "v" and len(at.word_after.text) == 2 and at.word_after.text not in _SPOKEN_SO
    if advised and _ADVISED.search(at.before) and not _ALIKE.match(at.after):
        return "dei3"
    priced = re.search("[遍趟次套件个台年月天]$|[换修买做请租装办雇住坐洗][^,.!?]{1,4}$", at.before)
    a_new_one = re.search("[换修买做装租]个[^,.!?]{1,3}$", at.before)
    if ((priced and not verb_before) or a_new_one) and re.match("[一二两三四五六七八九十几好]+[十百千万]", at.after):
        return "dei3"  # 刷一遍得两千多
    if re.match("[房票分奖]率", at.after):
        return "de2"
    if _COSTS.match(at.after):
        return "dei3"
    if re.match(
        "(?:单独|分开|另外|重新|马上|立刻|赶紧|尽快)[一-龥]|(?:本人|双方|两边)(?![都也很不全])|用(?![得不了完]|$)",
        at.after,
    ):
        return "dei3"  # 洗得单独洗
    if must and at.before and not at.after:
        return "dei3"  # 我们得catch up: what must be done follows in another language
    if at.word_before.tag.startswith("n") and not verb_before and _HOW_MUCH.match(at.after):
        return "dei3"
    if not must and _ALIKE.match(at.after):
        return "de5"
    if not verb_before and _TO_GET.match(at.after):
        return "de2"
    if verb_before or _DEGREE_FOLLOWS.match(at.after):
        return "de5"
    if no_verb or at.word_before.tag.startswith(("r", "d", "n", "t", "c", "x")):
        follows = to_do or len(at.word_after.text) > 1 or not at.before
        if follows and (errand or not (_COMPLEMENT_FOLLOWS.match(at.after) and at.word_before.tag.startswith("n"))):
            return "dei3"
    return "de5"


def _di(at: Place) -> str:
    """地: the particle after an adverb, an adjective or a doubled word; else the ground."""
    if at.after.startswith("滑") and at.before.endswith(("小心", "当心", "注意", "谨防", "提防")):
        return "di4" if at.after[1:2] in ("", *",.!") else "de5"
    if _PLACE.match("地" + at.after) and not at.word_before.tag.startswith(("d", "z", "ad")):
        return "di4"
    if at.word_before.tag == "" or at.after == "":
        return "de5" if len(at.word_before.text) > 2 and at.word_before.tag in ("z", "d", "i", "l") else "di4"
    if _AGAIN_AND_AGAIN.search(at.before) or re.match("一[声下](?!不响)", at.after):
        return "de5"  # 哇地一声
    acts = at.word_after.tag.startswith(("v", "p", "d")) and at.word_after.text not in ("是", "有", "在")
    if len(at.word_before.text) < 2:
        return "de5" if acts and at.word_before.tag.startswith(("a", "d", "z")) else "di4"
    adverb = at.word_before.tag.startswith(("a", "d", "z", "i", "l", "v", "b", "o"))
    return "de5" if adverb or (acts and not _NO_ADVERB.search(at.word_before.text[0] + at.word_before.tag)) else "di4"


def _huan(at: Place) -> str:
    """还: to give back before what or to whom, or at the end after "must", "not" and the like; else still."""
    if _FOR_SOMEBODY.match(at.after):
        return "hai2"
    if _STILL_NOT.match(at.after):
        return "huan2"
    if at.after.startswith("到") and "把" in at.before:
        return "huan2"
    if re.search("[帮替给][我你他她]们?$|[去来忘]$", at.before) and re.match(f"一下(?!子)|{_LENT}", at.after):
        return "huan2"
    if at.before.endswith(("贷要", "贷得", "贷款要", "债要")) and re.match("[一二两三四五六七八九十百几多]", at.after):
        return "huan2"
    if at.after[:1] in ("", *",.!?") and len(at.before) != 1:
        return "huan2"  # nothing is left that could still be so
    return "huan2" if at.after[:1] in tuple("的吗呢吧") and _OWED.search(at.before) else "hai2"


def gives_back(before: str) -> bool:
    """Return whether 还 after such a text and before the name of a thing is to give it back: 记得还Kindle."""
    return bool(_OWED.search(before) or re.search("(?:[帮替给][我你他她]们?|[去来忘]|记得|忘了)$", before))


def _chang(at: Place) -> str:
    """长: to grow before its result and what grows, or after how; else long."""
    if at.after.startswith(("性", "大衣", "大褂")):
        return "chang2"  # 没长性
    if at.before.endswith(("怎么", "咋")) and at.after.startswith("的"):
        return "zhang3"
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
    if at.before.endswith("越") and re.match(
        "越(?:像|大|漂|高|胖|好看|帅|美|丑|壮|歪|难看|瘦|精神|水灵|快|随)", at.after
    ):
        return "zhang3"
    if at.before.endswith("又") and at.after[:1] in tuple("了高胖大"):
        return "zhang3"
    return "zhang3" if _GROWN.search(at.before) and not at.before.endswith("不") else "chang2"


PARTICLES = {"得": _de, "地": _di, "还": _huan, "长": _chang}
_NO_VERB = re.compile("(?:[再也都就可决我你他她它们还要先从并绝]不|[晓记认懂获取赢博落省觉懒显值]得)$")


def liao(before: str, after: str) -> bool:
    """Return whether 了 is to finish, as in 吃不了 and 走得了吗; in 得了冠军 it is not."""
    if len(before) < 2 or not before.endswith(("不", "得")) or _NO_VERB.search(before):
        return False
    if before[-1] == "得" and _is_enough(before[:-1], "了" + after):
        return False
    return before[-1] == "不" or (after[:1] in ("", *",.!?吗呢吧的这那主") and not _MUST.search(before[-2]))
