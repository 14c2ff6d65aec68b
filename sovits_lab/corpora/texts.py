"""Whether a row's text can be trained on: one judgement for the doctor and for the stage that reads the texts."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from sovits_lab.files import printable
from sovits_lab.text.frontend import Frontend
from sovits_lab.types import InputError

MOST_PHONES = 25.0  # a second: a token is 40 ms, and a phone without a token of its own cannot be learned
FEWEST_PHONES = 2.0  # a second, in recordings of
LONG_SECONDS = 3.0  # or more: a short cry may well be one long vowel
SHOWN = 40  # characters of a text in a message
KEPT = 4096  # readings; a corpus often says the same text many times


class Judged(NamedTuple):
    """The phones of a text, or why nobody should train on it."""

    phones: tuple[str, ...]
    why: str | None


class TextJudge:
    """Read texts by a front end and say what is wrong with them.

    Args:
        frontend: the one that the features are made with.
    """

    def __init__(self, frontend: Frontend) -> None:
        self.frontend = frontend
        self._read = lru_cache(KEPT)(self._judge)

    def read(self, text: str, language: str) -> Judged:
        """Return a text's phones, or why it is left out: an unknown language, no words, words that are not read."""
        return self._read(text, language)

    def __call__(self, text: str, language: str) -> str | None:
        """Return why a text is left out; None where it can be trained on."""
        return self.read(text, language).why

    def misfit(self, text: str, language: str, seconds: float) -> str | None:
        """Return why a text cannot be what is said in so many seconds of speech (without the silence around it)."""
        phones = self.read(text, language).phones
        return None if not phones else misfit(len(phones), seconds)

    def _judge(self, text: str, language: str) -> Judged:
        try:
            reading = self.frontend.read(text, language)
        except InputError as error:
            return Judged((), printable(error))
        if reading.is_silent:
            return Judged((), "it has no words to say")
        if reading.unread:
            return Judged((), f"{printable(reading.unread[:SHOWN])!r} is not read, so the text is not what was spoken")
        return Judged(reading.phones, None)


def misfit(phones: int, seconds: float) -> str | None:
    """Return why so many phones cannot have been spoken in so many seconds, or None where they can."""
    rate = phones / max(seconds, 1e-3)
    if rate > MOST_PHONES:
        return f"{phones} phones in {seconds:.1f} s, expected at most {MOST_PHONES:g} a second"
    if seconds >= LONG_SECONDS and rate < FEWEST_PHONES:
        return f"{phones} phones in {seconds:.1f} s, expected at least {FEWEST_PHONES:g} a second"
    return None
