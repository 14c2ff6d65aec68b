"""What a generated line must be before a character says it: short, clean, in the language, in the part."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

LONGEST_LINE = 240  # characters: about 15 s of speech
MARKUP = re.compile(r"\[/?[a-z][^\[\]]*\]|<[^<>]{1,200}>")
STAGE_DIRECTION = re.compile(r"\([^()]{1,120}\)|\*[^*\n]{1,120}\*|（[^（）]{1,120}）")
LABEL = re.compile(r"^\s*[\"“]?[A-Z][A-Za-z0-9_ ]{0,31}:\s+")
OUT_OF_PART = re.compile(
    r"\b(as an? (ai|artificial|language) |language model|system prompt|my instructions|ignore (all|your|the|previous)|"
    r"i (am|'m) an ai|openai|assistant)\b|语言模型|系统提示|人工智能助手|言語モデル",
    re.IGNORECASE,
)
ADDRESS = re.compile(r"https?://|www\.|\S+@\S+\.\S+|`|\{|\}|\\x|<\|")
HAN, KANA, HANGUL, LATIN = "一-鿿", "぀-ヿ", "가-힯", "A-Za-zÀ-ɏ"
SCRIPTS = {
    "en": (LATIN,),
    "zh": (HAN,),
    "yue": (HAN,),
    "ja": (HAN, KANA),
    "ko": (HANGUL,),
}
FOREIGN = 0.3  # of the letters may be of other scripts: names


@dataclass(frozen=True)
class LineGuard:
    """Rules for generated lines.

    Attributes:
        language: of the line.
        longest: characters.
        forbidden: words that are never spoken, in any case of letters.
    """

    language: str = "en"
    longest: int = LONGEST_LINE
    forbidden: Collection[str] = ()

    def cleaned(self, text: str) -> str:
        """Return the words alone, without markup, stage directions, the speaker's label, quotes, control characters."""
        text = unicodedata.normalize("NFC", text)
        text = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text)
        for pattern in (MARKUP, STAGE_DIRECTION, LABEL):
            text = pattern.sub(" ", text)
        text = text.replace("[", " ").replace("]", " ")
        return " ".join(text.split()).strip('"“”「」* ')

    def reason(self, text: str) -> str:
        """Return why a cleaned line is not spoken, or "" where it is."""
        letters = [c for c in text if c.isalpha()]
        if not letters:
            return "no words"
        if len(text) > self.longest:
            return f"{len(text)} characters, at most {self.longest}"
        if OUT_OF_PART.search(text):
            return "out of the part"
        if ADDRESS.search(text):
            return "an address or code"
        low = text.lower()
        if banned := next((word for word in self.forbidden if _holds(low, word.lower())), None):
            return f"the forbidden word {banned!r}"
        own = re.compile(f"[{''.join(SCRIPTS[self.language])}]")
        if sum(not own.match(c) for c in letters) > FOREIGN * len(letters):
            return f"another language than {self.language}"
        return "repeats itself" if _loops(low) else ""


def _holds(text: str, word: str) -> bool:
    if word.isascii():
        return re.search(rf"\b{re.escape(word)}\b", text) is not None
    return word in text


def _loops(text: str) -> bool:
    """Whether one stretch of words is said four times or more in a row, as small models do."""
    return re.search(r"(.{6,80}?)(?:\W*\1){3,}", text) is not None
