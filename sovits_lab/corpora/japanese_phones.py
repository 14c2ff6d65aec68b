"""Japanese phones of the multilingual front end in the alphabet that Kokoro reads."""

from __future__ import annotations

from itertools import pairwise

from sovits_lab.corpora.natural_phones import PAUSES, SpelledPhone
from sovits_lab.text.reading import Reading
from sovits_lab.types import got

VOWELS = {"a": "a", "i": "i", "u": "ɯ", "e": "e", "o": "o", "I": "i", "U": "ɯ", "A": "a", "E": "e", "O": "o"}
CONSONANTS = {
    "k": "k", "g": "ɡ", "s": "s", "z": "ʣ", "t": "t", "d": "d", "n": "n", "h": "h", "b": "b", "p": "p", "m": "m",
    "y": "j", "r": "ɾ", "w": "β", "f": "ɸ", "v": "v", "sh": "ɕ", "ch": "ʨ", "ts": "ʦ", "j": "ʥ", "N": "ɴ", "cl": "ʔ",
    "ky": "kʲ", "gy": "ɡʲ", "ny": "ɲ", "hy": "ç", "by": "bʲ", "py": "pʲ", "my": "mʲ", "ry": "ɾʲ", "ty": "tʲ",
    "dy": "dʲ",
}  # fmt: skip
BEFORE_I = {"n": "ɲ", "h": "ç", "k": "kʲ", "g": "ɡʲ", "b": "bʲ", "p": "pʲ", "m": "mʲ", "r": "ɾʲ", "t": "tʲ", "d": "dʲ"}
NASALS = {"k": "ŋ", "ky": "ŋ", "g": "ŋ", "gy": "ŋ", "b": "m", "by": "m", "p": "m", "py": "m", "m": "m", "my": "m"}
CLOSE = frozenset({"s", "z", "sh", "ch", "ts", "j", "ky", "gy", "ny", "by", "py", "my", "ry", "ty", "dy", "y"})
ACCENTS = ("[", "]")  # marks of pitch, which Kokoro finds for itself
PHRASE = "UNK"  # what the released table has for the border of two phrases


def spell_japanese(reading: Reading) -> list[SpelledPhone]:
    """Return the phones of a Japanese reading with their letters; phrases are parted by blanks.

    Raises:
        InputError: a phone of another language, or nothing to say.
    """
    phones = [phone for phone in reading.phones if phone not in ACCENTS]
    spelled: list[SpelledPhone] = []
    before = ""
    for phone, after in pairwise([*phones, ""]):
        if phone == PHRASE:
            if spelled:
                spelled[-1] = spelled[-1]._replace(letters=spelled[-1].letters + " ")
        elif phone in PAUSES:
            spelled.append(SpelledPhone(phone, f"{PAUSES[phone]} " if after else PAUSES[phone]))
        else:
            spelled.append(SpelledPhone(phone, _letters(before, phone, after)))
        before = phone
    if not any(not each.is_pause for each in spelled):
        raise got("text to speak", reading.text, "at least one word")
    return spelled


def _letters(before: str, phone: str, after: str) -> str:
    if phone in VOWELS:
        if before.lower() == phone.lower():
            return "ː"
        return "ɨ" if phone in ("u", "U") and before in CLOSE else VOWELS[phone]
    if phone == "N":
        return NASALS.get(after, "ɴ")
    if phone == "z" and after in ("u", "U"):
        return "z"
    if phone not in CONSONANTS:
        raise got("phone", phone, "one of Japanese")
    return BEFORE_I.get(phone, CONSONANTS[phone]) if after in ("i", "I") else CONSONANTS[phone]
