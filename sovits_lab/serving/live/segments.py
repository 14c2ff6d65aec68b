"""How much of a text that is still being written can be spoken now, and when its words sound."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from sovits_lab.inference.timings import Timings, WordTime

# Not from the middle of a row of dots: each of them would be tried where no end follows, and 20,000 take seconds.
_SENTENCE = re.compile(r"(?<![.!?…])[.!?…]+[\"'”’)\]]*\s+|[。！？]+[”’」』）]*|\n+")
_CLAUSE = re.compile(r"[,;:–—]\s+|[，、；：]")
FIRST_CLAUSE = 16  # letters from which the first clause is spoken before its sentence ends: somebody is waiting
LONGEST = 300  # letters that are spoken at once: what is not begun can still be changed or dropped
_WORD = re.compile(r"\S+")
_TAG = re.compile(r"\[/?[a-z][^\[\]]*\]")


class ReadyText(NamedTuple):
    """What can be spoken, and what has to wait for more."""

    ready: str
    rest: str


class WordShare(NamedTuple):
    """A word and when it sounds, in seconds of its context's sound."""

    word: str
    start: float
    end: float


def ready_text(text: str, first: bool, flush: bool) -> ReadyText:
    """Cut off what can be spoken.

    Args:
        text: that was written and not spoken yet.
        first: nothing of its context was spoken yet, so a clause is enough.
        flush: nothing more comes, or the writer wishes to hear it now.
    """
    ends = [match.end() for match in _SENTENCE.finditer(text)]
    if not ends and first:
        ends = [match.end() for match in _CLAUSE.finditer(text) if match.end() >= FIRST_CLAUSE][:1]
    if first and len(ends) > 1:
        ends = ends[:1]
    if flush and not (first and ends):
        ends.append(len(text))
    fitting = [end for end in ends if end <= LONGEST]
    if not ends:
        return ReadyText("", text)
    end = fitting[-1] if fitting else (ends[0] if ends[0] <= 2 * LONGEST else _space_before(text, LONGEST))
    return ReadyText(text[:end], text[end:])


def word_times(text: str, start: float, seconds: float) -> list[WordShare]:
    """Estimate when the words of a segment sound: its time is shared out by the letters of each.

    Args:
        text: of the segment.
        start: where it begins in its context's sound.
        seconds: how long it is.
    """
    words = _WORD.findall(_TAG.sub("", text))
    weights = [1 + sum(letter.isalnum() for letter in word) for word in words]
    made, at = [], 0
    for word, weight in zip(words, weights, strict=True):
        begin, at = at, at + weight
        share = seconds / sum(weights)
        made.append(WordShare(word, round(start + begin * share, 3), round(start + at * share, 3)))
    return made


def phone_times(times: Timings) -> list[dict[str, Any]]:
    """Return phones with their times as a client is told them; none where they would be a guess."""
    if times.estimated:
        return []
    return [{"phone": one.phone, "start": round(one.start, 3), "end": round(one.end, 3)} for one in times.phones]


def segment_times(text: str, start: float, seconds: float, pieces: Sequence[Timings]) -> dict[str, Any]:
    """Return what a client is told of a segment's times.

    Args:
        text: of the segment.
        start: where it begins in its context's sound.
        seconds: how long it is.
        pieces: times that the model gave with each piece of its sound, from the segment's beginning.

    Returns:
        `words`, `phones`, and `timing`: "model" where the model said which token speaks which phone, "estimated" where
        words share the time by their letters and phones are not told.
    """
    phones = [one for times in pieces for one in phone_times(times.later(start))]
    words: list[WordTime] | list[WordShare] = [one for times in pieces for one in times.later(start).words]
    if not phones or not words:
        words = word_times(text, start, seconds)
    shown = [{"word": one.word, "start": round(one.start, 3), "end": round(one.end, 3)} for one in words]
    return {"words": shown, "phones": phones, "timing": "model" if phones else "estimated"}


def _space_before(text: str, place: int) -> int:
    found = text.rfind(" ", 0, place)
    return found + 1 if found > 0 else place
