"""Words that the CMU dictionary lacks, from the American dictionaries that come with misaki (Apache-2.0).

Only their files are read; the package's own code is never imported. `gold` was checked by people and `silver` was not.
The package has no release for Python 3.13 and later: without it a reading falls back to endings, compounds and the
network.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from sovits_lab.text.english.lexicon import Phones

# misaki's own letters for diphthongs and affricates, and IPA for the rest.
_CONSONANTS = {
    **{letter: letter.upper() for letter in "bdfklmnpstvwz"},
    **{"h": "HH", "j": "Y", "ɡ": "G", "ɹ": "R", "ɾ": "T", "ʤ": "JH", "ʧ": "CH"},
    **{"ʃ": "SH", "ʒ": "ZH", "θ": "TH", "ð": "DH", "ŋ": "NG"},
}
_VOWELS = {
    **{"A": "EY", "I": "AY", "W": "AW", "O": "OW", "Y": "OY", "ɑ": "AA", "æ": "AE", "ʌ": "AH", "ə": "AH", "ᵊ": "AH"},
    **{"ɔ": "AO", "ɛ": "EH", "ɪ": "IH", "ᵻ": "IH", "i": "IY", "ʊ": "UH", "u": "UW"},
}
_STRESS = {"ˈ": "1", "ˌ": "2"}


def arpabet(symbols: str) -> Phones | None:
    """Return the phones of an entry; None where it has a sound that English lacks."""
    phones: list[str] = []
    stress = "0"
    letters = symbols.replace("ɜɹ", "R0").replace("əɹ", "R0")
    for place, letter in enumerate(letters):
        if letter in _STRESS:
            stress = _STRESS[letter]
        elif letter == "0":
            continue
        elif letter in _VOWELS or letters[place : place + 2] == "R0":
            phones.append(_VOWELS.get(letter, "ER") + stress)
            stress = "0"
        elif letter not in _CONSONANTS:
            return None
        elif phones[-1:] != [_CONSONANTS[letter]]:
            phones.append(_CONSONANTS[letter])
    return tuple(phones) or None


@cache
def _entries(name: str) -> dict[str, str]:
    """Lower-case word -> entry; a word in small letters goes before a name. Of several uses the commonest is taken."""
    package = find_spec("misaki")
    if package is None or package.origin is None:
        return {}
    words = json.loads((Path(package.origin).parent / "data" / f"us_{name}.json").read_text(encoding="utf-8"))
    found: dict[str, str] = {}
    for word in sorted(words, key=str.islower):
        entry = words[word]["DEFAULT"] if isinstance(words[word], dict) else words[word]
        if entry:
            found[word.lower()] = entry
    return found


def checked(word: str) -> Phones | None:
    """Return the phones of a lower-case word in the checked dictionary (90 000 words); None for another."""
    entry = _entries("gold").get(word)
    return arpabet(entry) if entry else None


def unchecked(word: str) -> Phones | None:
    """Return the phones of a lower-case word in the other dictionary (93 000 words); None for another."""
    entry = _entries("silver").get(word)
    return arpabet(entry) if entry else None
