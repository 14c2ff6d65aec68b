"""In which language a text is written, where nobody says so: told by its letters, or left open."""

from __future__ import annotations

import unicodedata

SCRIPTS = {"HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "CJK": "zh", "THAI": "th"}
LATIN = "LATIN"
UNKNOWN = "und"  # ISO 639: undetermined


def guess_language(text: str) -> str:
    """Guess the language of a text by its script.

    Returns:
        "ja", "ko", "zh" or "th" where its letters tell; empty for Latin letters, which many languages share, and for a
        text without letters; "und" for any other script, so that no judge takes it for a language that it knows.
    """
    found = {_script(letter) for letter in text if letter.isalpha()}
    for script, language in SCRIPTS.items():
        if script in found:
            return language
    return "" if not found or LATIN in found else UNKNOWN


def _script(letter: str) -> str:
    return unicodedata.name(letter, UNKNOWN).partition(" ")[0]
