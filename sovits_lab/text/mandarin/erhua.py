"""Erhua: a merged 儿 takes the tone of the syllable it colours; which words have it is listed, the rest is rule."""

from __future__ import annotations

_ALWAYS = frozenset(["小院儿", "胡同儿", "范儿", "老汉儿", "撒欢儿", "寻老礼儿", "妥妥儿", "媳妇儿"])
_NEVER = frozenset(
    [
        "虐儿",
        "为儿",
        "护儿",
        "瞒儿",
        "救儿",
        "替儿",
        "有儿",
        "一儿",
        "我儿",
        "俺儿",
        "妻儿",
        "拐儿",
        "聋儿",
        "乞儿",
        "患儿",
        "幼儿",
        "孤儿",
        "婴儿",
        "婴幼儿",
        "连体儿",
        "脑瘫儿",
        "流浪儿",
        "体弱儿",
        "混血儿",
        "蜜雪儿",
        "舫儿",
        "祖儿",
        "美儿",
        "应采儿",
        "可儿",
        "侄儿",
        "孙儿",
        "侄孙儿",
        "女儿",
        "男儿",
        "红孩儿",
        "花儿",
        "虫儿",
        "马儿",
        "鸟儿",
        "猪儿",
        "猫儿",
        "狗儿",
        "少儿",
    ]
)
_NEVER_TAGS = frozenset({"a", "j", "nr"})


def colour(word: str, tag: str, finals: list[str]) -> list[str]:
    """Finals with the last 儿 as "er" and the tone before it; a 儿 that is a word of its own keeps second tone."""
    if word[-1] != "儿" or len(finals) != len(word):
        return finals
    if finals[-1] == "er1":
        finals = [*finals[:-1], "er2"]
    if word not in _ALWAYS and (word in _NEVER or tag in _NEVER_TAGS):
        return finals
    if len(finals) > 1 and finals[-1] in ("er2", "er5") and word[-2:] not in _NEVER:
        return [*finals[:-1], "er" + finals[-2][-1]]
    return finals
