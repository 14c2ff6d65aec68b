"""Phones of the English front end in the alphabet that Kokoro and its relatives read, one phone to one or more letters.

The alphabet is that of the package misaki (IPA with single letters for diphthongs and affricates). Who speaks what is
spelt here says exactly the phones that the front end will ask of a voice later, homographs and all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sovits_lab.text.reading import Reading
from sovits_lab.types import got

VOWELS = {
    "AA": "ɑ", "AE": "æ", "AH": "ʌ", "AO": "ɔ", "AW": "W", "AY": "I", "EH": "ɛ", "ER": "ɜɹ", "EY": "A", "IH": "ɪ",
    "IY": "i", "OW": "O", "OY": "Y", "UH": "ʊ", "UW": "u",
}  # fmt: skip
WEAK = {"AH0": "ə", "ER0": "əɹ"}
STRESS = {"0": "", "1": "ˈ", "2": "ˌ"}
CONSONANTS = {
    "B": "b", "CH": "ʧ", "D": "d", "DH": "ð", "F": "f", "G": "ɡ", "HH": "h", "JH": "ʤ", "K": "k", "L": "l", "M": "m",
    "N": "n", "NG": "ŋ", "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ", "T": "t", "TH": "θ", "V": "v", "W": "w", "Y": "j",
    "Z": "z", "ZH": "ʒ",
}  # fmt: skip
PAUSES = {"!": "!", "?": "?", "…": "…", ",": ",", ".": ".", "-": "—"}


class SpelledPhone(NamedTuple):
    """A phone of the front end and the letters that say it; a blank after a word belongs to the word's last phone."""

    phone: str
    letters: str

    @property
    def is_pause(self) -> bool:
        """Whether it is a pause mark."""
        return self.phone in PAUSES


def spell(reading: Reading) -> list[SpelledPhone]:
    """Return the phones of a reading with their letters; words are parted by blanks.

    Raises:
        InputError: a phone of another front end, or nothing to say.
    """
    spelled: list[SpelledPhone] = []
    for unit in reading.units:
        if spelled and unit.phones and unit.phones[0] not in PAUSES:
            last = spelled[-1]
            spelled[-1] = last._replace(letters=last.letters + " ")
        spelled += [SpelledPhone(phone, letters_of(phone)) for phone in unit.phones]
    if not any(not each.is_pause for each in spelled):
        raise got("text to speak", reading.text, "at least one word")
    return spelled


def letters_of(phone: str) -> str:
    """Return the letters of one phone.

    Raises:
        InputError: it is no phone of the English front end.
    """
    if phone in PAUSES:
        return PAUSES[phone]
    if phone in CONSONANTS:
        return CONSONANTS[phone]
    if phone[:-1] not in VOWELS or phone[-1] not in STRESS:
        raise got("phone", phone, "one of the English front end")
    return STRESS[phone[-1]] + WEAK.get(phone, VOWELS[phone[:-1]])


def counted(spelled: Sequence[SpelledPhone], counts: Sequence[int]) -> list[int]:
    """Return frames of each phone from frames of each letter, in order."""
    found, at = [], 0
    for each in spelled:
        found.append(sum(counts[at : at + len(each.letters)]))
        at += len(each.letters)
    assert at == len(counts), "one count for each letter"
    return found
