"""Accent phrases of Open JTalk's words: one repair for everyone, and the phrasing of the original Open JTalk.

pyopenjtalk-plus joins more words into one accent phrase than the original, with which the released models were
trained. The three differences that matter are undone here; the accent of a phrase that gets a new head follows the
accent rules of Sagisaka and Sato (1983) that Open JTalk implements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

Feature = dict[str, Any]
Frontend = Callable[[str], Sequence[Feature]]

_UNITS = frozenset("十百千万億兆")
_DIGITS = frozenset("一二三四五六七八九")
_WITH_TOPIC = frozenset(("かたは", "つぎは"))
# Tens whose accent the original gives differently from pyopenjtalk-plus: six ten is flat, seven ten falls at once.
_ORIGINAL_ACCENT = {"六十": 0, "七十": 1}


def repair(features: Sequence[Feature]) -> list[Feature]:
    """Make いい before a noun or a copula the adjective "good" (accent on its first mora), not the verb "to say"."""
    repaired = [dict(feature) for feature in features]
    for here, following in pairwise(repaired):
        if here["string"] == "いい" and here["pos"] == "動詞" and following["pos"] in ("名詞", "助動詞", "助詞"):
            here |= {"pos": "形容詞", "pos_group1": "自立", "acc": 1}
    return repaired


def voiced(features: Sequence[Feature], run: Frontend) -> list[Feature]:
    """Read words that the dictionary leaves silent, character by character, so that none is lost beside a stranger.

    Names of places that swallow the particle は (担当のかたは) are a word and a particle.
    """
    spoken: list[Feature] = []
    for feature in features:
        text = feature["string"]
        if text in _WITH_TOPIC:
            spoken += [*run(text[:-1]), *run("それは")[-1:]]
        elif feature["mora_size"] == 0 and len(text) > 1 and any(char.isalnum() for char in text):
            spoken += [part for char in text for part in run(char)]
        else:
            spoken.append(dict(feature))
    return spoken


def original(features: Sequence[Feature], run: Frontend) -> list[Feature]:
    """Form phrases as the original Open JTalk: auxiliary verbs after て, verbs after nouns, digits after units.

    Args:
        features: words of one utterance.
        run: the front end itself, asked for the accent of a numeral that becomes a phrase.
    """
    words = repair(features)
    for place in range(1, len(words)):
        before, here = words[place - 1], words[place]
        if here["chain_flag"] == 1 and _starts_a_phrase(before, here):
            here["chain_flag"] = 0
            _accent_of_new_phrase(words, place, run)
            if here["pos_group1"] == "数":
                _accent_of_numeral(words, _head(words, place - 1), run)
    return words


def _starts_a_phrase(before: Feature, here: Feature) -> bool:
    if here["pos"] == "動詞":
        after_te = here["pos_group1"] == "非自立" and before["pos"] == "助詞" and before["string"] in ("て", "で")
        return after_te or (here["pos_group1"] == "自立" and before["pos"] == "名詞")
    numeral = here["pos_group1"] == "数" and before["pos_group1"] == "数"
    return numeral and here["string"][:1] in _DIGITS and before["string"][-1:] in _UNITS


def _accent_of_new_phrase(words: list[Feature], place: int, run: Frontend) -> None:
    head = words[place]
    end = place + 1
    while end < len(words) and words[end]["chain_flag"] == 1:
        end += 1
    if head["pos_group1"] == "数":
        _accent_of_numeral(words, place, run)
        return
    following = words[place + 1] if place + 1 < end else None
    if following is not None and following["pos"] == "助動詞" and head["acc"] == 0:
        shift = _shift_after_verb(following["chain_rule"])
        if shift is not None:
            head["acc"] = head["mora_size"] + shift


def _head(words: Sequence[Feature], place: int) -> int:
    """The first word of the phrase that the word at `place` is in."""
    while place and words[place]["chain_flag"] == 1:
        place -= 1
    return place


def _accent_of_numeral(words: list[Feature], place: int, run: Frontend) -> None:
    """The accent that the numeral beginning at `place` has by itself, up to its next digit."""
    end = place + 1
    while end < len(words) and words[end]["pos_group1"] == "数" and words[end]["string"][:1] not in _DIGITS:
        end += 1
    numeral = "".join(word["string"] for word in words[place:end])
    known = _ORIGINAL_ACCENT.get(numeral)
    words[place]["acc"] = run(numeral)[0]["acc"] if known is None else known


def _shift_after_verb(rule: str) -> int | None:
    """The n of "動詞%F2@n": after a flat verb the accent lies on the n-th mora of the auxiliary."""
    for part in str(rule).split("/"):
        condition, _, action = part.partition("%")
        if condition == "動詞" and action.startswith("F2@"):
            return int(action.removeprefix("F2@"))
    return None
