"""From spelling to sound: the rules of 표준 발음법 (standard pronunciation, 1988) that need no parsing.

Article numbers in the comments are those of that standard. The rules look at the end of one syllable and the start of
the next; a space between them blocks linking but not assimilation, as in fluent speech.
"""

from __future__ import annotations

from typing import NamedTuple

ONSETS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
CODAS = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")
_FIRST, _LAST = 0xAC00, 0xD7A3

# What a coda sounds like when nothing follows it (articles 8-11).
_PLAIN = {
    **dict.fromkeys("ㄲㅋㄳㄺ", "ㄱ"),
    **dict.fromkeys("ㅅㅆㅈㅊㅌㅎ", "ㄷ"),
    **dict.fromkeys("ㅍㅄㄿ", "ㅂ"),
    **dict.fromkeys("ㄵㄶ", "ㄴ"),
    **dict.fromkeys("ㄼㄽㄾㅀ", "ㄹ"),
    "ㄻ": "ㅁ",
}
# A cluster before a vowel: what stays and what moves on (article 14); the moved ㅅ is tense.
_SPLIT = {
    "ㄳ": ("ㄱ", "ㅆ"),
    "ㄵ": ("ㄴ", "ㅈ"),
    "ㄶ": ("", "ㄴ"),
    "ㄺ": ("ㄹ", "ㄱ"),
    "ㄻ": ("ㄹ", "ㅁ"),
    "ㄼ": ("ㄹ", "ㅂ"),
    "ㄽ": ("ㄹ", "ㅆ"),
    "ㄾ": ("ㄹ", "ㅌ"),
    "ㄿ": ("ㄹ", "ㅍ"),
    "ㅀ": ("", "ㄹ"),
    "ㅄ": ("ㅂ", "ㅆ"),
}
TENSE = dict(zip("ㄱㄷㅂㅅㅈ", "ㄲㄸㅃㅆㅉ", strict=True))
_NASAL = {"ㄱ": "ㅇ", "ㄷ": "ㄴ", "ㅂ": "ㅁ"}
_AFTER_H = {"ㄱ": "ㅋ", "ㄷ": "ㅌ", "ㅈ": "ㅊ", "ㅅ": "ㅆ"}
_WITHOUT_H = {"ㅎ": "", "ㄶ": "ㄴ", "ㅀ": "ㄹ"}
# A coda that joins a following ㅎ: what stays, and the strong sound (articles 12, 17).
_JOINS_H = {
    "ㄱ": ("", "ㅋ"),
    "ㄲ": ("", "ㅋ"),
    "ㄺ": ("ㄹ", "ㅋ"),
    "ㄷ": ("", "ㅌ"),
    "ㅅ": ("", "ㅌ"),
    "ㅆ": ("", "ㅌ"),
    "ㅊ": ("", "ㅌ"),
    "ㅌ": ("", "ㅌ"),
    "ㅂ": ("", "ㅍ"),
    "ㄼ": ("ㄹ", "ㅍ"),
    "ㅄ": ("", "ㅍ"),
    "ㅈ": ("", "ㅊ"),
    "ㄵ": ("ㄴ", "ㅊ"),
}
# The letters of a cluster that stands alone.
CLUSTERS = dict(
    zip(
        "ㄳㄵㄶㄺㄻㄼㄽㄾㄿㅀㅄ",
        ("ㄱㅅ", "ㄴㅈ", "ㄴㅎ", "ㄹㄱ", "ㄹㅁ", "ㄹㅂ", "ㄹㅅ", "ㄹㅌ", "ㄹㅍ", "ㄹㅎ", "ㅂㅅ"),
        strict=True,
    )
)
_PALATAL = {"ㄷ": "ㅈ", "ㅌ": "ㅊ"}
_TENSING_CLUSTERS = frozenset("ㄵㄻㄼㄾ")


class HangulSyllable(NamedTuple):
    """Onset, vowel and coda ("" for none) as compatibility letters."""

    onset: str
    vowel: str
    coda: str


def is_hangul(char: str) -> bool:
    """Return True for a composed syllable."""
    return _FIRST <= ord(char) <= _LAST


def decompose(char: str) -> HangulSyllable:
    """Split a composed syllable into its letters."""
    number = ord(char) - _FIRST
    return HangulSyllable(ONSETS[number // 588], VOWELS[number % 588 // 28], CODAS[number % 28])


def alone(syllable: HangulSyllable) -> HangulSyllable:
    """Pronounce vowels that depend on their own onset only (article 5): 져 as 저, 희 as 히."""
    onset, vowel, coda = syllable
    if onset in "ㅈㅉㅊ" and vowel == "ㅕ":
        vowel = "ㅓ"
    elif vowel == "ㅢ" and onset != "ㅇ":
        vowel = "ㅣ"
    return HangulSyllable(onset, vowel, coda)


def finish(syllable: HangulSyllable) -> HangulSyllable:
    """Pronounce a syllable before a pause."""
    return syllable._replace(coda=_PLAIN.get(syllable.coda, syllable.coda))


def meet(first: HangulSyllable, second: HangulSyllable, linked: bool) -> tuple[HangulSyllable, HangulSyllable]:
    """Pronounce two neighbours together; `linked` is False when a space stands between them."""
    coda, onset = first.coda, second.onset
    if not coda:
        return first, second
    if linked and onset == "ㅇ":
        return _link(first, second)
    if linked and onset == "ㅎ" and coda in _JOINS_H:
        stays, strong = _JOINS_H[coda]
        strong = "ㅊ" if coda in ("ㄷ", "ㅌ") and second.vowel in "ㅣㅕ" else strong
        return first._replace(coda=stays), second._replace(onset=strong)
    if coda in _WITHOUT_H and onset in _AFTER_H:
        return first._replace(coda=_WITHOUT_H[coda]), second._replace(onset=_AFTER_H[onset])
    if coda == "ㅎ" and onset == "ㄴ":
        return first._replace(coda="ㄴ"), second
    if coda == "ㄺ" and onset == "ㄱ" and linked:
        return first._replace(coda="ㄹ"), second._replace(onset="ㄲ")
    plain = _PLAIN.get(coda, coda)
    if coda in _TENSING_CLUSTERS and onset in TENSE and linked:
        return first._replace(coda=plain), second._replace(onset=TENSE[onset])
    return _assimilate(first._replace(coda=plain), second)


def _link(first: HangulSyllable, second: HangulSyllable) -> tuple[HangulSyllable, HangulSyllable]:
    """A coda before a vowel of the same word (articles 12-14, 17)."""
    coda = first.coda
    if coda == "ㅇ":
        return first, second
    if coda == "ㅎ":
        return first._replace(coda=""), second
    stays, moves = _SPLIT.get(coda, ("", coda))
    if second.vowel == "ㅣ" and moves in _PALATAL:
        moves = _PALATAL[moves]
    if coda in ("ㄶ", "ㅀ"):
        stays = ""
    return first._replace(coda=stays), second._replace(onset=moves)


def _assimilate(first: HangulSyllable, second: HangulSyllable) -> tuple[HangulSyllable, HangulSyllable]:
    """Plain coda against onset: tense (23), nasal (18, 19), lateral (20)."""
    coda, onset = first.coda, second.onset
    if coda in _NASAL:
        if onset in TENSE:
            return first, second._replace(onset=TENSE[onset])
        if onset in "ㄴㅁ":
            return first._replace(coda=_NASAL[coda]), second
        if onset == "ㄹ":
            return first._replace(coda=_NASAL[coda]), second._replace(onset="ㄴ")
    if coda in "ㅁㅇ" and onset == "ㄹ":
        return first, second._replace(onset="ㄴ")
    if (coda, onset) in (("ㄴ", "ㄹ"), ("ㄹ", "ㄴ")):
        return first._replace(coda="ㄹ"), second._replace(onset="ㄹ")
    return first, second
