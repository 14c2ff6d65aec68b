"""Mandarin phones of the multilingual front end in the alphabet that Kokoro reads.

A syllable is an initial and a final there; Kokoro reads IPA, with the tone as an arrow after the vowel and words parted
by blanks. The letters are those of the package misaki, whose readings the network was trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from sovits_lab.corpora.natural_phones import PAUSES, SpelledPhone
from sovits_lab.text.mandarin.words import cut
from sovits_lab.text.reading import Reading
from sovits_lab.types import got

TONES = {"1": "→", "2": "↗", "3": "↓", "4": "↘", "5": ""}
INITIALS = {
    "b": "p", "p": "pʰ", "m": "m", "f": "f", "d": "t", "t": "tʰ", "n": "n", "l": "l", "g": "k", "k": "kʰ", "h": "x",
    "j": "ʨ", "q": "ʨʰ", "x": "ɕ", "zh": "ꭧ", "ch": "ꭧʰ", "sh": "ʂ", "r": "ɻ", "z": "ʦ", "c": "ʦʰ", "s": "s",
    "AA": "", "EE": "", "OO": "",
}  # fmt: skip
# The tone stands where 0 is.
FINALS = {
    "a": "a0", "ai": "ai0", "an": "a0n", "ang": "a0ŋ", "ao": "au0", "e": "ɤ0", "ei": "ei0", "en": "ə0n", "eng": "ə0ŋ",
    "er": "ɚ0", "i": "i0", "i0": "ɨ0", "ir": "ɨ0", "ia": "ja0", "ian": "jɛ0n", "iang": "ja0ŋ", "iao": "jau0",
    "ie": "je0", "in": "i0n", "ing": "i0ŋ", "iong": "jʊ0ŋ", "iu": "jou0", "o": "wo0", "ong": "ʊ0ŋ", "ou": "ou0",
    "u": "u0", "ua": "wa0", "uai": "wai0", "uan": "wa0n", "uang": "wa0ŋ", "ui": "wei0", "un": "wə0n", "uo": "wo0",
    "v": "y0", "van": "ɥɛ0n", "ve": "ɥe0", "vn": "y0n",
}  # fmt: skip
AFTER_Y = {
    "i": "i0", "in": "i0n", "ing": "i0ŋ", "a": "ja0", "ang": "ja0ŋ", "ao": "jau0", "E": "je0", "En": "jɛ0n",
    "o": "jɔ0", "ong": "jʊ0ŋ", "ou": "jou0", "v": "y0", "van": "ɥɛ0n", "ve": "ɥe0", "vn": "y0n",
}  # fmt: skip
AFTER_W = {
    "u": "u0", "a": "wa0", "ai": "wai0", "an": "wa0n", "ang": "wa0ŋ", "ei": "wei0", "en": "wə0n", "eng": "wə0ŋ",
    "o": "wo0",
}  # fmt: skip
GLIDES = {"y": AFTER_Y, "w": AFTER_W}
ALONE = {"OO": {"o": "ɔ0"}}


def spell_chinese(reading: Reading) -> list[SpelledPhone]:
    """Return the phones of a Mandarin reading with their letters; a blank after a word belongs to its last phone.

    Raises:
        InputError: a phone of another language, or nothing to say.
    """
    ends = set(accumulate(len(word.text) for word in cut("".join(unit.text for unit in reading.units))))
    spelled: list[SpelledPhone] = []
    place = 0
    for unit in reading.units:
        place += len(unit.text)
        made = _syllable(unit.phones)
        if place in ends:
            made[-1] = made[-1]._replace(letters=made[-1].letters + " ")
        if spelled and made[0].is_pause:  # a pause mark stands directly after its word
            spelled[-1] = spelled[-1]._replace(letters=spelled[-1].letters.rstrip())
        spelled += made
    if not any(not each.is_pause for each in spelled):
        raise got("text to speak", reading.text, "at least one word")
    spelled[-1] = spelled[-1]._replace(letters=spelled[-1].letters.rstrip())
    return spelled


def _syllable(phones: Sequence[str]) -> list[SpelledPhone]:
    if len(phones) == 1 and phones[0] in PAUSES:
        return [SpelledPhone(phones[0], PAUSES[phones[0]])]
    initial, final, tone = phones[0], phones[-1][:-1], phones[-1][-1:]
    letters = GLIDES.get(initial, {**FINALS, **ALONE.get(initial, {})}).get(final)
    if len(phones) != 2 or letters is None or tone not in TONES or initial not in {*INITIALS, *GLIDES}:
        raise got("phones", " ".join(phones), "a syllable of Mandarin or a pause mark")
    return [
        SpelledPhone(initial, INITIALS.get(initial, "")),
        SpelledPhone(phones[-1], letters.replace("0", TONES[tone])),
    ]
