"""Chinese names in Latin letters (xiaohongshu, Zhangwei) in English sounds: words of pinyin syllables alone."""

from __future__ import annotations

import re

Phones = tuple[str, ...]
_INITIALS = {
    "b": "B", "p": "P", "m": "M", "f": "F", "d": "D", "t": "T", "n": "N", "l": "L", "g": "G", "k": "K", "h": "HH",
    "j": "JH", "q": "CH", "x": "SH", "zh": "JH", "ch": "CH", "sh": "SH", "r": "R", "z": "Z", "c": "T S", "s": "S",
    "y": "Y", "w": "W", "": "",
}  # fmt: skip
# Stress goes where * stands.
_FINALS = {
    "a": "AA*", "o": "AO*", "e": "AH*", "i": "IY*", "u": "UW*", "v": "UW*", "ai": "AY*", "ei": "EY*", "ao": "AW*",
    "ou": "OW*", "an": "AA* N", "en": "AH* N", "ang": "AA* NG", "eng": "AH* NG", "ong": "UH* NG", "er": "ER*",
    "ia": "Y AA*", "ie": "Y EH*", "iao": "Y AW*", "iu": "Y OW*", "ian": "Y EH* N", "in": "IH* N", "iang": "Y AA* NG",
    "ing": "IH* NG", "iong": "Y UH* NG", "ua": "W AA*", "uo": "W AO*", "uai": "W AY*", "ui": "W EY*", "uan": "W AA* N",
    "un": "UH* N", "uang": "W AA* NG", "ue": "W EH*", "ve": "W EH*",
}  # fmt: skip
_AFTER = {
    "bpm": "a o i u ai ei ao ou an en ang eng iao ie ian in ing",
    "f": "a o u ei ou an en ang eng",
    "dt": "a e i u ai ei ao ou an en ang eng ong iao ie iu ian ing uo ui uan un",
    "nl": "a e i u v ai ei ao ou an en ang eng ong ia iao ie iu ian in iang ing uo uan un ue ve",
    "gkh": "a e u ai ei ao ou an en ang eng ong ua uo uai ui uan un uang",
    "jqx": "i ia iao ie iu ian in iang ing iong u ue uan un",
    "zh ch sh r": "a e i u ai ei ao ou an en ang eng ong ua uo uai ui uan un uang",
    "zcs": "a e i u ai ei ao ou an en ang eng ong uo ui uan un",
    "y": "a e i u ao ou an in ang ing ong ue uan un",
    "w": "a o u ai ei an en ang eng",
}


def _syllables() -> str:
    """A pattern of every syllable with its initial and final, the longest first."""
    rows = [
        f"(?:{'|'.join(initials.split()) if ' ' in initials else f'[{initials}]'})"
        f"(?:{'|'.join(sorted(finals.split(), key=len, reverse=True))})"
        for initials, finals in _AFTER.items()
    ]
    return "|".join([*rows, "ai|ei|ao|ou|ang|eng|an|en|er|a|e"])


_SYLLABLE = _syllables()
_WORD = re.compile(f"(?:{_SYLLABLE}){{1,6}}")
_PARTS = re.compile("(zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw]?)([aeiouv].*)")
_PALATAL = frozenset("jqx")
# Other languages have words of such syllables too (cuda, galaxie). Chinese is what has a syllable that they do not
# spell so, or a nasal or a diphthong in every syllable.
_CHINESE = re.compile("zh|qi|^x[iu]|x(?:ia[on]|iu|iong|ue|uan|un)|iang|uang|iao|iong")
_CLOSED = re.compile(".*(?:an|ang|eng|in|ing|ong|un|ao|ou|ei|iu|ui)|(?:zh|ch|sh|[rwf])en")


def _cut(word: str) -> list[str]:
    """The fewest syllables that make a word; one that begins with a vowel stands at its beginning only."""
    best: list[list[str] | None] = [[]] + [None] * len(word)
    syllable = re.compile(_SYLLABLE)
    for start in range(len(word)):
        found = best[start]
        if found is None or (start and word[start] in "aeo"):
            continue
        for end in range(start + 1, min(len(word), start + 6) + 1):
            longer = [*found, word[start:end]]
            there = best[end]
            if syllable.fullmatch(word, start, end) and (there is None or len(longer) < len(there)):
                best[end] = longer
    return best[-1] or []


def _phones(syllable: str, stress: str) -> Phones:
    match = _PARTS.fullmatch(syllable)
    assert match is not None
    initial, final = match[1], match[2]
    sound = _FINALS[final]
    if initial in _PALATAL and sound.startswith("Y "):  # xiao is "shao"
        sound = sound[2:]
    if initial == "y" and final in ("i", "in", "ing"):
        initial = ""
    elif initial in ("zh", "ch", "sh", "r", "z", "c", "s") and final == "i":
        sound = "ER*" if initial in ("zh", "ch", "sh", "r") else "IH*"
    elif initial == "y" and final == "an":
        sound = "EH* N"
    elif initial in ("y", *_PALATAL) and final == "uan":
        sound = "W EH* N"
    return tuple(f"{_INITIALS[initial]} {sound.replace('*', stress)}".split())


def phones(word: str) -> Phones:
    """Return the phones of a lower-case word of pinyin syllables; empty for any other word."""
    parts = _cut(word) if _WORD.fullmatch(word) else []
    if not (_CHINESE.search(word) or (len(parts) > 1 and all(map(_CLOSED.fullmatch, parts)))):
        return ()
    return tuple(phone for number, part in enumerate(parts) for phone in _phones(part, "2" if number else "1"))
