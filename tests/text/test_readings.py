"""Mandarin readings that depend on use: sandhi of 一, particles, polyphones alone, traditional characters.

A row is a text and the readings of one of its characters in their order; each row is one of a kind, not an entry.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sovits_lab.text.given import phones_by_hand
from sovits_lab.text.mandarin.language import Mandarin
from sovits_lab.text.mandarin.uses import _uses
from sovits_lab.text.symbols import load_symbols
from sovits_lab.text.tables import text_of
from sovits_lab.text.traced import Traced

FIRST_TONE = """
1月1日 yi1 yi1 | 1998年 yi1 | 21岁 yi1 | 1楼大厅 yi1 | 1.2公里 yi1 | 一号线 yi1 | 10月21日 yi1
12月31号 yi1 | 第一次 yi1 | 第11届 yi1 | 星期一上午 yi1 | 周一见 yi1 | 一年级 yi1 | 一等奖 yi1
五一劳动节 yi1 | 一百零一 yi4 yi1 | 一百块 yi4 | 一万人 yi2 | 一天三次 yi4 | 一个人 yi2 | 看一看 yi5
炸一炸 yi5 | 一行一行地 yi4 yi4
周二一起去 yi4 | 下午1点见 yi4 | 2块5一杯 yi4 | 大一号的鞋 yi2 | 1到3 yi1
"""
PARTICLES = """
轻轻地关上门 de5 | 慢慢地站起身 de5 | 大声地喊 de5 | 一步一步地走 de5 | 狠狠地摔在地上 de5 di4
这块地是他的 di4 | 看看地图 di4 | 科学地安排时间 de5 | 更好地为大家服务 de5
"""
TO_GET = """
你得立刻去医院 dei3 | 还得再等 dei3 | 跑得快 de5 | 出门得带伞 dei3 | 得了冠军 de2 | 他得了90分 de2
累得走不动 de5 | 难得很 de5 | 弄得到处都是 de5 | 获得好评 de2 | 看来得花不少钱 dei3
"""
TO_RETURN = """
按时还款 huan2 | 还我钱 huan2 | 他还没还书 hai2 huan2 | 钱还了 huan2 | 还给我 huan2
还给他讲了故事 hai2 | 还不起床 hai2 | 还不起房贷 huan2
"""
LONG = """
多长时间 chang2 | 最长的河 chang2 | 红色长裙 chang2 | 孩子长高了 zhang3 | 头发太长 chang2
财务局长 zhang3 | 越长越像 zhang3 | 正在长身体 zhang3 | 头发长长了 zhang3 chang2
"""
ALONE = {
    "弹": "弹吉他 tan2 | 一颗子弹 dan4",
    "切": "切菜 qie1 | 切忌冲动 qie4 | 切一切 qie1 qie1",
    "炸": "炸鸡块 zha2 | 汽车炸了 zha4",
    "重": "重装系统 chong2 | 箱子太重 zhong4",
    "种": "种了一棵树 zhong4 | 三种颜色 zhong3",
    "教": "教教我 jiao1 jiao5 | 请教老师 jiao4",
    "扎": "扎马尾 za1 | 轮胎被扎了 zha1",
    "倒": "把水倒掉 dao4 | 墙倒了 dao3",
    "调": "调低音量 tiao2 | 他被调到北京 diao4",
    "着": "睡着了 zhao2 | 拿着重要文件 zhe5 | 看著我 zhe5",
    "干": "餅乾 gan1 | 衣服干了 gan1 | 幹活 gan4 | 你想干什么 gan4",
    "脏": "心臟 zang4 | 髒衣服 zang1",
    "行": "银行行长 hang2 hang2 | 三行字 hang2 | 不行 xing2",
    "处": "处处为人着想 chu4 chu4",
    "了": "吃不了 liao3 | 走得了吗 liao3 | 我不干了 le5",
    "为": "为人民服务 wei4 | 被选为班长 wei2",
    "发": "发现白头发 fa1 fa5",
    "落": "钱包落在出租车上 la4 | 叶子落在地上 luo4",
    "数": "数一数 shu3 shu3 | 数学 shu4",
    "卷": "他卷着袖子 juan3 | 试卷 juan4",
}


def _rows(texts: str, char: str) -> list[tuple[str, str, str]]:
    rows = [row.strip().partition(" ") for row in texts.strip().replace("\n", "|").split("|")]
    return [(text, char, readings) for text, _, readings in rows]


CASES = [
    *_rows(FIRST_TONE, "一"),
    *_rows(PARTICLES, "地"),
    *_rows(TO_GET, "得"),
    *_rows(TO_RETURN, "还"),
    *_rows(LONG, "长"),
    *(row for char, texts in ALONE.items() for row in _rows(texts, char)),
]


@pytest.mark.parametrize(("text", "char", "readings"), CASES)
def test_reading_by_use(text: str, char: str, readings: str) -> None:
    table = load_symbols("v2")
    heard = Mandarin().read_piece(Traced.of(text)).units
    assert [unit.phones for unit in heard if unit.text == char] == [
        phones_by_hand("zh", reading, table) for reading in readings.split()
    ]


def test_words_that_meet_in_one_character_keep_their_tones() -> None:
    phones = [phone for unit in Mandarin().read_piece(Traced.of("三岁以上，处处")).units for phone in unit.phones]
    assert "ang4" in phones and phones[-1] == "u4"


@pytest.mark.parametrize("table", ["zh_uses.tsv", "yue_uses.tsv"])
def test_every_row_of_uses_can_be_reached(table: str) -> None:
    for key, rows in _uses(table).items():
        assert all(row.before or row.after for row in rows[:-1]), key
    lines = [line for line in text_of(table).splitlines() if not line.startswith("@")]
    assert len(lines) == len(set(lines)) == sum(map(len, _uses(table).values()))


def _uses_of(line: str) -> tuple[str, str, str]:
    char, reading, texts = line.split("\t")
    return char, reading, texts


USES = [_uses_of(line) for line in Path(__file__).with_name("uses.tsv").read_text("utf-8").splitlines()]


@pytest.mark.parametrize(("char", "reading", "texts"), USES, ids=[f"{char}-{reading}" for char, reading, _ in USES])
def test_everyday_uses_of_a_character(char: str, reading: str, texts: str) -> None:
    """Every text has the character in one reading alone; a third tone may be a second before another."""
    initial, final = phones_by_hand("zh", reading, load_symbols("v2"))
    right = {(initial, final), (initial, final.replace("3", "2"))}
    mandarin = Mandarin()
    wrong = [
        text
        for text in texts.split()
        if not {unit.phones for unit in mandarin.read_piece(Traced.of(text)).units if unit.text == char} <= right
    ]
    assert wrong == []
