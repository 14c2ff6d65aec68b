"""Polish and German by espeak-ng: the phones of corpora in languages that have no front end of their own.

espeak-ng reads numbers and signs by its own rules. Stress is left out of the symbols, as it is for English; marks of
soft and nasal sounds (`;`, `^`, `~`) stay, because they tell words apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from sovits_lab.text.checks import account, check_language, check_text
from sovits_lab.text.espeak import PAUSE
from sovits_lab.text.espeak import SYMBOLS as ENGLISH
from sovits_lab.text.espeak_library import WORD, synthesise
from sovits_lab.text.reading import Reading, Span, Unit
from sovits_lab.text.symbols import SymbolTable, table_of
from sovits_lab.types import got

# Found by reading thousands of syllables of each language's spelling, and words that are borrowed.
SYMBOLS = {
    "pl": (
        "E", "O", "a", "i", "u", "y", "E~", "O~", "j", "w", "p", "b", "t", "d", "k", "g", "f", "v", "s", "z", "S",
        "Z", "S;", "Z;", "x", "h", "ts", "dz", "tS", "dZ", "ts;", "dz;", "t;", "d;", "m", "n", "n^", "N", "l", "R", "C",
    ),
    "de": (
        "A:", "E:", "e:", "i:", "o:", "u:", "y:", "Y:", "a", "E", "I", "O", "U", "W", "u", "y", "@", "3", "aI", "aU",
        "OY", "A", "A~", "W~", "j", "p", "b", "t", "d", "k", "g", "f", "v", "s", "z", "S", "Z", "C", "x", "h", "ts",
        "tS", "dZ", "pF", "m", "n", "N", "l", "r", "R",
    ),
}  # fmt: skip
SOFT, LONG_PAUSE = ";", "_:"  # a softened consonant's mark, where it stands alone; a pause of the text
OPTIONS = {"de": "espeak_german", "pl": "espeak_polish"}  # language -> option of the group `frontend` that reads it
SETTINGS = {"rate": 170, "volume": 60, "pitch": 50, "range": 50, "word_gap": 0}


class EspeakLanguageFrontend:
    """One language by espeak-ng; the library (GPL-3.0, extra `demo`) loads at the first `read`.

    Words that espeak-ng takes for English come out in its English phones, which the table holds as well.

    Args:
        language: "pl" or "de".

    Raises:
        InputError: another language.
    """

    def __init__(self, language: str) -> None:
        if language not in SYMBOLS:
            raise got("frontend.language", language, f"one of {', '.join(SYMBOLS)}")
        self.name, self.languages = f"espeak_{language}", (language,)

    @property
    def symbols(self) -> SymbolTable:
        """The pad, the pause, the language's own phones, then those of English."""
        own = (PAUSE, *SYMBOLS[self.languages[0]])
        return table_of((*own, *(phone for phone in ENGLISH if phone not in own)), self.name)

    def read(self, text: str, language: str | None = None) -> Reading:
        """Return the phones of a text; one unit, because espeak does not say which word a phone came from."""
        check_text(text)
        check_language(language, self.languages)
        own = self.languages[0]
        if not any(letter.isalnum() for letter in text):
            return Reading(text, own, text, (), account(text, (), ()))
        units = (Unit(text, phones_in(text, own), Span(0, len(text)), own),)
        return Reading(text, own, text, units, account(text, units, ()))


@lru_cache(maxsize=4096)
def phones_in(text: str, language: str) -> tuple[str, ...]:
    """Return the phones that espeak-ng speaks a text with; pauses stand between clauses, none at either end.

    Raises:
        InputError: the library is not installed.
    """
    return cleaned([mnemonic for mnemonic, _ in synthesise(text, language, SETTINGS).events])


def cleaned(mnemonics: Sequence[str]) -> tuple[str, ...]:
    """Return phones of mnemonics: without stress, variants, marks of words and short silences.

    A mark of softness that stands alone is a glide (`m ; a` is m, j, a), but for sounds that are soft already and
    before an i, which softens by itself.
    """
    kept = [each for each in mnemonics if each != WORD and not each.startswith("(") and not _is_short_silence(each)]
    phones: list[str] = []
    for each, following in zip(kept, [*kept[1:], ""], strict=True):
        if each == LONG_PAUSE:
            if phones and phones[-1] != PAUSE:
                phones.append(PAUSE)
            continue
        bare = re.sub(r"[',%=|#]|(?<=.)[-2-9]+$", "", each)
        if bare == SOFT:
            soft = not phones or phones[-1][-1] in ";^ij" or phones[-1] == PAUSE
            bare = "" if soft or following.lstrip("',") == "i" or following in ("", LONG_PAUSE) else "j"
        if bare:
            phones.append(bare)
    return tuple(phones[:-1] if phones and phones[-1] == PAUSE else phones)


def _is_short_silence(mnemonic: str) -> bool:
    return mnemonic.startswith("_") and mnemonic != LONG_PAUSE
