"""Mandarin: numbers, sandhi, erhua, polyphones; each case is a rule, not an entry."""

from __future__ import annotations

import pytest

from sovits_lab.text.mandarin import rules
from sovits_lab.text.mandarin.language import Mandarin, ReleasedMandarin
from sovits_lab.text.mandarin.numbers import amount, cardinal, decimal
from sovits_lab.text.traced import Traced

NUMBERS = {
    "汇率从$1兑7.25元": "汇率从一美元兑七点二五元",
    "座机是010-62345678": "座机是零幺零,六二三四五六七八",
    "手机13812345678": "手机幺三八幺二三四五六七八",
    "比赛3:2，以21:15获胜": "比赛三比二,以二十一比十五获胜",
    "面积250㎡": "面积二百五十平方米",
    "1,234,567元": "一百二十三万四千五百六十七元",
    "售价￥5999元": "售价五千九百九十九元",
    "误差±5": "误差正负五",
    "12/25/2023": "二零二三年十二月二十五日",
    "2024-05-03": "二零二四年五月三日",
    "5-10岁": "五到十岁",
    "1.2.3版本": "一点二点三版本",
    "2个2月2楼": "两个二月二楼",
    "请把1/2杯水": "请把二分之一杯水",
    "晚上2:30": "晚上两点半",
    "下午3:00-5:30": "下午三点到五点半",
    "二〇二四年": "二零二四年",
    "拨打110": "拨打幺幺零",
    "验证码是0731": "验证码是零七三一",
    "5%-10%": "百分之五到百分之十",
    "-3℃到12℃": "零下三度到十二度",
    "5×6=30，8÷2=4，5-3=2": "五乘六等于三十,八除以二等于四,五减三等于二",
    "10²=100": "十的平方等于一百",
    "$2.5亿": "二点五亿美元",
    "95后": "九五后",
    "身高1米78": "身高一米七八",
    "302路公交": "三零二路公交",
    "2023款": "二零二三款",
    "第2名": "第二名",
    "速度120km/h": "速度一百二十千米每小时",
    "１２３": "一百二十三",
    "繁體中文說話": "繁体中文说话",
    "血压120/80mmHg": "血压一百二十比八十毫米汞柱",
    "10年前，08年": "十年前,零八年",
    "110报警": "幺幺零报警",
    "π≈3.14": "派约等于三点一四",
    "（一）好": "一,好",
    "985和211大学": "九八五和二幺幺大学",
    "985元": "九百八十五元",
    "请拨打95588": "请拨打九五五八八",
    "12306网站": "幺二三零六网站",
    "视频是1080P": "视频是一零八零P",
    "东风-41，歼-20": "东风四一,歼二零",
    "气温-5度，利润-500万": "气温负五度,利润负五百万",
    "密码abc12345": "密码abc幺二三四五",
    "i5-13400F": "i五幺三四零零F",
    "9·11事件，5.1假期": "九一一事件,五一假期",
    "3单元401": "三单元四零幺",
    "≥18岁，<10人": "大于等于十八岁,小于十人",
    "±5%，+3℃": "正负百分之五,正三度",
    "~30分钟": "约三十分钟",
    "XBB.1.5": "XBB点一点五",
    "40×30cm": "四十乘三十厘米",
    "打85折": "打八五折",
    "80年代，98年": "八十年代,九八年",
    "看著著名作家": "看着著名作家",
    "餅乾，乾坤": "饼干,乾坤",
    "人々": "人人",
}


@pytest.mark.parametrize(("written", "said"), NUMBERS.items())
def test_numbers_and_signs(written: str, said: str) -> None:
    assert rules.normalise(Traced.of(written)).text == said


def test_number_words() -> None:
    assert cardinal("10050") == "一万零五十"
    assert cardinal("15") == "十五" and cardinal("000") == "零"
    assert decimal("3.10") == "三点一零" and decimal("3.100", keep_zeros=False) == "三点一零"
    assert amount("2") == "两" and amount("2000") == "两千" and amount("12") == "十二"


def phones(text: str) -> str:
    return " ".join(phone for unit in Mandarin().read_piece(Traced.of(text)).units for phone in unit.phones)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("一定", "y i2 d ing4"),
        ("一天", "y i4 t ian1"),
        ("第一", "d i4 y i1"),
        ("看一看", "k an4 y i5 k an4"),
        ("不怕", "b u2 p a4"),
        ("不行", "b u4 x ing2"),
        ("你好", "n i2 h ao3"),
        ("展览馆", "zh an2 l an2 g uan3"),
        ("妈妈", "m a1 m a5"),
        ("银行", "y in2 h ang2"),
        ("重庆", "ch ong2 q ing4"),
        ("小院儿", "x iao3 y van4 EE er4"),
        ("女儿", "n v3 EE er2"),
        ("知识", "zh ir1 sh ir5"),
        ("爱", "AA ai4"),
        ("土地", "t u3 d i4"),
        ("慢慢地走", "m an4 m an4 d e5 z ou3"),
        ("你得走", "n i3 d ei2 z ou3"),
        ("得了奖", "d e2 l e5 j iang3"),
        ("长高了", "zh ang3 g ao1 l e5"),
        ("很长", "h en3 ch ang2"),
        ("还钱", "h uan2 q ian2"),
        ("还没来", "h ai2 m ei2 l ai2"),
        ("一行字", "y i4 h ang2 z i04"),
        ("三只猫", "s an1 zh ir1 m ao1"),
        ("种树", "zh ong4 sh u4"),
        ("三种", "s an1 zh ong3"),
        ("背着书包", "b ei1 zh e5 sh u1 b ao1"),
        ("都市", "d u1 sh ir4"),
        ("他教我", "t a1 j iao1 w o3"),
    ],
)
def test_tones_and_readings(text: str, expected: str) -> None:
    assert phones(text) == expected


def test_two_phones_a_character_and_one_a_mark() -> None:
    heard = Mandarin().read_piece(Traced.of("银行行长在重庆，真的？"))
    assert [len(unit.phones) for unit in heard.units] == [1 if unit.text in ",?" else 2 for unit in heard.units]
    assert "".join(unit.text for unit in heard.units) == heard.normalised


def test_a_network_is_corrected_by_the_dictionary_only_where_that_has_the_word() -> None:
    odd = {"大家好": ["tai4", "gu1", "hao4"]}
    heard = ReleasedMandarin(readings=odd.__getitem__).read_piece(Traced.of("大家好"))
    assert [unit.phones for unit in heard.units] == [("d", "a4"), ("j", "ia1"), ("h", "ao4")]


def test_latin_letters_are_skipped_with_a_reason_when_nobody_reads_them() -> None:
    heard = Mandarin().read_piece(Traced.of("我用x"))
    assert [skip.reason for skip in heard.skipped] == ["Latin letters in Chinese text"]


@pytest.mark.parametrize(
    ("written", "said"),
    [("2000亿", "二千亿"), ("3000万人", "三千万人"), ("300千", "三百千"), ("2万多", "两万多"), ("1204", "幺二零四")],
)
def test_released_rules_count_what_stands_before_a_magnitude(written: str, said: str) -> None:
    assert ReleasedMandarin().read_piece(Traced.of(written)).normalised == said


def test_released_rules_keep_the_mistakes_of_the_released_models() -> None:
    heard = ReleasedMandarin().read_piece(Traced.of("汇率从$1兑7.25元"))
    assert heard.normalised == "汇率从.一兑七点二五元"
    pauses = ReleasedMandarin().read_piece(Traced.of("要花钱，￥5")).units
    assert {unit.phones for unit in pauses if unit.text == ","} == {("SP2",)}


@pytest.mark.parametrize(
    "written",
    [
        "汇率从1美元兑7.25元涨到了7.31元",
        "2023年10月1日",
        "全场9.5折",
        "气温12度",
        "他今年25岁",
        "湿度65%",
        "第12次",
        "1/3",
        "2个人",
        "误差±5",
        "3:2",
        "12345678901人口",
        "24小时",
        "0.5%",
    ],
)
def test_numbers_agree_with_wetext(written: str) -> None:
    wetext = pytest.importorskip("wetext")
    assert rules.normalise(Traced.of(written)).text == wetext.Normalizer(lang="zh", operator="tn").normalize(written)
