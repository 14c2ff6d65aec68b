"""Noticing that a text for an English voice is in another language, so that nobody wonders at how it sounds."""

from __future__ import annotations

import re
from functools import cache

from sovits_lab.text.english.lexicon import dictionary
from sovits_lab.text.reading import Skip
from sovits_lab.text.tables import pairs

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_FEWEST, _SHARE, _MOSTLY = 2, 0.3, 0.5  # so many different function words, and so much of the text
_LETTERS_SHOWN = 20


@cache
def _function_words() -> dict[str, frozenset[str]]:
    return {language: frozenset(words.split()) for language, words in pairs("function_words.tsv").items()}


def _is_english(words: list[str], share: float) -> bool:
    """True when the text holds small English words, or only English ones where the other language's are few."""
    telling = {
        "the",
        "and",
        "of",
        "to",
        "is",
        "are",
        "you",
        "it",
        "that",
        "this",
        "was",
        "with",
        "for",
        "i",
        "my",
        "we",
    }
    return len(telling.intersection(words)) >= _FEWEST or (
        share < _MOSTLY and all(word in dictionary() for word in words)
    )


def foreign_notes(text: str, skipped: tuple[Skip, ...]) -> tuple[str, ...]:
    """Make notes for a reading by English rules: letters that were left out, and words of another language."""
    notes = []
    unread = "".join(letter for skip in skipped for letter in text[skip.span.start : skip.span.end] if letter.isalpha())
    if unread:
        shown = unread if len(unread) <= _LETTERS_SHOWN else unread[:_LETTERS_SHOWN] + "…"
        notes.append(f"{shown}: not spoken, this voice reads English only")
    words = [word.lower().replace("’", "'") for word in _WORD.findall(text)]
    counts = {language: [word for word in words if word in known] for language, known in _function_words().items()}
    likely = max(counts, key=lambda language: len(counts[language]))
    share = len(counts[likely]) / max(1, len(words))
    if len(set(counts[likely])) >= _FEWEST and share >= _SHARE and not _is_english(words, share):
        notes.append(f"this looks like {likely} and is read by English rules")
    return tuple(notes)
