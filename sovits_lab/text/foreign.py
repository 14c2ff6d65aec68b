"""Noticing that a text for an English voice is in another language, so that nobody wonders at how it sounds."""

from __future__ import annotations

import re
from functools import cache

from sovits_lab.text.english.lexicon import dictionary
from sovits_lab.text.reading import ASIDE, Skip
from sovits_lab.text.tables import pairs

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_FEWEST, _SHARE, _MOSTLY = 2, 0.3, 0.5  # so many different function words, and so much of the text
_FEWEST_UNKNOWN, _UNKNOWN = 3, 0.4
_ENDINGS = ("'s", "s", "es", "ed", "d", "ing", "er", "ly")
_READ_BY_ENGLISH = "is read by English rules"
_LETTERS_SHOWN = 20


@cache
def _function_words() -> dict[str, frozenset[str]]:
    return {language: frozenset(words.split()) for language, words in pairs("function_words.tsv").items()}


_SMALL = frozenset(
    ["the", "and", "of", "to", "is", "are", "you", "it", "that", "this", "was", "with", "for", "i", "my", "we"]
)


def _is_english(words: list[str], share: float) -> bool:
    """True when the text holds small English words, or only English ones where the other language's are few."""
    return len(_SMALL.intersection(words)) >= _FEWEST or (
        share < _MOSTLY and all(word in dictionary() for word in words)
    )


def _is_unknown(word: str) -> bool:
    """True for a word of two letters and more that no English word, nor one with an ending, is."""
    stems = (word, *(word.removesuffix(ending) + more for ending in _ENDINGS for more in ("", "e")))
    return len(word) > 1 and not any(stem in dictionary() for stem in stems)


def _is_no_english(written: list[str]) -> bool:
    """True when many words are in no English dictionary; names, which begin with a capital, count for nothing."""
    unknown = {word for word in written if word.islower() and _is_unknown(word)}
    return len(unknown) >= _FEWEST_UNKNOWN and len(unknown) >= _UNKNOWN * len({word.lower() for word in written})


def is_foreign(notes: tuple[str, ...]) -> bool:
    """Return whether the notes of a reading say that the text looks like another language than it was read in."""
    return any(note.endswith(_READ_BY_ENGLISH) for note in notes)


def foreign_notes(text: str, skipped: tuple[Skip, ...]) -> tuple[str, ...]:
    """Make notes for a reading by English rules: letters that were left out, and words of another language."""
    notes = []
    silent = "".join(text[skip.span.start : skip.span.end] for skip in skipped if skip.reason != ASIDE)
    unread = "".join(letter for letter in silent if letter.isalpha())
    if unread:
        shown = unread if len(unread) <= _LETTERS_SHOWN else unread[:_LETTERS_SHOWN] + "…"
        notes.append(f"{shown}: not spoken, this voice reads English only")
    written = [word.replace("’", "'") for word in _WORD.findall(text)]
    words = [word.lower() for word in written]
    counts = {language: [word for word in words if word in known] for language, known in _function_words().items()}
    likely = max(counts, key=lambda language: len(counts[language]))
    share = len(counts[likely]) / max(1, len(words))
    if len(set(counts[likely])) >= _FEWEST and share >= _SHARE and not _is_english(words, share):
        notes.append(f"this looks like {likely} and {_READ_BY_ENGLISH}")
    elif _is_no_english(written) and not _is_english(words, share):
        notes.append(f"many words are in no English dictionary: the text {_READ_BY_ENGLISH}")
    return tuple(notes)
