"""Words with accents in English text (Hermès, El Niño, Tromsø): the plain spelling, and what the accent tells."""

from __future__ import annotations

import re
import unicodedata

from sovits_lab.text.english.lexicon import Phones

LETTERS = "\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff"
"""Of a character class: Latin letters that ASCII lacks."""

# Letters that are not a plain one with a mark.
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ß": "ss", "æ": "ae", "œ": "oe", "ı": "i"}
    | {"Ø": "O", "Ł": "L", "Đ": "D", "Ð": "D", "Þ": "Th", "Æ": "Ae", "Œ": "Oe"}
)
_ENDS_IN_E = re.compile("ée?$")


def plain(word: str) -> str:
    """Return a word in the letters a to z."""
    parts = unicodedata.normalize("NFD", word.translate(_LETTERS))
    return "".join(char for char in parts if char.isascii())


def accented(word: str, phones: Phones) -> Phones:
    """Return the phones of a lower-case word with accents from those of its plain spelling.

    A last é is said (rosé, Chloé), and an ñ is the first sound of "new" in another place (piñata).
    """
    if _ENDS_IN_E.search(word) and not phones[-1].startswith("EY"):
        if phones[-1].startswith("IY"):
            phones = (*phones[:-1], phones[-1].replace("IY", "EY"))
        else:
            phones = (*(phone.replace("1", "0") for phone in phones), "EY1")
    if "ñ" in word and "Y" not in phones:
        places = [place for place, phone in enumerate(phones) if phone == "N"]
        at = [letter for letter in word if letter in "nñ"].index("ñ")
        if at < len(places):
            phones = (*phones[: places[at] + 1], "Y", *phones[places[at] + 1 :])
    return phones
