"""Names of languages as lists and tables write them, to the codes of the front ends."""

from __future__ import annotations

import re

CODES = {
    "zh-hk": "yue", "zh-mo": "yue",
    "jp": "ja", "all_zh": "zh", "all_ja": "ja", "all_ko": "ko", "all_yue": "yue",
    "english": "en", "chinese": "zh", "mandarin": "zh", "japanese": "ja", "korean": "ko", "cantonese": "yue",
}  # fmt: skip
_OF_REGION = re.compile(r"([a-z]{2,3})(?:[-_](?:[a-z]{2}|[a-z]{4}|[0-9]{3}))+")  # en-US, zh_Hans_CN


def language_code(written: str) -> str:
    """Find the code of a language; what is not known stays as it is, for the front end to refuse by name."""
    word = written.strip().lower()
    known = CODES.get(word) or CODES.get(word.replace("_", "-"))
    if known is None and (of_region := _OF_REGION.fullmatch(word)):
        known = CODES.get(of_region[1], of_region[1])
    return known or word
