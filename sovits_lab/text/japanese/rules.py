"""Signs, numbers, units, ranges and arithmetic of Japanese text as words that Open JTalk reads."""

from __future__ import annotations

import re
import unicodedata

from sovits_lab.text.japanese.readings import reading_rule
from sovits_lab.text.tables import any_of, pairs
from sovits_lab.text.traced import Rule, Traced, rule

Match = re.Match[str]
WORD_CHARS = r"A-Za-z0-9\u3005-\u3007\u3040-\u30ff\u4e00-\u9fff\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uff9d"
PAUSE = "!?…,.-"

# Full-width ASCII in half width and every dash that stands for a hyphen; the wave dashes are one sign.
_HALF = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5E) if chr(code) not in "！？，．：；"}
_HALF |= dict.fromkeys(map(ord, "−‐‑–"), "-") | dict.fromkeys(map(ord, "～~∼"), "〜")
_KANJI = r"\u3005\u4e00-\u9fff"
_DAYS = {"月": "ゲツ", "火": "カ", "水": "スイ", "木": "モク", "金": "キン", "土": "ド", "日": "ニチ"}
_DAY = f"[{''.join(_DAYS)}]"
_UNITS = pairs("ja_units.tsv")
_UNIT = any_of(_UNITS)
_COUNTED = (
    "(?:[人個本枚匹頭冊台杯回階歳才年月日時分秒週章巻号円度倍割点名件社校歩番位問行段泊両席組話羽足着箱袋粒丁限世間]"
    rf"|ページ|パーセント|ドル|ユーロ|か[月国所]|[ヶケヵカ]月|キロ|{_UNIT})"
)
_ABOUT = "(?:[人個本枚匹頭冊台杯回歳才年日分秒度倍名泊軒件社校行歩百千万]|時間|週間?|か月|[ヶケヵカ]月|メートル|キロ)"
_FIGURES = dict(zip("123456789一二三四五六七八九", 2 * tuple(range(1, 10)), strict=True))
_BOTH_READ = ("", "イチ", "に", "サン", "シ", "ゴ", "ロク", "シチ", "ハチ", "ク")
_DIGITS = ("ゼロ", "イチ", "ニー", "サン", "ヨン", "ゴー", "ロク", "ナナ", "ハチ", "キュー")
_ENGLISH_FIGURES = ("ワン", "ツー", "スリー", "フォー", "ファイブ")
_CLOCK = r"(?:[01]?[0-9]|2[0-9]):[0-5][0-9]"
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_MONEY = {"¥": "円", "￥": "円", "$": "ドル", "€": "ユーロ", "£": "ポンド", "₩": "ウォン"}


def _slash(m: Match) -> str:
    """3/4 is a fraction; 5/3 and 12/25 are days; what is no day is a fraction again."""
    first, second = int(m[1]), int(m[2])
    day = not first < second <= 10 or m.string[m.end() : m.end() + 1] in ("(", "（")
    if day and 1 <= first <= 12 and 1 <= second <= 31:
        return f"{first}月{second}日"
    return f"{second}分の{first}"


def _days_of_months(m: Match) -> str:
    """5/10〜5/15 are days that follow each other; 1/3〜1/2 are fractions."""
    later = (int(m[1]), int(m[2])) < (int(m[3]), int(m[4]))
    if max(int(m[2]), int(m[4])) <= 10 and not (later and int(m[3]) - int(m[1]) < 2):
        return m[0]
    return f"{int(m[1])}月{int(m[2])}日から{int(m[3])}月{int(m[4])}日"


def _about(m: Match) -> str:
    """2、3日 and 四五人 are a number and the next one, said in one breath; other pairs of figures stay as they are."""
    first, second = _FIGURES[m[1]], _FIGURES[m[2]]
    if second != first + 1:
        return m[0]
    if m[3] != "日":
        return _BOTH_READ[first] + str(second) + m[3]
    return _BOTH_READ[first] + ("ヨッカ" if second == 4 else _BOTH_READ[second] + "ニチ")


def _fraction(m: Match) -> str:
    top, _, bottom = unicodedata.normalize("NFKC", m[0]).partition("\u2044")
    return f"{bottom}分の{top}"


def _clock(m: Match) -> str:
    return f"{int(m[1])}時" + (f"{int(m[2])}分" if int(m[2]) else "")


def _days(m: Match) -> str:
    """月〜金 from Monday to Friday, 月・水・金 as a list: days by their short names, which stand alone nowhere else."""
    words = (_DAYS.get(char, "から" if char in "〜-" else "、") for char in m[0])
    return "".join(words)


def _dollars(m: Match) -> str:
    """$3.50 in dollars and cents."""
    whole, cents = m[1], m[2]
    return f"{whole}ドル" + (f"{int(cents)}セント" if cents and int(cents) else "")


def _per(m: Match) -> str:
    """220mg/dL: one unit per another; km/h has a name of its own."""
    return _UNITS.get(f"{m[1]}/{m[2]}") or f"{_UNITS[m[1]]}パー{_UNITS[m[2]]}"


def _average(m: Match) -> str:
    """A batting average: .312 is 3割1分2厘."""
    parts = zip(m.groups()[1:], "割分厘", strict=True)
    return m[1] + "".join(digit + name for digit, name in parts if digit != "0")


def _code(m: Match) -> str:
    """Numbers of orders and accounts and postal codes: digit by digit, zero as ゼロ."""
    return m[1] + m[2] + "の".join(map(_spelled, re.split("[-ー]", m[3])))


def _spelled(number: str) -> str:
    return "".join(_DIGITS[int(digit)] for digit in number)


def _compatible(m: Match) -> str:
    return unicodedata.normalize("NFKC", m[0])


_CHARACTERS: tuple[Rule, ...] = (
    rule(r"[\uff66-\uff9f]+", _compatible),
    rule("[①-⑳㉑-㉟㊱-㊿]", lambda m: "マル" + _compatible(m)),
    rule(r"[⑴-⒇]", lambda m: "カッコ" + _compatible(m)[1:-1]),
    rule("[㊤-㊨㋿㌀-㍗㍻-㍿㎀-㎟㎣㎤㎧-㏟]", _compatible),
    rule("[Ⅰ-Ⅻⅰ-ⅻ]", lambda m: str(int(unicodedata.numeric(m[0])))),
    rule("[¼-¾⅐-⅞]", _fraction),
    rule("(?<=[0-9])：(?=[0-9])", ":"),
    rule("[→⇒]", "、"),
    rule("㈱|[(]株[)]|（株）", "株式会社"),
    rule("㈲|[(]有[)]|（有）", "有限会社"),
    rule("(?<!郵便番号)(?<!郵便番号は)(?<!郵便番号：)〒", "郵便番号"),
    rule("(?<=[0-9])，(?=[0-9]{3}(?![0-9]))", ","),
    rule("(?<=[0-9])．(?=[0-9])", "."),
    rule("[☆★](?=[0-9])", "ホシ"),
    # F1, J2リーグ, M-1グランプリ, PS5: the figure has its English name
    rule(
        r"(?<![A-Za-z0-9.-])([FGKR](?=-?1)|[JM](?=-?[1-3])|PS(?=[1-5]))-?([1-5])(?![0-9A-Za-z.,:-])",
        lambda m: m[1] + _ENGLISH_FIGURES[int(m[2]) - 1],
    ),
    rule("√(?=[0-9A-Za-z])", "ルート"),
    rule(r"№|(?<![A-Za-z])[Nn]o\.\s?(?=[0-9])", "ナンバー"),
    rule(
        r"(?<=[ぁ-ゖァ-ヺー。、!?！？])(?:w{1,20}|W{2,20})(?![A-Za-z0-9./])|(?<![A-Za-z0-9./])[wW]{2,20}(?=[ぁ-ゖァ-ヺー\u4e00-\u9fff])",
        "ワラ",
    ),
)
_DATES: tuple[Rule, ...] = (
    rule(r"(?<=[a-z])[0-9]{3,}(?![0-9.,:-])", lambda m: _spelled(m[0])),  # a password: abc12345
    rule(r"(番号|コード|口座)([はがを、：:]?\s?)([0-9]+(?:[-ー][0-9]+)+)(?![0-9-])", _code),
    rule(r"([12][0-9]{3})[/.-](1[0-2]|0?[1-9])[/.-](3[01]|[12][0-9]|0?[1-9])(?![0-9])", r"\1年\2月\3日"),
    rule(r"(?<![0-9/])(1[0-2]|[1-9])/([12]?[0-9]|3[01])〜(1[0-2]|[1-9])/([12]?[0-9]|3[01])(?![0-9/])", _days_of_months),
    rule(r"(?<![0-9/])([0-9]{1,2})/([0-9]{1,3})(?![0-9/])", _slash),
    rule(r"(?<![0-9/])([0-9]{3})/(?=[0-9]{2,3}(?![0-9/]))", r"\1、"),  # blood pressure: 128/82
    rule(rf"[(（]({_DAY})[)）]", r"\1曜日"),
    rule(rf"(?<![0-9{_KANJI}]){_DAY}(?:[〜・-]{_DAY})+(?![{_KANJI}])", _days),
    rule(rf"(?<![0-9{_KANJI}]){_DAY}[〜-](?={_DAY}曜)", _days),
)
_NEIGHBOURS: tuple[Rule, ...] = (
    # ビール2つ: the dictionary knows 2つ, but not after katakana
    rule("(?<=[ァ-ヺー])([1-9])つ", lambda m: "一二三四五六七八九"[int(m[1]) - 1] + "つ"),
    rule(rf"(?<![0-9.,、月第問])([1-8])[、,，・]\s?([2-9])({_ABOUT})", _about),
    rule(rf"(?<![〇一二三四五六七八九十百千万、月第問])([一二三四五六七八])、?([二三四五六七八九])({_ABOUT})", _about),
)
_RANGES: tuple[Rule, ...] = (
    rule(rf"(?<=:[0-5][0-9])\s?[〜-]\s?(?={_CLOCK})", "から"),
    rule(r"(?:AM|am)\s?(?=[0-9]{1,2}(?![0-9.]))", "午前"),
    rule(r"PM2\.5", "ピーエムにーてんご"),
    rule(r"(?:PM|pm)\s?(?=[0-9]{1,2}(?![0-9.]))", "午後"),
    rule(r"(?<![0-9:])([01]?[0-9]|2[0-9]):([0-5][0-9])(?![0-9:])", _clock),
    rule(r"(?<=[0-9])(?::|\s?対\s?)(?=[0-9])", "タイ"),
    rule("(?<=[〇一二三四五六七八九十])対(?=[〇一二三四五六七八九十])", "タイ"),
    # A subtitle between two wave dashes is set off by pauses.
    rule(rf"(?<=[{_KANJI}ァ-ヺーA-Za-z」])〜([^〜0-9\s、。！？]{{2,20}})〜(?=[\s、。」』)）]|$)", r",\1,"),
    rule(rf"(?<=[0-9{_KANJI}A-Za-z%℃°円)）])\s?〜\s?(?=[0-9¥$€{_KANJI}\u30a1-\u30faA-Za-z-])", "から"),
    rule(rf"(?:(?<=[0-9][{_KANJI}%℃])|(?<=[0-9][{_KANJI}][{_KANJI}]))〜(?=[\s、。」)）のに]|$)", "から"),
    rule(r"(?<=[ぁ-ゖァ-ヺ])〜(?=[0-9])", "から"),
    rule(
        r"(?<![0-9A-Za-z-])([0-9]{1,2})-([0-9]{1,2})(?=で(?!す)|と(?:リード|逆転|大勝|快勝)|の(?:接戦|激闘|大接戦))",
        r"\1タイ\2",
    ),
    rule("(?<=[0-9])-(?=[0-9]+で?の?(?:勝|敗|負|引き|リード|完封|逆転|辛勝|スコア))", "タイ"),
    rule(rf"(?<![0-9A-Za-z.-])([0-9]+)-([0-9]+)(?=\s?{_COUNTED})", r"\1から\2"),
    rule(r"(?<=[時分日月年円階歳個回%℃曜])\s?-\s?(?=[0-9午翌月火水木金土日])", "から"),
    rule(r"(?<=ページ)\s?[0-9]+-[0-9]+|(?<=[Pp]\.)[0-9]+-[0-9]+", lambda m: m[0].replace("-", "から")),
)
_MONEY_RULES: tuple[Rule, ...] = (
    rule(r"(?:(?<=打率)|(?<=勝率)|(?<=塁率))([はがをも]?\s?)0?\.([0-9])([0-9])([0-9])(?![0-9])", _average),
    rule(r"(?<![0-9A-Za-z])\.(?=[0-9])", "テン"),
    rule(r"(?<![0-9,])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])", lambda m: m[0].replace(",", "")),
    rule(r"\$([0-9]+)(?:\.([0-9]{2}))?(?![0-9.])", _dollars),
    rule(rf"([{''.join(_MONEY)}])({_NUMBER}[万億兆]?)", lambda m: m[2] + _MONEY[m[1]]),
    rule(r"(?<=[0-9])€", "ユーロ"),
    rule(r"(?<=[0-9])\$", "ドル"),
)
_ARITHMETIC: tuple[Rule, ...] = (
    rule(rf"(?<=[0-9a-zA-Z²³%°)）ぁ-ヺー{_KANJI}])\s?[×✕✖]\s?(?=[0-9(（])|(?<=[0-9m])\s?x\s?(?=[0-9])", "かける"),
    rule(r"(?<=[0-9])\s?%(?=\s?[A-Za-z])", "パーセント"),
    rule(r"(?<=時速)\s?([0-9.]+)\s?km/h(?![A-Za-z])", r"\1キロメートル"),
    rule(rf"(?<=[0-9])\s?({_UNIT})/({_UNIT})(?![A-Za-z0-9²³])", _per),
    rule(rf"(?<=[0-9万億])\s?({_UNIT})(?![A-Za-z])", lambda m: _UNITS[m[1]]),
    rule("(?<=[0-9])[²³]", lambda m: f"の{_compatible(m)}乗"),
    rule(r"(?<=[0-9])\s?>\s?(?=[0-9])", "大なり"),
    rule(r"(?<=[0-9])\s?<\s?(?=[0-9])", "小なり"),
    rule(rf"[≧≥]\s?({_NUMBER})", r"\1以上"),
    rule(rf"[≦≤]\s?({_NUMBER})", r"\1以下"),
    rule(r"(?<=[0-9)）])\s?÷\s?(?=[0-9(（])", "わる"),
    rule(r"(?<=[0-9)）])\s?\+\s?(?=[0-9(（])", "たす"),
    rule(r"(?<=[0-9A-Za-z)）])\s?\+\s?(?=[0-9A-Za-z(（])", "プラス"),
    rule(r"(?<=[0-9)）])\s?-\s?(?=[0-9]+(?:\.[0-9]+)?\s?=)", "ひく"),
    rule(r"(?<=[0-9)）])\s-\s(?=[0-9])", "ひく"),
    rule(r"(?<=[0-9)）乗])\s?=\s?(?=[0-9?？-])", "は"),
    rule(r"\s?=\s?", "イコール"),
    rule(r"(?<![0-9A-Za-z])-(?=[0-9])", "マイナス"),
    rule(r"(?<![0-9A-Za-z])\+(?=[0-9])", "プラス"),
    rule(r"±(?=[0-9])", "プラスマイナス"),
    rule(r"([0-9]+)\.([0-9]+)\.([0-9]+)", r"\1点\2点\3"),
    rule(r"&", "アンド"),
    rule(r"(?<=[A-Za-z])-(?=[0-9])", ""),
    rule(r"(?<=[0-9])-(?=[0-9])", "の"),
)
_MARKS: tuple[Rule, ...] = (
    rule("(?<=[0-9])。(?=[0-9])", ". "),  # two sentences, no decimal
    rule("[。．]", "."),
    rule("[、，：:;；・]|—+|―+", ","),
    rule("！", "!"),
    rule("？", "?"),
    rule(r"\.{2,}|‥|⋯", "…"),
    rule("[\n]+", "."),
    rule(r"(?<=[ぁ-ゖァ-ヺー])〜+", "ー"),
    rule(r"(?<![0-9])[.](?=[A-Za-z])|〜", ""),
    rule(r"(?<![\u3041-\u30ff\u3005\u4e00-\u9fffA-Za-z0-9])ー+", "", "long vowel mark without a vowel"),
    rule(rf"[^ {WORD_CHARS}{PAUSE}]", ""),
    rule(rf"(?<=[{PAUSE}])[ {PAUSE}]*[{PAUSE}]", "", "repeated punctuation"),
)
_BEFORE: tuple[Rule, ...] = (*_CHARACTERS, *_DATES, *_NEIGHBOURS, *_MONEY_RULES, *_RANGES, *_ARITHMETIC)


def normalise(text: Traced) -> Traced:
    """Normalise a text to kana, kanji, letters, digits, spaces and pause marks."""
    return text.translate(_HALF).apply(_BEFORE).apply((reading_rule(),)).apply(_MARKS)
