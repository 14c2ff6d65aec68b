"""The contract of one language: a traced text in, units with their spans out."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from sovits_lab.text.reading import Skip, Unit
from sovits_lab.text.traced import Traced

# Codes of the languages whose texts are read here.
LANGUAGES = ("zh", "en", "ja", "ko", "yue")


class LanguageReading(NamedTuple):
    """What one language made of one piece of text."""

    normalised: str
    units: tuple[Unit, ...]
    skipped: tuple[Skip, ...] = ()
    notes: tuple[str, ...] = ()


class Language(Protocol):
    """Constructing one is cheap; dictionaries and networks load at the first `read_piece`."""

    code: str

    def read_piece(self, piece: Traced) -> LanguageReading:
        """Read a piece that is wholly in this language (with whatever strangers it may hold)."""
        ...
