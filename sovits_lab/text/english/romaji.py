"""Japanese names in Latin letters (Shibuya, Inuyasha) in English sounds: words of Japanese syllables alone."""

from __future__ import annotations

import re

from sovits_lab.text.english.lexicon import Phones

_CONSONANTS = {
    "k": "K", "s": "S", "t": "T", "n": "N", "h": "HH", "m": "M", "r": "R", "g": "G", "z": "Z", "d": "D", "b": "B",
    "p": "P", "f": "F", "j": "JH", "w": "W", "y": "Y", "sh": "SH", "ch": "CH", "ts": "T S", "": "",
    "ky": "K Y", "gy": "G Y", "ny": "N Y", "hy": "HH Y", "my": "M Y", "ry": "R Y", "by": "B Y", "py": "P Y",
}  # fmt: skip
_VOWELS = {
    "a": "AA", "i": "IY", "u": "UW", "e": "EH", "o": "OW", "ai": "AY", "ei": "EY", "ou": "OW", "oo": "OW", "uu": "UW",
    "aa": "AA", "ii": "IY",
}  # fmt: skip
_SYLLABLE = re.compile(
    rf"((?:k(?=k)|s(?=s)|t(?=t|ch)|p(?=p)))?({'|'.join(sorted(filter(None, _CONSONANTS), key=len, reverse=True))}|)"
    rf"({'|'.join(sorted(_VOWELS, key=len, reverse=True))})([nm](?![aeiouy]))?"
)
# Other languages have such syllables too (banana). Japanese is what has one that they seldom spell so.
_JAPANESE = re.compile("sh[iuo]|tsu|chi|[kghmrnp]y[aou]|j[iuo]|zu|k[iu]|y[auo]|fu|[aiueo]hara|wa$|[aeiou]ra$")


def phones(word: str) -> Phones:
    """Return the phones of a lower-case word of Japanese syllables; empty for any other word."""
    if not _JAPANESE.search(word):
        return ()
    parts, at = [], 0
    while at < len(word):
        match = _SYLLABLE.match(word, at)
        if match is None:
            return ()
        parts.append(match)
        at = match.end()
    stressed = len(parts) - 2
    if stressed < 0:
        return ()
    found: list[str] = []
    for number, match in enumerate(parts):
        vowel = "EY" if match[3] == "e" and match.end() == len(word) else _VOWELS[match[3]]
        stress = "1" if number == stressed else "0"
        found += [*_CONSONANTS[match[2]].split(), vowel + stress, *(match[4] or "").upper()]
    return tuple(found)
