"""Accent phrases and accents by the rules of the original Open JTalk, over words of its own dictionary.

The engine at hand (pyopenjtalk-plus) forms phrases by newer rules. Where the dictionary of the released models is
given, phrases are formed again as Open JTalk 1.11 does: by the parts of speech of two neighbours, after which the
accent of a phrase follows the rules of combination of Sagisaka and Sato (1983) that each word of the dictionary names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

Feature = dict[str, Any]
Own = tuple[int, str]  # the accent of a word and its rules of combination

_NOUN, VERB, _ADJECTIVE, _PARTICLE, _AUXILIARY = "名詞", "動詞", "形容詞", "助詞", "助動詞"
_ALONE = ("副詞", "接続詞", "連体詞")
_UNITS = frozenset("十百千万億兆")
_DIGITS = frozenset("一二三四五六七八九何数")
_FIGURES = frozenset("〇０１２３４５６７８９")
_ONE_TO_NINE = frozenset("一二三四五六七八九")


def is_number(word: Feature) -> bool:
    return bool(word["pos_group1"] == "数")


def _joins(before: Feature, here: Feature) -> bool:
    """True when a word stands in the accent phrase of the word before it."""
    pos, last = here["pos"], before["pos"]
    if here["pos_group1"] == "接尾":
        return True
    if here["pos"] == before["pos"] == "感動詞":
        return False
    if (last == _NOUN and here["pos_group3"] == "名") or (before["pos_group3"] == "姓" and pos == _NOUN):
        return False
    if "記号" in (pos, last) or pos == "接頭詞":
        return False
    if last == _NOUN and (pos in (VERB, _ADJECTIVE) or here["pos_group1"] == "形容動詞語幹"):
        return False
    if here["pos_group1"] == "非自立" and pos in (VERB, _ADJECTIVE):
        bound = _takes_bound_word(before, here)
        if bound is not None:
            return bound
    if before["pos_group1"] == "接尾" and pos == _NOUN:
        return False
    if pos in (_PARTICLE, _AUXILIARY):
        return True
    return last not in (_PARTICLE, _AUXILIARY) and not _free_neighbours(before, here)


def _takes_bound_word(before: Feature, here: Feature) -> bool | None:
    """What a bound verb or adjective does after a word of inflection; None leaves it to the other rules."""
    if before["pos"] in (VERB, _ADJECTIVE) and before["cform"].startswith("連用"):
        return True if here["pos"] == _ADJECTIVE or before["pos"] == VERB else None
    connects = before["pos_group1"] == "接続助詞" and before["string"] in ("て", "で")
    return True if here["pos"] == _ADJECTIVE and before["pos"] == _PARTICLE and connects else None


def _free_neighbours(before: Feature, here: Feature) -> bool:
    """True for two words of which neither leans on the other."""
    pos, last = here["pos"], before["pos"]
    if pos in _ALONE or last in _ALONE:
        return True
    if pos == _NOUN and (here["pos_group1"] == "副詞可能" or last in (VERB, _ADJECTIVE)):
        return True
    if last == _NOUN and before["pos_group1"] == "副詞可能":
        return True
    if last == _NOUN and before["pos_group1"] == "形容動詞語幹" and pos == _NOUN:
        return True
    return bool(last == VERB and pos == _ADJECTIVE)


def rephrase(words: Sequence[Feature], own_accent: Callable[[Feature], Own | None]) -> list[Feature]:
    """Return the words with the phrases and accents of the original rules.

    Args:
        words: one utterance as the engine gives it.
        own_accent: what the dictionary says about a word by itself; None keeps what the engine says.
    """
    phrased = [dict(word) for word in words]
    for word in phrased:
        own = own_accent(word)
        if own is not None:
            # A digit that stands for a longer number joins without a rule, as the engine says.
            kept = is_number(word) and word["chain_rule"] == "*"
            word["acc"], word["chain_rule"] = own[0], "*" if kept else own[1]
    for before, here in pairwise(phrased):
        if not (is_number(before) and is_number(here)):
            here["chain_flag"] = int(_joins(before, here))
    _phrase_numbers(phrased)
    _set_accents(phrased)
    return phrased


def _phrase_numbers(words: list[Feature]) -> None:
    """A counted number begins a phrase that its counter joins; inside it every digit with its unit is a phrase."""
    for before, here in pairwise(words):
        counter = here["pos_group2"] == "助数詞" or here["pos_group1"] == "副詞可能"
        if is_number(before) and counter:
            before["chain_flag"], here["chain_flag"] = 0, 1
    for before, here in pairwise(words):
        if not (is_number(before) and is_number(here)):
            continue
        if here["string"] in _UNITS and before["string"] in _DIGITS:
            before["chain_flag"], here["chain_flag"] = 0, 1
        elif here["string"] in _DIGITS and before["string"] in _UNITS:
            here["chain_flag"] = 0
        elif here["chain_flag"] == 1 and _read_alone(before) and _read_alone(here):
            # Digits read one by one go in pairs.
            before["chain_flag"], before["acc"], here["chain_rule"] = 0, 3, "*"


def _read_alone(word: Feature) -> bool:
    return word["string"] in _ONE_TO_NINE or word["string"] in _FIGURES


def _set_accents(words: list[Feature]) -> None:
    head, moras = 0, 0
    for place, word in enumerate(words):
        joined = place > 0 and word["chain_flag"] == 1
        if not joined:
            head, moras = place, 0
        else:
            words[head]["acc"] = _combined(words[head]["acc"], moras, words[place - 1], word)
            if is_number(word) and is_number(words[place - 1]):
                after = words[place + 1]["string"] if place + 1 < len(words) else ""
                words[place - 1]["acc"] = _accent_of_number(words[place - 1], word, after)
        alone = word["string"] == "十" and not joined
        if alone and place + 1 < len(words) and is_number(words[place + 1]):
            word["acc"] = 0
        moras += word["mora_size"]


def _rule(rules: str, part_of_speech: str) -> tuple[str, int]:
    """The rule of combination that holds after a part of speech, and what it adds."""
    for choice in str(rules).split("/"):
        condition, found, action = choice.partition("%")
        if found and condition not in part_of_speech:
            continue
        name, _, added = (action if found else choice).partition("@")
        return name, int(added or 0)
    return "*", 0


def _combined(accent: int, moras: int, before: Feature, word: Feature) -> int:
    """The accent of a phrase of so many moras once a word has joined it."""
    name, added = _rule(word["chain_rule"], before["pos"])
    own, end = word["acc"], moras + added
    if (name == "F2" and accent == 0) or (name == "F3" and accent != 0) or name == "F4":
        return end
    if name in ("F5", "C4", "P6") or (name == "P1" and own == 0):
        return 0
    if name in ("C1", "P1") or (name in ("P2", "P14") and own != 0):
        return moras + int(own)
    return {"C2": moras + 1, "C3": moras, "P2": moras + 1}.get(name, accent)


def _accent_of_number(digit: Feature, unit: Feature, after: str) -> int:
    """The accent of a digit before a unit: ごじゅう falls on the first mora, but is flat before another digit."""
    name, length = digit["string"], int(digit["mora_size"])
    match unit["string"]:
        case "十":
            return 0 if name in "五六八" and after in _ONE_TO_NINE else 1
        case "百":
            return 2 if name == "七" else 1 if name in "三四九何" else length + int(unit["mora_size"])
        case "千" | "万":
            return length + 1
        case "億":
            return 2 if name in "一六七八幾" else 1
        case "兆":
            return 2 if name in "六七" else 1
    return int(digit["acc"])
