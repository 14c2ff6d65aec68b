"""Numbers and signs as a Mandarin speaker says them. Every rule is a row; the first that fits a number takes it."""

from __future__ import annotations

import re
from decimal import Decimal

from sovits_lab.text.mandarin.body import RULES as BODY
from sovits_lab.text.mandarin.characters import HALF_WIDTH, HALF_WIDTH_SIGNS, HAN, simplified
from sovits_lab.text.mandarin.dates import DATES, share
from sovits_lab.text.mandarin.formulas import RULES as FORMULAS
from sovits_lab.text.mandarin.measures import MEASURES, NOT_COUNTED
from sovits_lab.text.mandarin.names import NAMES
from sovits_lab.text.mandarin.numbers import amount, cardinal, digits, number
from sovits_lab.text.mandarin.units import CURRENCIES, CURRENCY, MONEY_WORDS, NAMED, SIGNS, UNIT, UNITS
from sovits_lab.text.tables import any_of
from sovits_lab.text.traced import Rule, Traced, rule

Match = re.Match[str]
_N = r"[0-9]+(?:\.[0-9]+)?"
_ALONE = r"(?<![0-9.])"
_TO = r"\s?(?:-|~|～|—|–|至|到)\s?"
_TELEPHONE_WORD = "(?:电话|热线|火警|匪警|急救|报警|查号|拨打|致电|手机|座机|传真|打)(?:号码|号)?(?:是|为|:|：)?\\s?"
_CODE_WORD = (
    "(?:号码|尾号|分机|返回|报错|错误码|状态码|密码|验证码|端口|色号|编号|代码|邮编|(?:QQ|微信)群?号?|群号|抖音号?|账号|卡号|学号|工号|单号|车牌|航班|房间|门牌|ID"
    "|[取提收邀兑优核识口序][件货请换惠销别令列][码号]|身份证|护照|准考证|流水号|订单|运单|型号|批号|^群?号|^群)"
    "(?:号码|号|码)?(?:是|为|:|：)?\\s?"
)
_CODE = any_of(code for code in CURRENCIES if code.isalpha() and code.isascii())
_PERIODS = {"hour": "小时", "hr": "小时", "h": "小时", "month": "月", "mo": "月", "year": "年", "yr": "年"} | {
    "week": "周",
    "wk": "周",
    "day": "天",
    "person": "人",
}
_LONGEST_LAUGH = 6
_AFTERWARDS = {code: "人民币" if CURRENCIES[code] == "元" else CURRENCIES[code] for code in CURRENCIES}
_ONES = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")
_ROMAN = [*[tens + ones for tens in ("", "X") for ones in _ONES][1:], "XX"]
_PAUSE = "!?…,.-"
_MARKS = dict(zip("：；，、;:。！？\n．—–~～⋯‥", ",,,,,,.!?..,,…………", strict=True)) | {
    "...": "…",
    "……": "…",
    "！？": "?",
    "？！": "?",
}


_SCALES = {"w": "万", "W": "万"}


def _clean(text: str) -> str:
    return text.replace(",", "")


_DEGREES = {"°C": "度", "℃": "度"}


def _temperature(m: Match) -> str:
    unit = "华氏度" if m[3] in ("°F", "℉") else "摄氏度" if m[3] == "摄氏度" else "度"
    return ("零下" if m[1] else "") + number(m[2]) + unit


def _money(m: Match) -> str:
    value, scale = _clean(m[2]), m[3] or ""
    unit = m[4] or ""
    name = "" if unit and CURRENCIES[m[1]] in ("元", unit) else CURRENCIES[m[1]]
    words = _two(number(value)) if scale or "." in value else amount(value)
    return words + scale + (unit or name)


def _scaled_money(m: Match) -> str:
    """$500K, $1.5M and $2B in full: 五十万美元."""
    scale = {"k": 3, "K": 3, "M": 6, "B": 9, "T": 12}[m[3]]
    return amount(str(int(Decimal(m[2]).scaleb(scale)))) + CURRENCIES[m[1]]


def _telephone(m: Match) -> str:
    return "，".join(digits(part, one="幺") for part in re.split(r"[-\s]+", m[0].lstrip("+")) if part)


def _keyword_digits(one: str) -> Rule:
    word = _TELEPHONE_WORD if one == "幺" else _CODE_WORD
    return rule(
        rf"({word})([0-9][0-9 -]+[0-9])(?![0-9.]|\s?(?:[人个名位元块GT平㎡多余间张套只件]|{UNIT}))",
        lambda m: m[1] + digits(re.sub("[ -]", "", m[2]), one),
    )


def _roman(m: Match) -> str:
    """第IV章 -> 第四章; letters that are no number up to 二十 stay."""
    return cardinal(str(_ROMAN.index(m[0]) + 1)) if m[0] in _ROMAN else m[0]


def _percent(value: str, sign: str | None = None) -> str:
    return ("负" if sign else "") + "百分之" + number(value)


def _two(words: str) -> str:
    """二千 as it is said: 两千."""
    return "两" + words[1:] if words.startswith(("二千", "二万", "二亿")) else words


def _measure(m: Match) -> str:
    count = "两" if m[1] == "2" and UNITS[m[2]][0] not in "摄华度" else _two(number(m[1]))
    return count + UNITS[m[2]]


def _signed(sign: str | None, value: str, unit: str) -> str:
    cold = unit in ("°C", "℃", "°F", "℉")
    return (("零下" if cold else "负") if sign else "") + number(value)


def _range_of_measure(m: Match) -> str:
    first, last = _signed(m[1], m[2], m[5]), _signed("-" if m[4][0] == "-" else None, m[4].lstrip("-"), m[5])
    name = _DEGREES.get(m[5], UNITS[m[5]])
    return f"{first}{name if m[3] else ''}到{last}{name}"


def _range_of_money(m: Match) -> str:
    return f"{number(_clean(m[2]))}到{number(_clean(m[3]))}{m[4] or ''}{CURRENCIES[m[1]]}"


def _listed_numbers(m: Match) -> str:
    return m[1] + re.sub("[0-9]+", lambda n: digits(n[0], one="幺"), m[2])


def _power(m: Match) -> str:
    plain = m[0].translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻ⁿˣʸ", "0123456789-nxy"))
    if plain in ("2", "3"):
        return "的平方" if plain == "2" else "的立方"
    return (
        "的"
        + ("负" if plain[0] == "-" else "")
        + re.sub("[0-9]+", lambda n: cardinal(n[0]), plain.lstrip("-"))
        + "次方"
    )


def _scientific(m: Match) -> str:
    """1e-4 as it is said, not as it is meant: 一e负四."""
    return number(m[1]) + "e" + ("负" if m[2] == "-" else "") + cardinal(m[3])


def _counted(m: Match) -> str:
    return amount(m[1]) + ("多" if m[2] == "+" else m[2] or "")


def _any_number(m: Match) -> str:
    if m[0][0] == ".":
        return "点" + digits(m[0][1:])
    return _two(number(m[0]))


WIDTH = HALF_WIDTH | HALF_WIDTH_SIGNS
_BEFORE_NUMBER = SIGNS | {">=": "大于等于", "<=": "小于等于", "!=": "不等于", "≠": "不等于"}
_FAMOUS = "(?:名|作|者|书|書|述|称|稱|录|錄|有(?!一)|于|於|文|论|論|译|譯)"
_WORKS = "[名巨显顯卓昭编編原论論专專合译譯遗遺土拙新所较較共]"
# Traditional characters whose simplified form depends on the word: 看著 is 看着, 著作 stays; 餅乾 is 饼干, 乾坤 stays.
_BY_WORD: tuple[Rule, ...] = (
    rule(f"(?<!{_WORKS})著(?!{_FAMOUS})", "着"),
    rule("(?<!康)乾(?![坤隆卦元县縣陵道清符宁寧])", "干"),
    rule("瞭(?!望)", "了"),
    rule("徵(?!羽)", "征"),
    rule("摺", "折"),
)
RULES: tuple[Rule, ...] = (
    rule(r"(?<![A-Za-z])([A-Za-z])\(([A-Za-z])\)", lambda m: m[1] + m[2]),
    rule(f"(?<=([{HAN}]))々", lambda m: m[1]),
    rule("[Ⅰ-Ⅻⅰ-ⅻ]", lambda m: cardinal(str((ord(m[0]) - ord("Ⅰ")) % 16 + 1))),
    rule("(?<=第)[IVX]+(?=[章节卷部届集册期条项篇回])", _roman),
    rule("(?<![A-Za-z])(?:II|III|IV|VI|VII|VIII|IX)(?=[型期级类度])", _roman),
    # what is said of both ends: 5月1日-5日, 3楼-5楼
    rule(
        r"(?<=[0-9])(日|号|月|楼|层|班|栋|期|章|课|单元|年级|年|岁|周|点|时)\s?[-~～—–]\s?(?=[0-9]{1,4}(?:\1|月))",
        lambda m: m[1] + "到",
    ),
    rule(
        r"(?<=以)([0-9]{1,3}-[0-9]{1,3}(?:[、,，]\s?[0-9]{1,3}-[0-9]{1,3})+)",
        lambda m: re.sub("[0-9]+", lambda n: cardinal(n[0]), m[1].replace("-", "比")),
    ),
    # a discount: 满100-20
    rule(
        r"(满)([0-9]{2,4})\s?-\s?([0-9]{1,4})(?![0-9.])",
        lambda m: f"{m[1]}{cardinal(m[2])}减{cardinal(m[3])}" if int(m[2]) > int(m[3]) else m[0],
    ),
    *NAMES,
    *FORMULAS,
    # signs before a number, with nothing before them
    rule(rf"(?<![0-9A-Za-z)）])\s?(>=|<=|!=|[≥≤≠≈><±])\s?(?=[-+]?\$?{_N})", lambda m: _BEFORE_NUMBER[m[1]]),
    rule(rf"(?<![0-9A-Za-z)）\-~℃℉°%‰元块角度点分秒时日号月年岁米克斤里升人个次层楼页期届级倍折])~\s?(?={_N})", "约"),
    rule(rf"(?<![0-9A-Za-z)）+])\+(?={_N}(?:%|℃|°|度|分))", "正"),
    rule(rf"(?<![0-9A-Za-z)）+])\+(?=[¥￥$]{_N}|{_N}(?:元|块))", "加"),
    *DATES,
    # money, telephone, codes; of $299 SGD the code alone is said
    rule(rf"[$＄¥￥](?=[0-9][0-9,.]*\s?{_CODE}(?![A-Za-z]))", ""),
    rule(
        rf"({CURRENCY})\s?([0-9][0-9,.]*){_TO}([0-9][0-9,.]*[0-9]|[0-9])([千百十]?[万亿])?(?:{MONEY_WORDS})?",
        _range_of_money,
    ),
    rule(rf"({CURRENCY})\s?({_N})([kKMBT])(?![A-Za-z0-9])", _scaled_money),
    rule(rf"({CURRENCY})\s?([0-9][0-9,]*(?:\.[0-9]+)?)([千百十]?[万亿]|千|百)?({MONEY_WORDS})?", _money),
    rule(r"(?<![0-9,.])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])", lambda m: _clean(m[0])),
    rule(rf"{_ALONE}({_N})\s?({_CODE})(?![A-Za-z])", lambda m: number(m[1]) + _AFTERWARDS[m[2]]),
    rule(r"(?<![0-9])(?:\+?86[- ]?)?1[3-9][0-9][- ]?[0-9]{4}[- ]?[0-9]{4}(?![0-9])", _telephone),
    rule(r"(?<![0-9])0[0-9]{2,3}[- ][0-9]{7,8}(?![0-9])|(?<![0-9])[48]00-?[0-9]{3}-?[0-9]{4}(?![0-9])", _telephone),
    rule(r"(?<![0-9.])[0-9]+(?:-[0-9]+){2,}(?![0-9.])", _telephone),
    rule(
        rf"(?<![0-9.])[0-9]{{2,4}}-[0-9]{{6,10}}(?![0-9.]|\s?(?:{MEASURES}|{UNIT}|[千万亿%]))",
        _telephone,
    ),
    rule(r"\+([0-9]{1,3})(?=\s[0-9]{2,5}\s[0-9]{2,5})", lambda m: "加" + digits(m[1])),
    rule(r"(?<=航班)([是号为：:,，]?)([A-Z]{2})\s(?=[0-9]{3,4}(?![0-9]))", r"\1\2"),
    # groups of digits apart by spaces are no quantities: 会议号845 221 3067
    rule(r"(?<![0-9.,])[0-9]{3,4}(?: [0-9]{3,4})+(?![0-9.,])", _telephone),
    rule(rf"({_TELEPHONE_WORD})([0-9]{{3,}}(?:(?:或者?|、|和)[0-9]{{3,}})+)", _listed_numbers),
    rule(
        r"(?<![0-9])(1(?:1[0-9]|2[0-2]|2[0-9]{3}))(?=报警|急救|火警|热线|电话|查号)", lambda m: digits(m[1], one="幺")
    ),
    rule(r"(?<=[0-9])\s?[×xX*]\s?(?=[0-9])", "乘"),
    # a round number in a name, X100, but not the train G100次
    rule(r"(?<=[A-Za-z])([1-9]0{2,3})(?![0-9.]|次|列车|航班|高速|国道)", lambda m: cardinal(m[1])),
    # an extension, but not money: 给我转500
    rule(
        r"(?<=[0-9零一二三四五六七八九幺拨按请机线]转)[0-9]{3,5}(?![0-9.])|(?<=[A-Za-z])[0-9]{3,}(?![0-9.])",
        lambda m: digits(m[0], one="幺"),
    ),
    _keyword_digits("幺"),
    _keyword_digits("一"),
    rule(
        r"((?:[前后末尾]|最后)(?:[一二两三四五六七八九十]|[0-9]{1,2})位(?:数字?|号码)?(?:是|为|:|：)?\s?)([0-9]{2,})"
        r"(?![0-9.]|\s?[个名人元块分折万亿千百%])",
        lambda m: m[1] + digits(m[2]),
    ),
    rule(
        r"((?:提示|显示|弹出|出现|返回|报)了?个?\s?)([45][0-9]{2})(?=\s*$|[，,。!！；;]|错误|报错|页面|了)",
        lambda m: m[1] + digits(m[2]),
    ),
    rule(
        r"(端口号?(?:改|换|设|用|开|填|写|映射|转发|监听|占用)(?:成|为|到|的是|了)?\s?)([0-9]{2,5})(?![0-9.个])",
        lambda m: m[1] + digits(m[2]),
    ),
    # a place in a car park or a hall: B区217
    rule(
        rf"(?<=(?<![一-龥])区)([0-9]{{3,4}})(?![0-9.]|\s?(?:[个人户家平亩万元多余]|{UNIT}))",
        lambda m: digits(m[1], one="幺"),
    ),
    rule(rf"{_ALONE}([0-9]{{2,5}})(?=端口)", lambda m: digits(m[1])),
    rule(r"(?<![A-Za-z])No\.\s?1(?![0-9])", "number one"),
    rule(r"(?<![A-Za-z])No\.?\s?([0-9]+)", lambda m: number(m[1]) + "号", flags=re.IGNORECASE),
    # a code of six digits: 别再用123456了, 是719306
    rule(
        rf"(?<![到达破过共有赚花价超了近约满¥￥$]){_ALONE}([0-9]{{6}})(?<!00)(?=了?(?:[,，。.!！?？；;\s]|$))",
        lambda m: digits(m[1]),
    ),
    # a long row of digits that ends in no zeros and counts nothing: a QQ number, an account
    rule(
        rf"{_ALONE}([0-9]{{7,}})(?<!000)(?![0-9.,]|\s?(?:{MEASURES}|{UNIT}|[千万亿%]))",
        lambda m: digits(m[1], one="幺"),
    ),
    # chat writes 10w for 十万, 15k-20k for wages
    rule(
        rf"{_ALONE}({_N})([kKwW]){_TO}({_N})([kKwW])(?![A-Za-z0-9])",
        lambda m: f"{number(m[1])}{_SCALES.get(m[2], m[2])}到{number(m[3])}{_SCALES.get(m[4], m[4])}",
    ),
    rule(rf"{_ALONE}({_N})w(?![A-Za-z0-9])", lambda m: ("两" if m[1] == "2" else number(m[1])) + "万"),
    rule(rf"(?<![A-Za-z0-9.])({_N})[eE]([-+]?)([0-9]{{1,3}})(?![0-9A-Za-z])", _scientific),
    # two numbers side by side are two: A100 80GB
    rule(
        r"(?<=[0-9])\s+(?=[0-9]+(?:\.[0-9]+)?[A-Za-z+%])|(?<=[A-Z][0-9])\s+(?=[0-9])|(?<=[A-Z][0-9]{2})\s+(?=[0-9])|(?<=[A-Z][0-9]{3})\s+(?=[0-9])|(?<=[A-Z][一二三四五六七八九][百千])\s+(?=[0-9])",
        ",",
    ),
    # measures, ranges, percent
    rule(
        rf"(?<=[0-9a-zA-Zα-ωΑ-Ω)）°一-龥])\s?([=≈≠≥≤><])\s?(?=-?{_N}\s?(?:{UNIT}|[°%]))",
        lambda m: SIGNS[m[1]],
    ),
    rule(rf"({_N}\s?(?:{UNIT}|[一-龥]{{1,2}}))\s?[×*]\s?(?=[0-9])", lambda m: m[1] + "乘"),
    rule(r"(?<=[一-龥])\s?×\s?(?=[0-9]{1,3}(?![0-9.]))", "乘"),
    *BODY,
    rule(r"(?<=配速)([0-9]{1,2})['′]([0-9]{1,2})[\"″]?", lambda m: f"{cardinal(m[1])}分{cardinal(m[2])}秒"),
    rule(rf"(?:(?<![0-9A-Za-z%)）])(-))?{_ALONE}({_N})(\s?{UNIT})?{_TO}(-?{_N})\s?({UNIT})", _range_of_measure),
    rule(
        rf"(?:{_ALONE}(?<![0-9A-Za-z%)）])(-))?{_ALONE}({_N})\s?(°C|℃|摄氏度|°F|℉)",
        _temperature,
    ),
    rule(
        rf"((?:电流|[0-9]\s?V\s?[/,，、]?\s?)(?:是|为|约|最大|达到|有)*){_ALONE}({_N})\s?A(?![A-Za-z0-9])",
        lambda m: f"{m[1]}{number(m[2])}安",
    ),
    rule(rf"(?<![0-9A-Za-z%)）~～-])-(?={_N}\s?{UNIT})", "负"),
    rule(rf"(?<![A-Za-z0-9.])({_N})\s?({UNIT})", _measure),
    rule(rf"{_ALONE}({_N})%?{_TO}({_N})%", lambda m: f"{_percent(m[1])}到{_percent(m[2])}"),
    rule(rf"(?:(?<![0-9A-Za-z%])(-))?{_ALONE}({_N})%", lambda m: _percent(m[2], m[1])),
    rule(rf"{_ALONE}({_N})‰", lambda m: "千分之" + number(m[1])),
    # cells of a table: =SUM(A1:A10)
    rule("(?<=[A-Z][0-9]):(?=[A-Z][0-9])|(?<=[A-Z][0-9]{2}):(?=[A-Z][0-9])", "到"),
    # arithmetic
    rule("(?<=[²³⁰-⁹)])\\s?-\\s?(?=[0-9a-z])", "减"),
    rule(rf"(?<=[0-9a-zA-Z)）])\s?-\s?(?={_N}\s?[=＝+×÷])|(?<=[+×÷=][0-9])\s?-\s?(?={_N})", "减"),
    rule(
        rf"(?<=[0-9a-zA-Zα-ωΑ-Ω%)）⁰¹²³⁴⁵⁶⁷⁸⁹])\s?([{re.escape(''.join(SIGNS))}])\s?(?=[-0-9a-zA-Zα-ωΑ-Ω√(（])",
        lambda m: SIGNS[m[1]],
    ),
    rule(rf"±(?={_N})", "正负"),
    rule(
        r"(?<=[0-9A-Za-z)）])\^(-?[0-9]+)",
        lambda m: "的" + ("负" if m[1][0] == "-" else "") + cardinal(m[1].lstrip("-")) + "次方",
    ),
    rule("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻ⁿˣʸ]+", _power),
    rule(r"(?:(?<=[0-9]\.[0-9])|(?<=[0-9]\.[0-9]{2}))/(?=(?:4|4\.[035]|5|5\.0|10|100)(?![0-9]))", ",满分"),
    rule(rf"{_ALONE}([0-9]{{1,4}})/([0-9]{{1,4}})(?![0-9/])", share),
    rule(
        rf"{_ALONE}([12][09][0-9]{{2}}){_TO}([12][09][0-9]{{2}})(?![0-9.])", lambda m: f"{digits(m[1])}到{digits(m[2])}"
    ),
    # a result or even odds, for a range goes upwards: 勇士112-108湖人, 50-50
    rule(
        r"(?<![0-9.A-Za-z/-])(?<![图表例题式关栋幢楼座号区住第])([0-9]{1,3})[-–](?=([0-9]{1,3})(?![0-9.A-Za-z/-]|\s?[室号层楼栋单章节关]))",
        lambda m: cardinal(m[1]) + "比" * (m[1] != "50") if int(m[1]) >= int(m[2]) else m[0],
    ),
    rule(
        rf"(?:(?<![0-9A-Za-z])(-))?{_ALONE}({_N}){_TO}({_N})(?![0-9.\-])",
        lambda m: f"{'负' * bool(m[1])}{number(m[2])}到{number(m[3])}",
    ),
    rule(r"(?<=[米块])(?<![小大玉]米)([0-9]{1,2})(?![0-9.])", lambda m: digits(m[1])),
    rule(r"(?<=[0-9一-龥]秒)([0-9]{2,3})(?![0-9.])", lambda m: digits(m[1])),
    rule(rf"{_ALONE}([0-9][05])(?=后)", lambda m: digits(m[1])),
    rule(rf"(?<=[0-9度])({_N})?[′']", lambda m: (number(m[1]) if m[1] else "") + "分"),
    rule(rf"(?<![0-9A-Za-z])-(?={_N})", "负"),
    # versions, years, codes, counted things, and what is left
    rule(r"[0-9]+(?:\.[0-9]+){3}(?![0-9.])", lambda m: digits(m[0], one="幺").replace(".", "点")),
    rule(r"[0-9]+(?:\.[0-9]+){2,}", lambda m: "点".join(number(part) for part in m[0].split("."))),
    rule(
        rf"{_ALONE}((?:19|20)[0-9]{{2}})(?=款|版|届|级|赛季|财年|春|夏|秋|冬|奥运|世界杯|欧洲杯)",
        lambda m: digits(m[1]),
    ),
    rule(
        rf"{_ALONE}([0-9]{{3,4}})(?=路(?!人)|房|室|国道|省道|次列车|次航班|航班|宿舍|号线"
        r"|(?:大|小|多媒体|阶梯|普通|多功能)?(?:会议室|教室|办公室|包[厢间房]|病房|诊室|机房|实验室|考场|展厅|自习室|套房|客房|号房|号包|柜台?|窗口))",
        lambda m: digits(m[1], one="幺"),
    ),
    # a year after a foreign name: FIFA 2022的
    rule(
        rf"^\s?(19[5-9][0-9]|20(?:0[1-9]|[1-4][0-9]))(?![0-9.年-]|\s?(?:{NOT_COUNTED}(?:{MEASURES})|{UNIT}|[多余几+万亿千%]))",
        lambda m: digits(m[1]),
    ),
    rule(
        rf"(?<=世界杯|奥运会|亚运会|欧洲杯|锦标赛|博览会|发布会)(19[5-9][0-9]|20[0-4][0-9])(?![0-9.年-]|\s?(?:{NOT_COUNTED}(?:{MEASURES})|[多余几+万亿千%]))",
        lambda m: digits(m[1]),
    ),
    # a record called by its year: Taylor的1989
    rule(
        rf"(?<=^的)(19[5-9][0-9]|20[0-2][0-9])(?![0-9.年-]|\s?(?:{NOT_COUNTED}(?:{MEASURES})|{UNIT}|[多余几+万亿千%]))",
        lambda m: digits(m[1]),
    ),
    # after a capital a number is part of a code: CO2排放, B2层
    rule(rf"{_ALONE}(2)(?=[室梯][0-9一两二三四])|(?<=[室厅])2(?=[厅卫])", "两"),
    rule(rf"{_ALONE}(2)(?=点(?:[0-9]{{1,2}}分|[0-5][0-9](?![0-9.%倍])))", "两"),
    rule("(?<=[点时])2(?=分)", "二"),
    rule(rf"(?<!第){_ALONE}(?<![A-Za-z])(?!0[0-9])([0-9]+)([多余几+])?(?={NOT_COUNTED}(?:{MEASURES}))", _counted),
    rule(rf"{_ALONE}(2)(?=千|万|亿|百万|千万)", "两"),
    rule(r"[0-9]+\.[0-9]+|\.[0-9]+|[0-9]+", _any_number),
    # signs
    rule("(?<!关注)(?<!感谢)(?<!转自)(?<!作者)@(?=[一-龥])", "艾特"),
    rule("(?<=[米里升克斤])/(?=[一二三四五六七八九])", ","),
    rule("(?<![A-Za-z])[hH]{3,}(?![A-Za-z])", lambda m: "哈" * min(len(m[0]), _LONGEST_LAUGH)),
    rule("(?<=[元角斤人天年月日次吨米里升克个块毛万亿])/(?=[一-龥])", "每"),
    rule(f"(?<=[元镑块刀盾币])/({'|'.join(_PERIODS)})(?![A-Za-z])", lambda m: "每" + _PERIODS[m[1]]),
    rule("(?<=[元镑块刀盾币])/\\s?$", "每"),  # before a foreign word: $29/user
    rule(f"(?<=[元镑块刀盾币分])/({UNIT})", lambda m: "每" + UNITS[m[1]]),
    rule(r"(?<=[A-Z一-龥])\s\+\s?$", "加"),
    rule(
        "(?<=[零一二两三四五六七八九十百千])/(?=(?:月|人|天|年|日|斤|平|次|晚|小时|节|课时|位|张|件|份|瓶|箱|盒|包|吨|亩|公里|股|桌|套|杯|碗|台|间|场|学期|季|周)"
        "(?![一-龥]?[/／]))",
        "每",
    ),
    rule(f"[{re.escape(''.join(NAMED))}]", lambda m: NAMED[m[0]]),
    rule(r"(?<=[GMTK]B)\s?[+]\s?(?=[一-龥])", "加"),
    rule(r"(?<=[一-龥]) [+] (?=[0-9一-龥])|(?<=[一-龥])[+](?![+0-9])|(?<![一-龥A-Za-z0-9+])[+](?=[一-龥])", "加"),
    rule(r"(?<=[一-龥])\s?=(?:\s?(?=[一-龥])|$)", "等于"),
)


_TO_MARKS: tuple[Rule, ...] = (
    rule("嗯", "恩"),
    rule("呣", "母"),
    rule(r"(?<=[一-龥])[·•・](?=[一-龥])", "", "dot inside a name"),
    rule("|".join(re.escape(mark) for mark in sorted(_MARKS, key=len, reverse=True)), lambda m: _MARKS[m[0]]),
    rule(r"(?<![0-9])-(?![0-9])|(?<=[A-Za-z])-", "", "punctuation without a pause"),
    rule(r"[（(\[【{]|[）)\]】}]", ","),
    rule(r"^[,.…-]+(?=[^,.…-])", "", "pause before the first word"),
    rule(rf"(?:(?<![A-Za-z])|(?! +[A-Za-z]))[^{HAN}A-Za-z'{_PAUSE}]+", ""),
    rule(rf"(?<=[{_PAUSE}])[{_PAUSE}]+", "", "repeated punctuation"),
)


def normalise(text: Traced) -> Traced:
    """Fold widths, simplify characters, say every number and sign; what stays is Han, Latin letters and pause marks."""
    return text.translate(WIDTH).apply(_BY_WORD).translate(simplified()).apply(RULES).apply(_TO_MARKS)
