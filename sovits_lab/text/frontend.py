"""Front ends: text in, `Reading` out. Each knows its languages and its symbol table."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Protocol

from sovits_lab.text.english.language import English
from sovits_lab.text.language import Language
from sovits_lab.text.reading import Reading, Skip, Span, Unit
from sovits_lab.text.symbols import SymbolTable, load_symbols, table_of
from sovits_lab.text.traced import Traced
from sovits_lab.types import InputError, got

LONGEST_TEXT = 200_000


class Frontend(Protocol):
    """What the rest of the framework asks of a front end. `name` is how a bundle calls it."""

    name: str
    languages: tuple[str, ...]

    @property
    def symbols(self) -> SymbolTable:
        """The table that every phone of `read` is in."""
        ...

    def read(self, text: str, language: str | None = None) -> Reading:
        """Phones of a text; an InputError says what about the text or the language is wrong."""
        ...


def check_text(text: str) -> None:
    """Refuse what no front end can read, naming the place."""
    if len(text) > LONGEST_TEXT:
        raise got("text", f"{len(text)} characters", f"at most {LONGEST_TEXT}; cut it first (sovits_lab.text.cutting)")
    for place, letter in enumerate(text):
        if "\ud800" <= letter <= "\udfff":
            raise got("text", letter, f"no lone surrogate at position {place}")


def check_language(language: str | None, languages: tuple[str, ...]) -> None:
    """Refuse a language that the front end does not have."""
    if language is not None and language not in languages:
        raise got("language", language, f"one of {', '.join(languages)}")


def reason_unread(letter: str) -> str:
    """Why a character that no rule spoke for is silent."""
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
    """Every input character that no unit covers, in order, with its reason; neighbours with one reason are joined."""
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
        reason = reasons.get(place) or reason_unread(letter)
        if skipped and skipped[-1].reason == reason and skipped[-1].span.end == place:
            skipped[-1] = Skip(Span(skipped[-1].span.start, place + 1), reason)
        else:
            skipped.append(Skip(Span(place, place + 1), reason))
    return tuple(skipped)


class EnglishFrontend:
    """English alone, with the compact table of 76 symbols.

    An empty text or one with punctuation only gives a `Reading` whose `is_silent` is true; it is not an error here,
    because only the caller knows if silence is acceptable.
    """

    name = "english"
    languages: tuple[str, ...] = ("en",)

    def __init__(self) -> None:
        self._language: Language = English()

    @property
    def symbols(self) -> SymbolTable:
        """76 symbols: pad, six pause marks, 69 ARPAbet phones."""
        return load_symbols("english")

    def read(self, text: str, language: str | None = None) -> Reading:
        """Phones of an English text."""
        check_text(text)
        check_language(language, self.languages)
        heard = self._language.hear(Traced.of(text))
        skipped = account(text, heard.units, heard.skipped)
        return Reading(text, "en", heard.normalised, heard.units, skipped, heard.notes)


class EspeakFrontend:
    """English by espeak-ng, the speaker of the embedded corpus: exactly the phones that the corpus was spoken with.

    The library (GPL-3.0, extra `demo`) loads at the first `read`.
    """

    name = "espeak"
    languages: tuple[str, ...] = ("en",)

    @property
    def symbols(self) -> SymbolTable:
        """Pad first, then the order of `sovits_lab.text.espeak.SYMBOLS`."""
        from sovits_lab.text.espeak import SYMBOLS

        return table_of(tuple(SYMBOLS), "espeak")

    def read(self, text: str, language: str | None = None) -> Reading:
        """Phones of an English text; one unit, because espeak does not say which word a phone came from."""
        from sovits_lab.text.espeak import phonemize

        check_text(text)
        check_language(language, self.languages)
        phones = tuple(phonemize(text)) if text.strip() else ()
        units = (Unit(text, phones, Span(0, len(text)), "en"),) if phones else ()
        return Reading(text, "en", text, units, account(text, units, ()))


FRONTENDS: dict[str, Callable[[], Frontend]] = {"english": EnglishFrontend, "espeak": EspeakFrontend}


def load_frontend(name: str) -> Frontend:
    """The front end that a bundle names; `conf/frontend/NAME.yaml` is the same for experiments."""
    if name not in FRONTENDS:
        raise got("front end", name, f"one of {', '.join(FRONTENDS)}")
    return FRONTENDS[name]()


def require_speech(reading: Reading) -> Reading:
    """The reading itself; an InputError when there is nothing to say in it."""
    if reading.is_silent:
        raise InputError(f"text: got {reading.text[:40]!r}, expected at least one letter or number that can be spoken")
    return reading
