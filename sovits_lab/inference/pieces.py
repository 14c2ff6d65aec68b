"""Long text in pieces that a model speaks at once, with the pauses between them.

A text that fits is one piece, read as it is. Longer text is cut at sentences, then at clauses, then at spaces: models
learn from clips of a few seconds and generate a bounded number of tokens.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from sovits_lab.text.borders import length
from sovits_lab.text.cutting import sentences
from sovits_lab.text.reading import Reading, Span

LETTERS = 240  # longest piece as `length` counts, about 15 s of speech
LEAST = 24  # shortest piece that stands alone, in letters
SHORTEST_PIECE = 8  # letters of a piece that is not cut any more
QUICK = 15.0  # phones of a second of quick speech
SLOW = 3.0  # tokens that a phone of slow speech takes; at 25 tokens a second 8 phones a second
HAN = ("zh", "ja", "yue")  # languages that share a script, so that a piece alone may be taken for another
PARAGRAPH, SENTENCE, CLAUSE, BREATH = 0.6, 0.3, 0.15, 0.05  # seconds of silence after a piece, by how it ends
_PARAGRAPH = re.compile(r"\n\s*$")
_SENTENCE = re.compile(r"[.。！？!?…][\"'”’)\]」』》）]*\s*$")
_CLAUSE = re.compile(r"[,，、;；:：—–][\"'”’)\]」』》）]*\s*$")


class Room(NamedTuple):
    """How much a model speaks at once, in letters (as `borders.length` counts) and in phones."""

    letters: int = LETTERS
    phones: int = 250

    @classmethod
    def of(cls, max_tokens: int, letters: int = LETTERS) -> Room:
        """Return the room of a model that generates so many tokens at most."""
        return cls(letters, max(1, int(max_tokens / SLOW)))

    def fits(self, reading: Reading) -> bool:
        """Return whether a text need not be cut."""
        return length(reading.text.strip()) <= self.letters and len(reading.phones) <= self.phones


class TextPiece(NamedTuple):
    """A part of a text that is spoken at once, and the seconds of silence before it."""

    reading: Reading
    pause: float


Read = Callable[[Span, str | None], Reading]  # the characters of a span of one text, in a language


def pieces_of(
    read: Read, text: str, span: Span, language: str | None, kept: Sequence[Span] = (), room: Room | None = None
) -> list[TextPiece]:
    """Return the pieces of a span of a text, in order; their texts joined are the span's.

    Args:
        read: makes the reading of a span.
        text: all of it.
        span: what is spoken.
        language: of the text; None leaves it to `read`.
        kept: spans that are never cut, such as those with phones given by hand.
        room: what a piece may hold.
    """
    room = room or Room()
    if language is None or length(text[span.start : span.end].strip()) <= room.letters:  # else it cannot fit
        whole = read(span, language)
        if room.fits(whole):
            return [TextPiece(whole, 0.0)]
        language = language or language_of(whole)
    made: list[TextPiece] = []
    pause = 0.0
    for place in _cut(text, span, kept, room.letters):
        for reading in _fitting(read, text, place, language, kept, room, room.letters):
            made.append(TextPiece(reading, pause))
            pause = pause_after(reading.text)
    return made


def _fitting(
    read: Read, text: str, span: Span, language: str | None, kept: Sequence[Span], room: Room, letters: int
) -> Iterator[Reading]:
    """Readings of parts that fit. What speaks longer than its letters say, such as a number, is cut smaller."""
    reading = read(span, language)
    if room.fits(reading) or letters < SHORTEST_PIECE:
        yield reading
        return
    places = _cut(text, span, kept, letters)
    smaller = letters if len(places) > 1 else letters // 2
    for place in places:
        yield from _fitting(read, text, place, language, kept, room, smaller)


def _cut(text: str, span: Span, kept: Sequence[Span], letters: int) -> list[Span]:
    """The span cut into sentences or less of at most so many letters."""
    least = min(LEAST, letters // 4)
    ends, place = [], span.start
    for piece in sentences(text[span.start : span.end], letters - least, least):
        place += len(piece)
        if place == span.end or not any(one.start < place < one.end for one in kept):
            ends.append(place)
    return [Span(start, end) for start, end in zip([span.start, *ends], ends, strict=False)]


def language_of(reading: Reading) -> str | None:
    """Find the language in which all pieces of a text are read: its only one, or that of its Han characters.

    A few Han characters alone may be Chinese, Japanese or Cantonese; the text around them says which.
    """
    found = reading.language.split("+")
    of_han = [name for name in found if name in HAN]
    if len(found) == 1:
        return found[0]
    return of_han[0] if len(of_han) == 1 else None


def pause_after(text: str) -> float:
    """Return the seconds of silence that a reader leaves after a piece of text."""
    for pattern, seconds in ((_PARAGRAPH, PARAGRAPH), (_SENTENCE, SENTENCE), (_CLAUSE, CLAUSE)):
        if pattern.search(text):
            return seconds
    return BREATH
