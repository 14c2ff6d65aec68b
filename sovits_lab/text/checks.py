"""What every front end refuses, and why a character stays silent."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from sovits_lab.text.reading import ASIDE, Reading, Skip, Span, Unit
from sovits_lab.types import InputError, got

LONGEST_TEXT = 200_000
LONGEST_CHUNK = 1000
UNKNOWN = "character without a known reading"
_BREAKS = (re.compile(r"[。！？!?\n…]|\.(?=\s)"), re.compile(r"[，、,;；：\s]"))


def check_text(text: str) -> None:
    """Refuse what no front end can read, naming the place."""
    if len(text) > LONGEST_TEXT:
        raise got("text", f"{len(text)} characters", f"at most {LONGEST_TEXT}; cut it first (sovits_lab.text.cutting)")
    for place, letter in enumerate(text):
        if "\ud800" <= letter <= "\udfff":
            raise got("text", letter, f"no lone surrogate at position {place}")


def bounded(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield chunks of at most 1000 characters, cut after a sentence, else after a clause, else anywhere.

    Rules look at their neighbours, so their time grows faster than the text: a bound keeps any text readable.
    """
    while end - start > LONGEST_CHUNK:
        limit = start + LONGEST_CHUNK
        cut = limit
        for breaks in _BREAKS:
            ends = [match.end() for match in breaks.finditer(text, start, limit)]
            if ends:
                cut = ends[-1]
                break
        yield start, cut
        start = cut
    if start < end:
        yield start, end


def check_language(language: str | None, languages: tuple[str, ...]) -> None:
    """Refuse a language that the front end does not have."""
    if language is not None and language not in languages:
        raise got("language", language, f"one of {', '.join(languages)}")


def reason_unread(letter: str) -> str:
    """Return why a character that no rule spoke for is silent."""
    kind = unicodedata.category(letter)
    if kind.startswith("Z") or letter in "\t\n\r\x0b\x0c":
        return "space"
    if kind.startswith("C"):
        return "control or unassigned character"
    if kind.startswith("P"):
        return "punctuation without a pause"
    if kind.startswith("S"):
        return "symbol or emoji that is not spoken"
    if kind.startswith("M"):
        return "mark on its own"
    return "letter that this language does not read"


def account(text: str, units: tuple[Unit, ...], dropped: tuple[Skip, ...]) -> tuple[Skip, ...]:
    """List every input character that no unit covers, with its reason; neighbours with one reason are joined."""
    covered = bytearray(len(text))
    for unit in units:
        covered[unit.span.start : unit.span.end] = b"\x01" * (unit.span.end - unit.span.start)
    reasons = dict[int, str]()
    for skip in dropped:
        reasons.update(dict.fromkeys(range(skip.span.start, skip.span.end), skip.reason))
    skipped: list[Skip] = []
    for place, letter in enumerate(text):
        if covered[place]:
            continue
        reason = reasons.get(place, "")
        if not reason or (
            letter.isalnum() and reason not in (UNKNOWN, ASIDE)
        ):  # what stood for a mark in its place was the mark
            reason = reason_unread(letter)
        if skipped and skipped[-1].reason == reason and skipped[-1].span.end == place:
            skipped[-1] = Skip(Span(skipped[-1].span.start, place + 1), reason)
        else:
            skipped.append(Skip(Span(place, place + 1), reason))
    return tuple(skipped)


def require_speech(reading: Reading) -> Reading:
    """Return the reading itself; an InputError when there is nothing to say in it."""
    if reading.is_silent:
        raise InputError(f"text: got {reading.text[:40]!r}, expected at least one letter or number that can be spoken")
    return reading
