"""Names made of digits, and hyphens inside names: said digit by digit, without "minus" and without "to"."""

from __future__ import annotations

import re

from sovits_lab.text.chemistry import FORMULA, letters_apart
from sovits_lab.text.mandarin.brands import RULES as BRANDS
from sovits_lab.text.mandarin.measures import MEASURES, NOT_COUNTED
from sovits_lab.text.mandarin.numbers import cardinal, digits, number
from sovits_lab.text.mandarin.released_rules import QUANTIFIERS
from sovits_lab.text.mandarin.units import UNIT, UNITS
from sovits_lab.text.mandarin.words import cut
from sovits_lab.text.traced import Rule, rule

Match = re.Match[str]
_ALONE = r"(?<![0-9.,:])"
# What stands after a number that counts or measures. A bare noun there (985高校) is ungrammatical after a quantity.
_QUANTITY = (
    f"(?!网)(?:[{QUANTIFIERS}起多余几来左以之内外的是和与或及就也都还才不够除乘加减等强折倍万亿千百十点种类克公英摄度字顷后前级届期集章节楼站版"
    "号平立比将到至则中在有能可要会被已约右为若那这国州县镇村省市校班组队]"
    f"|一[个份张杯位碗件斤次晚年月天人对套盒瓶只条双节平桌场回节]|瓦|词|题|帧|码|伏|像素|马力|牛米|扭矩|大卡|千卡|声|枪|档|宗|船|团|高龄|泰铢|卢[布比]|比索|令吉|克朗|法郎|里拉|迪拉姆|[日韩欧加澳]元|英镑|[很真挺最]|太(?!阳)|{NOT_COUNTED}(?:{MEASURES}))"
)
# After these a hyphen before a number is a minus.
_VALUE = "[拔为是到至在于约达得成从值温差数和减润损分率幅利额]"
_MEASURED = "[%‰℃°度万亿元点分~到至米吨克升倍岁-]|[公千厘毫][里米斤克升]"
_THREE = "[1-9][0-9]{2}(?<!00)"
# The ranges of short telephone numbers of banks, carriers and public services.
_SERVICE = "(?:95|96)[0-9]{3,4}|(?:100|11[68]|12[1-3])[0-9]{2}|12345"
# Particles that end a clause: 超过150了, 总共280吗. A name would have its noun there.
_AT_THE_END = "了吗呢吧啊呀嘛哦啦"
# Verbs of which a number says how many: 招收350学生, 培训120员工; but 招收985学生.
_TAKEN = "收募增纳派聘裁征引捐赠育训救助送"
_COUNT = "0-9一二三四五六七八九十"
_REACH = 8  # characters after a number that say what it is
_NAMED_TAGS = ("n", "vn", "j", "s", "b")
_COUNTED = "(?:个(?!股)|次|遍|天|年(?!级)|岁|周|杯|片|粒|小时|分钟|公里|斤|瓶|位|种|件|条|只|家|人)"
_PROPER = ("nr", "nrt", "ns", "nt", "nz", "j")
_NAMED_DAY = (
    "(?=大促|女神节|妇女节|儿童节|青年节|当[天晚]|那[天晚]|活动|快乐|购物节|求婚|领证|表白|假期|长假|黄金周|"
    "小长假|放假|劳动节|国庆|晚会)"
)


_FLIGHTS = re.compile("(?:神舟|天舟|天宫|长征|嫦娥|实践|风云)$")
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"


def _named(m: Match) -> str:
    """A number to nineteen in a name is a number (歼-10), as are flights (神舟-20); others are digits (东风-41)."""
    if len(m[1]) < 3 and (int(m[1]) < 20 or _FLIGHTS.search(m.string, 0, m.start())):
        return cardinal(m[1])
    return digits(m[1], one="幺" if len(m[1]) > 2 else "一")


def _spelled(m: Match) -> str:
    return digits(m[1], one="幺")


def _spelled_before_a_noun(m: Match) -> str:
    """Say 985高校 digit by digit; before anything but a noun (共350包邮) it is an amount, unless it comes first."""
    if m.start() == 0:  # after a foreign word: Room 302开会
        return _spelled(m)
    following = cut(m.string[m.end() : m.end() + _REACH])
    return _spelled(m) if following[0].tag.startswith(_NAMED_TAGS) else m[0]


def _code(m: Match) -> str:
    return _named(m) + (cardinal(m[2]) if len(m[2]) < 3 else digits(m[2], one="幺"))


def _each(m: Match) -> str:
    """Every digit of a code by itself; its letters stay."""
    return re.sub("[0-9]+", lambda part: digits(part[0], one="幺"), m[0].replace("-", ""))


def _result(m: Match) -> str:
    """曼联2-1切尔西 is a result: names stand on both sides, and nothing that is counted."""
    before, after = cut(m.string[max(0, m.start() - _REACH) : m.start()]), cut(m.string[m.end() : m.end() + _REACH])
    if not (before[-1].tag in _PROPER and after[0].tag in _PROPER and len(after[0].text) > 1):
        return m[0]
    return f"{cardinal(m[1])}比{cardinal(m[2])}"


def _listed(m: Match) -> str:
    parts = m[0].split("/")
    may_be_date = len(parts) == 3 and (int(parts[0]) <= 12 or re.match("(?:19|20)[0-9]{2}/[01]", m[0]))
    return m[0] if may_be_date else ",".join(map(cardinal, parts))


def _build(number: str) -> str:
    return cardinal(number) if len(number) < 3 else digits(number)


def _hidden(m: Match) -> str:
    return digits(m[1], one="幺" if len(m[1]) > 1 else "一") + "星" * len(m[2]) + digits(m[3], one="幺")


_ROMAN = {"I": 1, "II": 2, "III": 3, "IV": 4}
_READ_OTHERWISE = {"9/11": "九一一", "24/7": "二十四七"}


def _one_digit(m: Match) -> str:
    return digits(m[0])


# Days that are called by their date.
_FEASTS = {
    "5.1": "五一",
    "10.1": "十一",
    "6.1": "六一",
    "3.8": "三八",
    "6.18": "六一八",
    "11.11": "双十一",
    "12.12": "双十二",
}

_ON_A_FEAST = (
    "去|回[家老]|出[去门行游国]|放[假几三五七]|玩|旅|买|期间|[我你咱]们?|有[空人没活]|想|打算|结婚|高速|堵|加班|上班|怎么|在家"
    "|的(?:票|机票|时候|活动|酒店|人)"
)

NAMES: tuple[Rule, ...] = (
    *BRANDS,
    # 6万km, 十几kg
    rule(
        f"(?<=[一二两三四五六七八九十百千万亿几多半每])\\s?({UNIT})",
        lambda m: UNITS[m[1]] if len(m[1]) > 1 or m[1] == "g" else m[0],
    ),
    rule(
        rf"{_ALONE}2(?=\s?[-~～–至到]\s?[0-9]{{1,3}}{_COUNTED})",
        "两",
    ),
    rule(rf"{_ALONE}1\s?[-~～–至到]\s?2(?={_COUNTED})", "一到两"),
    rule(rf"{_ALONE}2(?=[金银铜](?:[0-9一二两三四五六七八九]|牌|\s?$|[,，。、]))", "两"),
    rule(r"(?<=[座栋在去到至])2(?=层(?![高厚]))", "二"),
    # a match of five against five, the size of a screen
    rule(
        r"(?<![0-9A-Za-z.])([1-9])([vV])([1-9])(?![0-9A-Za-z])",
        lambda m: cardinal(m[1]) + m[2] + cardinal(m[3]),
    ),
    rule(
        r"(?<![0-9.])([0-9]{2}(?:\.[0-9])?)\s?[\"″”](?=的?(?:电视|屏|显示器|液晶|曲面|大屏|平板|笔记本))",
        lambda m: number(m[1]) + "寸",
    ),
    # 加2 cup水
    rule(r"(?<=[加放用喝吃买了要点做写来发有剩需倒煮配])2(?=\s$)", "两"),
    # sizes of clothes, times in minutes and seconds
    rule(r"(?<![0-9])(1[4-9][05])/([0-9]{2,3})(?=[A-C](?![A-Za-z]))", lambda m: f"{digits(m[1])},{cardinal(m[2])}"),
    rule(
        r"(?<![0-9.])([0-9]{1,3})\s?m(?:in)?\s?([0-5]?[0-9])\s?s(?![A-Za-z])",
        lambda m: f"{cardinal(m[1])}分{cardinal(m[2])}秒",
    ),
    # scores of sets: 6-2、6-2、7-6赢
    rule(
        r"(?<![0-9.-])[0-9]{1,2}-[0-9]{1,2}(?:[、,，]\s?[0-9]{1,2}-[0-9]{1,2})+(?=\s?(?:战?胜|赢|负|输|卫冕|夺冠|击败|横扫|逆转|拿下|淘汰|不敌|险胜))",
        lambda m: re.sub("[0-9]+", lambda n: cardinal(n[0]), m[0].replace("-", "比")),
    ),
    rule(r"(端口号?\s?[0-9]{2,5}[改换][成为到])([0-9]{2,5})(?![0-9.个])", lambda m: m[1] + digits(m[2])),
    rule(
        r"((?:报|提示|显示|弹出)了?个?)([0-9]{4})-([0-9]{4})(?![0-9])",
        lambda m: f"{m[1]}{digits(m[2])}杠{digits(m[3])}",
    ),
    rule(
        r"(?<=[听读写口总得][力作语分])([0-9]{1,3})/(30|40|50|60|80|100|120|150|300|750|900)(?![0-9/])",
        lambda m: f"{cardinal(m[1])},满分{cardinal(m[2])}",
    ),
    rule(
        r"(?<![A-Za-z])((?:ISO|RFC|IEC|GB/T|IEEE|ASTM)\s?)([1-9][0-9]{2,4})(?<!00)(?![0-9])",
        lambda m: m[1].replace("/", " ") + digits(m[2]),
    ),
    # two thousand nine hundred: 2k9, 1w5
    rule(
        r"(?<![A-Za-z0-9.])([1-9][0-9]?)([wkWK])([1-9])(?![A-Za-z0-9])",
        lambda m: f"{'两' if m[1] == '2' else cardinal(m[1])}{'千' if m[2] in 'kK' else '万'}{cardinal(m[3])}",
    ),
    # Z6III, IIIA期
    rule(r"(?:(?<=[A-Z][0-9])|(?<=[A-Z][0-9][A-Z]))\s?(II|III|IV)(?![A-Za-z])", lambda m: cardinal(str(_ROMAN[m[1]]))),
    rule(r"(?<![A-Za-z0-9])(I{1,3}|IV)(?=[ABC]\s?期)", lambda m: cardinal(str(_ROMAN[m[1]]))),
    rule(r"(?<![A-Za-z])([Pp]ort\s)([1-9][0-9]{1,4})(?![0-9.])", lambda m: m[1] + digits(m[2])),
    rule(r"(?<![0-9A-Za-z])[12][0-9]{2}/[3-9][0-9](?=Z?R[12][0-9])", lambda m: ",".join(map(digits, m[0].split("/")))),
    rule("(?<=是)(19[89][0-9]|20[0-2][0-9])(?=的(?:[,，。]|$))", lambda m: digits(m[0])),  # a vintage
    rule("(?<=[上进读])(985|211)(?=[吗了吧呢啊,，。?？]|$)", _spelled),
    rule(
        "((?:密码|验证码|口令|识别码|邀请码|取件码)(?:是|为|:|：)?[A-Za-z]{1,6})([0-9]{2,})(?![0-9])",
        lambda m: m[1] + digits(m[2], one="幺" if len(m[2]) > 2 else "一"),
    ),
    # how often something was seen or bought: 播放量破200W
    rule(
        r"((?:播放|粉丝?|点赞|阅读|浏览|销量|流水|年薪|转发|下载|关注|观看|人气|营收|成交)[^,.!?，。0-9]{0,6}[0-9]+(?:\.[0-9]+)?)W(?![A-Za-z])",
        r"\1万",
    ),
    # a room, what was left to play, and how long somebody ran
    rule("(?<=换到|改到|搬到|移到)([1-9][0-9]{2})(?<!00)(?=开|上课|见|集合|办公|考|$|[,，。])", _spelled),
    rule(
        r"((?:房间|前台|酒店|宾馆|会议室|教室|包间)[^0-9。！？]{0,12}[换改搬移]到)([1-9][0-9]{3})(?<!00)(?=\s*(?:$|[,，。了]))",
        lambda m: m[1] + digits(m[2], one="幺"),
    ),
    rule(r"([轮节局剩有第])0:([0-5][0-9])(?![0-9:])", lambda m: f"{m[1]}零分{cardinal(m[2].lstrip('0') or '0')}秒"),
    # after a foreign word, and with seconds: PB 3:28:15
    rule(
        r"^(\s?)([1-9]):([0-5][0-9]):([0-5][0-9])(?![0-9:])",
        lambda m: f"{cardinal(m[2])}小时{cardinal(str(int(m[3])))}分{cardinal(str(int(m[4])))}秒",
    ),
    rule(
        r"(?<=[是到用录跑出为约成绩])(?<!时间是)([1-6]):([0-5][0-9]):([0-5][0-9])(?![0-9:])",
        lambda m: f"{cardinal(m[1])}小时{cardinal(str(int(m[2])))}分{cardinal(str(int(m[3])))}秒",
    ),
    rule(r"(?<=[一-龥])([0-9]{1,2})\s?[-:–]\s?([0-9]{1,2})(?=[一-龥]{2})", _result),
    # ports, and the time of a race
    rule(
        r"(?<![0-9.:])([0-9]{2,5}):([0-9]{2,5})(?![0-9.:])",
        lambda m: f"{digits(m[1])}冒号{digits(m[2])}" if max(len(m[1]), len(m[2])) > 3 else m[0],
    ),
    rule(
        r"(?<![0-9.:])([0-9]{1,2}):([0-5][0-9])\.([0-9]{1,3})(?![0-9.:])",
        lambda m: f"{cardinal(m[1])}分{cardinal(m[2].lstrip('0') or '0')}秒{digits(m[3])}",
    ),
    rule(r"(?<=[0-9A-Za-z])@(?=[0-9]+(?:\.[0-9]+)?\s?(?:[Hh]z|fps|FPS))", " "),
    rule(r"(?<![A-Za-z])(HTTP\s?)([1-5][0-9]{2})(?![0-9.])", lambda m: m[1] + digits(m[2])),
    rule(r"(?<![A-Za-z0-9])[0-9]{1,6}(?:[A-Z]{1,4}[0-9]{1,6}){2,}[A-Z]{0,4}(?![A-Za-z0-9])", lambda m: _each(m)),
    # the number of a company or a car: 91310115MA1K3XXX8Y
    rule(
        r"(?<![A-Za-z0-9])(?=[0-9A-Z]{9,20}(?![A-Za-z0-9]))(?=[0-9A-Z]*[0-9]{3})(?=[0-9]*[A-Z])(?![0-9A-Z]*[A-Z]{4})[0-9A-Z]+",
        _each,
    ),
    rule(
        rf"(?<![0-9.到为约至降升涨跌是分])({'|'.join(map(re.escape, _FEASTS))})(?={_ON_A_FEAST})",
        lambda m: _FEASTS[m[1]],
    ),
    # 200多w粉丝
    rule("(?<=[0-9][多几余])[wW](?![A-Za-z])|(?<=[0-9]几)[wW](?![A-Za-z])", "万"),
    rule(r"(?<![A-Za-z])[Ll][Vv]\.?\s?([0-9]{1,3})(?![0-9.])", lambda m: "level " + cardinal(m[1])),
    # sizes of clothes
    rule(
        r"(?<=穿)1[4-9][05](?=的|码|号|[,，。]|$)"
        r"|(?<![0-9.])1[4-9][05](?=的(?:上衣|衣服|外套|衬衫|T恤|羽绒服|毛衣|校服))",
        _one_digit,
    ),
    rule(r"(?<=[SML])\s?[-~–]\s?(?=(?:[2-6]?X{0,3}[SL]|M)(?![A-Za-z0-9]))", "到"),
    # the height of a person in feet and inches
    rule("(?<![0-9.])([4-7])['′]([0-9]|1[01])[\"″](?![0-9])", lambda m: f"{cardinal(m[1])}英尺{cardinal(m[2])}英寸"),
    # minutes and seconds: 3'40"
    rule(
        "(?<![0-9.])([0-9]{1,2})['′]([0-5][0-9])[\"″”]",
        lambda m: f"{cardinal(m[1])}分{cardinal(m[2].lstrip('0') or '0')}秒",
    ),
    rule("(?<=f/[0-9][.0-9])[-–~](?=f/?[0-9])|(?<=f/[0-9].[0-9][0-9])[-–~](?=f/?[0-9])", "到"),
    rule(
        r"(?<![0-9.])([0-9]+(?:\.[0-9]+)?)[\"″”]\s?[xX×*]\s?([0-9]+(?:\.[0-9]+)?)[\"″”]",
        lambda m: f"{number(m[1])}英寸乘{number(m[2])}英寸",
    ),
    # prices with strokes between them: 380/580/880
    rule(r"(?<![0-9./-])[0-9]{2,5}(?:/[0-9]{2,5}){2,}(?![0-9/.-])", _listed),
    # the build of an airliner: 777-300ER
    rule(r"(?<![0-9])(7[0-9]7)-([1-9]00|[89]|10)(?![0-9])", lambda m: digits(m[1]) + _build(m[2])),
    rule(r"(?<=版本[是为：:])(20[0-4][0-9])(?=\s|[,，。]|$)", lambda m: digits(m[1])),
    # numbers that hide some digits: 138****5678; a mark with stars: 5**
    rule(r"(?<![0-9A-Za-z])([0-9]{1,8})(\*{3,14})([0-9]{0,8})(?![0-9*])", _hidden),
    rule(r"(?<![0-9A-Za-z*])([0-9])(\*{2})()(?![0-9*])", _hidden),
    rule("(?<=《)[0-9]{3,4}(?=》)", lambda m: digits(m[0])),
    rule(r"(?<![0-9.])58(?=同城|到家)", lambda m: digits(m[0])),
    # hours of work: nine to nine, six days
    rule(rf"(?<![共计约满仅价为到付花卖达第号元块¥￥$]){_ALONE}(996|007|955)(?![0-9.]|{_QUANTITY})", _spelled),
    rule(r"(?<=#)([0-9]{3,})(?![0-9.])", _spelled),
    rule("(?<=(?:回复|输入|发送|暗号|口令)[\"“「'])([0-9]{3,6})(?=[\"”」'])", _spelled),
    rule(r"(?<![0-9.])([45]0[0-9])(?=的?(?:请求|页面|错误|报错|响应|状态码|接口))", _one_digit),
    # the sign of a keypad after a password, the number of a building
    rule(r"(?<=[0-9]{4})(?<!#[0-9]{4})#(?=键|[，,。.!！；;、\s)）]|$)|(?<![A-Za-z0-9])#(?=键)", "井号"),
    rule(r"(?<=[0-9])#(?=[楼栋幢门机]|仓库|宿舍|教学楼)", "号"),
    # number plates, and codes of several groups: 京A·88F66, A-3-2051
    rule(rf"(?<=[{_PROVINCES}])[A-Z]\s?[·•]?\s?[0-9A-Z]{{5,6}}(?![0-9A-Za-z])", lambda m: _each(m).replace("·", "")),
    rule(r"(?<=[A-Z])-[0-9]{1,4}-[0-9]{1,6}(?:-[0-9]{1,6})?(?![0-9.A-Za-z])", _each),
    # i5-13400F, 东风-41, but 气温-5度 and 利润-500万
    rule(r"(?<=[A-Za-z])([0-9]+)-([0-9]+)(?=[A-Za-z]|(?![0-9.]))", _code),
    rule(rf"(?<=[一-龥])(?<!{_VALUE})-([0-9]{{1,4}})(?![0-9.]|\s?(?:{_MEASURED}|{UNIT}))", _named),
    rule(r"(?<=[A-Za-z])-([0-9]{3,})(?![0-9.])", _spelled),
    rule("(?<=周[一二三四五六日])[-~—至](?=周[一二三四五六日])", "到"),
    rule(rf"{_ALONE}([1-9][0-9]{{2,3}})(?=显卡|系列|处理器|芯片|客机|战机|机型)", lambda m: digits(m[1])),
    # 666 and 2333, which chat says alone
    rule(r"(?<![^，,。！!？?\s~、])(?<![0-9],)([5-9])\1{2,}(?=[，,。！!？?\s~、]|$)", lambda m: digits(m[0])),
    rule(
        r"(?:(?<![^，,。！!？?\s~、])(?<![0-9],)|(?<=[了哈啊呀吧嘿死]))(?:23{2,}|6{3,})(?=[，,。！!？?\s~、]|$)",
        lambda m: digits(m[0]),
    ),
    rule(
        r"(?<=[一-龥])(?<![到共有花要价元为约是第号付收卖达过满])6{3,}(?=[，,。！!？?\s~、]|$)",
        lambda m: digits(m[0]),
    ),
    rule(r"(?<![0-9/])9/11(?=事件|恐怖|袭击|之后|以后|那)|(?<![0-9/])24/7(?![0-9/])", lambda m: _READ_OTHERWISE[m[0]]),
    rule(r"(?<![A-Za-z])((?:RTX|GTX|RX|GT|MX)\s?)([1-9][0-9]{2,3})(?![0-9.])", lambda m: m[1] + digits(m[2])),
    rule(r"(?<![0-9A-Za-z])0[xX][0-9A-Fa-f]{2,}(?![0-9A-Za-z])", lambda m: re.sub("[0-9]", _one_digit, m[0]).upper()),
    # 9·11, 5.1假期
    rule(rf"{_ALONE}([0-9]{{1,2}})[·•]([0-9]{{1,2}})(?![0-9])", lambda m: digits(m[1]) + digits(m[2])),
    rule(rf"{_ALONE}([0-9]{{1,2}})\.([0-9]{{1,2}}){_NAMED_DAY}", lambda m: cardinal(m[1]) + digits(m[2])),
    # 图1-2, but 图1到3; a processor's R7 5800X
    rule(r"(?<=[图表])([0-9]{1,2})-(?=[0-9]{1,2}(?![0-9-]))", lambda m: cardinal(m[1]) + "杠"),
    rule(rf"{_ALONE}([1-9][0-9]{{3}})(?<!000)(?=(?:X3D|XT|X|H|HX|HQ|HS|KF|KS|F)(?![A-Za-z0-9]))", _one_digit),
    rule("(?<=[α-ωΩ])-(?=[0-9])", ""),  # ω-3
    # chemistry: every letter of H2SO4 and NaCl by itself
    rule(FORMULA, letters_apart),
    # B2B and seq2seq: the 2 is "to"
    rule("(?<![A-Za-z0-9])([BCDGMOPV])2([BCDGMOPVX])(?![A-Za-z0-9])", r"\1 to \2"),
    rule("(?<![A-Za-z0-9])([a-z]{2,8})2([a-z]{2,8})(?![A-Za-z0-9])", r"\1 to \2"),
    # geometry
    rule("[△▲](?=[A-Z])", "三角形"),
    rule("∠(?=[A-Z0-9α-ω])", "角"),
    rule("⊙(?=[A-Z])", "圆"),
    # 1080P, N95, 波音747, 3单元401, service numbers such as 12306 and 95588
    rule(rf"{_ALONE}([0-9]{{3,4}})(?=[pPiI](?![A-Za-z]))", lambda m: digits(m[1])),
    rule(rf"{_ALONE}([1-9][1-9])(?=折)", lambda m: digits(m[1])),
    rule(r"(?<=[NP])(9[059])(?![0-9.])", lambda m: digits(m[1])),
    rule(
        rf"(?:(?<=[栋幢座])|(?<=单元)|(?<=[{_COUNT}][层楼教])|(?<=[一-龥]楼)(?<![上下爬跳登每共]楼))([0-9]{{3,4}})(?![0-9.])(?!\s?(?:[元块万亿个人户间家套平多级台步米名层]|{UNIT}))",
        _spelled,
    ),
    rule(
        r"(?:(?<=波音|空客|麦道|宝马|奔驰|骁龙|天玑|麒麟|标致)|(?<=锐龙[3579])\s)([1-9][0-9]{2,3})(?<!000)(?![0-9.])",
        lambda m: digits(m[1]),
    ),
    rule(rf"{_ALONE}(?<!-)({_SERVICE})(?![0-9.,:-]|\s?{UNIT})(?!{_QUANTITY})", _spelled),
    rule(
        "7-11(?=便利|店|超市|门口|买|打工|里|关东煮|饭团|咖啡|便当)|(?<=[去在到家的])7-11(?![0-9日号月岁点天人])",
        lambda m: _each(m),
    ),
    rule(
        rf"{_ALONE}([1-9]0[1-9]|316|520|1314)(?=不锈钢|高地|中学|表白|告白|当天|那天|快乐|礼物|红包)",
        lambda m: digits(m[1]),
    ),
    # 985高校, 985和211大学
    rule(rf"{_ALONE}({_THREE})(?=[和与或、/]{_THREE}[一-龥])(?![和与或、/][0-9]+{_QUANTITY})", _spelled),
    rule(
        rf"(考[上进]了?|[考上读进]了?个|毕业于)(985|211)(?![0-9.]|{_QUANTITY})",
        lambda m: m[1] + digits(m[2], one="幺"),
    ),
    rule(
        rf"(?<!第)(?<![0-9]-)(?<![¥￥$€£满仅价付花省减售约比])(?:(?<![{_TAKEN}])|(?=985|211)){_ALONE}({_THREE})(?=[一-龥])(?!{_QUANTITY}|[{_AT_THE_END}])",
        _spelled_before_a_noun,
    ),
    rule("(?<=考研|统考)([1-9][0-9]{2})(?<!00)(?![0-9.分人天万个])", lambda m: digits(m[1])),
    rule(rf"(?<=救护车|急救车|急救是|报警是|火警是){_ALONE}(11[09]|12[02])(?![0-9.]|{_QUANTITY})", _spelled),
    rule(rf"{_ALONE}(?<=[叫喊])(11[09]|12[02])(?![0-9.]|{_QUANTITY})", _spelled),
)
