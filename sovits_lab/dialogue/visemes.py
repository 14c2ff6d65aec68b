"""Phones in time -> mouth shapes in time: the 15 Oculus visemes, and the ARKit blend shapes that draw them.

The tables cover the symbols of every front end: ARPAbet and espeak-ng's for English, pinyin initials and finals for
Mandarin, Jyutping for Cantonese, romaji for Japanese, jamo for Korean.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from sovits_lab.inference.timings import PhoneTime

SILENCE = "sil"
ARPABET = {
    "AA": "aa", "AE": "aa", "AH": "aa", "AO": "O", "AW": "aa U", "AY": "aa I", "B": "PP", "CH": "CH", "D": "DD",
    "DH": "TH", "EH": "E", "ER": "RR", "EY": "E I", "F": "FF", "G": "kk", "HH": "aa", "IH": "I", "IY": "I",
    "JH": "CH", "K": "kk", "L": "nn", "M": "PP", "N": "nn", "NG": "kk", "OW": "O U", "OY": "O I", "P": "PP",
    "R": "RR", "S": "SS", "SH": "CH", "T": "DD", "TH": "TH", "UH": "U", "UW": "U", "V": "FF", "W": "U", "Y": "I",
    "Z": "SS", "ZH": "CH",
}  # fmt: skip
ESPEAK = {
    "0": "aa", "3": "RR", "3:": "RR", "@": "E", "@L": "nn", "A:": "aa", "A@": "aa RR", "D": "TH", "E": "E", "I": "I",
    "N": "kk", "O:": "O", "O@": "O RR", "OI": "O I", "S": "CH", "T": "TH", "U": "U", "U@": "U RR", "V": "aa",
    "Z": "CH", "a": "aa", "aI": "aa I", "aI@": "aa RR", "aU": "aa U", "b": "PP", "d": "DD", "dZ": "CH", "e@": "E RR",
    "eI": "E I", "f": "FF", "g": "kk", "h": "aa", "i": "I", "i:": "I", "i@": "I RR", "j": "I", "k": "kk", "l": "nn",
    "m": "PP", "n": "nn", "o": "O", "oU": "O U", "p": "PP", "r": "RR", "s": "SS", "t": "DD", "tS": "CH", "u:": "U",
    "v": "FF", "w": "U", "x": "kk", "z": "SS",
}  # fmt: skip
INITIALS = {
    "b": "PP", "p": "PP", "m": "PP", "f": "FF", "d": "DD", "t": "DD", "n": "nn", "l": "nn", "g": "kk", "k": "kk",
    "h": "kk", "j": "CH", "q": "CH", "x": "CH", "zh": "CH", "ch": "CH", "sh": "CH", "r": "RR", "z": "SS", "c": "SS",
    "s": "SS", "y": "I", "w": "U", "v": "FF", "ng": "kk", "gw": "kk U", "kw": "kk U", "ts": "SS", "cl": SILENCE,
    "by": "PP I", "dy": "DD I", "gy": "kk I", "hy": "kk I", "ky": "kk I", "my": "PP I", "ny": "nn I", "py": "PP I",
    "ry": "RR I", "ty": "DD I",
}  # fmt: skip
FINALS = {
    "a": "aa", "o": "O", "e": "E", "i": "I", "u": "U", "v": "U", "ai": "aa I", "ei": "E I", "ao": "aa O", "ou": "O U",
    "an": "aa nn", "en": "E nn", "ang": "aa kk", "eng": "E kk", "ong": "O kk", "er": "RR", "ir": "RR", "i0": "SS",
    "ia": "I aa", "ie": "I E", "iao": "I aa O", "iu": "I U", "ian": "I E nn", "in": "I nn", "iang": "I aa kk",
    "ing": "I kk", "iong": "I O kk", "ua": "U aa", "uo": "U O", "uai": "U aa I", "ui": "U E I", "uan": "U aa nn",
    "un": "U nn", "uang": "U aa kk", "ve": "U E", "van": "U E nn", "vn": "U nn", "N": "nn", "I": "I", "U": "U",
    "En": "E nn", "E": "E", "EE": "E", "OO": "O", "AA": "aa",
    # Cantonese, where it differs
    "aa": "aa", "aai": "aa I", "aau": "aa U", "au": "aa U", "eoi": "U I", "eon": "U nn", "eot": "U DD", "eu": "E U",
    "oe": "U", "oek": "U kk", "oeng": "U kk", "oi": "O I", "yu": "U", "yun": "U nn", "yut": "U DD",
    "m": "PP",
}  # fmt: skip
JAMO = {
    "ㄱ": "kk", "ㄲ": "kk", "ㅋ": "kk", "ㄴ": "nn", "ㄷ": "DD", "ㄸ": "DD", "ㅌ": "DD", "ㄹ": "RR", "ㅁ": "PP",
    "ㅂ": "PP", "ㅃ": "PP", "ㅍ": "PP", "ㅅ": "SS", "ㅆ": "SS", "ㅇ": "kk", "ㅈ": "CH", "ㅉ": "CH", "ㅊ": "CH",
    "ㅎ": "aa", "ㅏ": "aa", "ㅐ": "E", "ㅓ": "aa", "ㅔ": "E", "ㅗ": "O", "ㅜ": "U", "ㅡ": "I", "ㅣ": "I",
}  # fmt: skip
CODAS = {"n": "nn", "ng": "kk", "m": "PP", "k": "kk", "p": "PP", "t": "DD"}

# Weights of ARKit's blend shapes at full strength of each viseme.
ARKIT: dict[str, dict[str, float]] = {
    SILENCE: {"mouthClose": 0.1},
    "PP": {"mouthClose": 0.7, "mouthPressLeft": 0.6, "mouthPressRight": 0.6, "jawOpen": 0.05},
    "FF": {"mouthRollLower": 0.6, "mouthUpperUpLeft": 0.3, "mouthUpperUpRight": 0.3, "jawOpen": 0.1},
    "TH": {"jawOpen": 0.2, "tongueOut": 0.3, "mouthLowerDownLeft": 0.2, "mouthLowerDownRight": 0.2},
    "DD": {"jawOpen": 0.2, "mouthLowerDownLeft": 0.3, "mouthLowerDownRight": 0.3},
    "kk": {"jawOpen": 0.25, "mouthStretchLeft": 0.15, "mouthStretchRight": 0.15},
    "CH": {"mouthFunnel": 0.5, "mouthShrugUpper": 0.3, "jawOpen": 0.15},
    "SS": {"mouthSmileLeft": 0.25, "mouthSmileRight": 0.25, "jawOpen": 0.08},
    "nn": {"jawOpen": 0.18, "mouthLowerDownLeft": 0.2, "mouthLowerDownRight": 0.2},
    "RR": {"mouthFunnel": 0.3, "mouthPucker": 0.3, "jawOpen": 0.2},
    "aa": {"jawOpen": 0.7, "mouthLowerDownLeft": 0.3, "mouthLowerDownRight": 0.3},
    "E": {"jawOpen": 0.4, "mouthSmileLeft": 0.3, "mouthSmileRight": 0.3},
    "I": {"jawOpen": 0.2, "mouthSmileLeft": 0.5, "mouthSmileRight": 0.5},
    "O": {"jawOpen": 0.45, "mouthFunnel": 0.6, "mouthPucker": 0.2},
    "U": {"jawOpen": 0.2, "mouthPucker": 0.7, "mouthFunnel": 0.4},
}


class Viseme(NamedTuple):
    """A mouth shape, one of `ARKIT`, and when it is held, seconds."""

    shape: str
    start: float
    end: float


def shapes_of(phone: str) -> tuple[str, ...]:
    """Return the mouth shapes of a phone of any table, in the order in which they are held; marks are silence."""
    bare = re.sub(r"[0-9]$", "", phone)  # stress and tones
    letters = bare.removeprefix("Y") if len(bare) > 1 else bare  # Cantonese symbols begin with Y
    for table, symbol in ((JAMO, phone), (ESPEAK, phone), (ARPABET, bare), (FINALS, letters), (INITIALS, letters)):
        if symbol in table:
            return tuple(table[symbol].split())
    for length in (2, 1):  # Cantonese finals with a coda
        coda, vowel = letters[-length:], letters[:-length]
        if coda in CODAS and vowel in FINALS:
            return (*FINALS[vowel].split(), CODAS[coda])
    return (SILENCE,)


def visemes_of(phones: Sequence[PhoneTime]) -> list[Viseme]:
    """Return the mouth shapes of phones in time; like neighbours are one, a diphthong's shapes share its time."""
    made: list[Viseme] = []
    for phone in phones:
        shapes = shapes_of(phone.phone)
        step = (phone.end - phone.start) / len(shapes)
        for i, shape in enumerate(shapes):
            start, end = phone.start + i * step, phone.start + (i + 1) * step
            if made and made[-1].shape == shape and start - made[-1].end < 1e-6:
                made[-1] = made[-1]._replace(end=end)
            else:
                made.append(Viseme(shape, start, end))
    return made
