"""Names of languages as lists and tables write them, to the codes of the front ends."""

from __future__ import annotations

CODES = {
    "jp": "ja", "all_zh": "zh", "all_ja": "ja", "all_ko": "ko", "all_yue": "yue",
    "english": "en", "chinese": "zh", "mandarin": "zh", "japanese": "ja", "korean": "ko", "cantonese": "yue",
}  # fmt: skip


def language_code(written: str) -> str:
    """Find the code of a language; what is not known stays as it is, for the front end to refuse by name."""
    word = written.strip().lower()
    return CODES.get(word, word)
