"""Front ends: text in, `Reading` out. Each knows its languages and its symbol table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from sovits_lab.text.checks import account, bounded, check_language, check_text, require_speech
from sovits_lab.text.english.language import English
from sovits_lab.text.foreign import foreign_notes
from sovits_lab.text.given import Given, find_entries, obey, read_lexicon, splits_a_unit
from sovits_lab.text.language import Language
from sovits_lab.text.multilingual import MultilingualFrontend, ReleasedFrontend
from sovits_lab.text.reading import Reading, Span, Unit
from sovits_lab.text.symbols import SymbolTable, load_symbols, table_of
from sovits_lab.text.traced import Traced
from sovits_lab.text.typed import tidied
from sovits_lab.types import got

__all__ = [
    "EnglishFrontend",
    "EspeakFrontend",
    "Frontend",
    "MultilingualFrontend",
    "ReleasedFrontend",
    "load_frontend",
    "require_speech",
]


class Frontend(Protocol):
    """What the rest of the framework asks of a front end. `name` is how a bundle calls it."""

    name: str
    languages: tuple[str, ...]

    @property
    def symbols(self) -> SymbolTable:
        """The table that every phone of `read` is in."""
        ...

    def read(self, text: str, language: str | None = None) -> Reading:
        """Return the phones of a text; an InputError says what about the text or the language is wrong."""
        ...


class EnglishFrontend:
    """English alone, with the compact table of 76 symbols.

    An empty text or one with punctuation only gives a `Reading` whose `is_silent` is true; it is not an error here,
    because only the caller knows if silence is acceptable.

    Args:
        lexicon: a user's words with their phones; see `read_lexicon`.
    """

    name = "english"
    languages: tuple[str, ...] = ("en",)

    def __init__(self, lexicon: str | Path | None = None) -> None:
        self._language: Language = English()
        self._entries = read_lexicon(Path(lexicon), self.symbols) if lexicon else ()

    @property
    def symbols(self) -> SymbolTable:
        """76 symbols: pad, six pause marks, 69 ARPAbet phones."""
        return load_symbols("english")

    def read(self, text: str, language: str | None = None, given: Sequence[Given] = ()) -> Reading:
        """Return the phones of an English text.

        Args:
            text: at most 200 000 characters.
            language: "en" or None.
            given: phones that the caller decides; they win over everything.
        """
        check_text(text)
        check_language(language, self.languages)
        given = find_entries(text, self._entries, given)
        reading = self._read_pieces(text, ())
        if given:
            if splits_a_unit(reading, given):
                reading = self._read_pieces(text, [border for one in given for border in one.span])
            reading = obey(reading, given)
        skipped = account(text, reading.units, reading.skipped)
        notes = foreign_notes(text, skipped)
        return Reading(text, "en", reading.normalised, reading.units, skipped, notes)

    def _read_pieces(self, text: str, borders: Sequence[int]) -> Reading:
        """What the language makes of the text, cut at some places."""
        whole = tidied(Traced.of(text))
        cuts = sorted({0, len(whole), *map(whole.place, borders)})
        pieces = (piece for start, end in pairwise(cuts) for piece in bounded(whole.text, start, end))
        readings = [self._language.read_piece(whole[start:end]) for start, end in pieces]
        units = tuple(unit for one in readings for unit in one.units)
        skipped = (*(skip for one in readings for skip in one.skipped), *whole.dropped)
        return Reading(text, "en", " ".join(one.normalised for one in readings), units, skipped)


class EspeakFrontend:
    """English by espeak-ng, the speaker of the embedded corpus: exactly the phones that the corpus was spoken with.

    The library (GPL-3.0, extra `demo`) loads at the first `read`.
    """

    name = "espeak"
    languages: tuple[str, ...] = ("en",)

    def __init__(self) -> None:
        self._words = English()

    @property
    def symbols(self) -> SymbolTable:
        """Pad first, then the order of `sovits_lab.text.espeak.SYMBOLS`."""
        from sovits_lab.text.espeak import SYMBOLS

        return table_of(tuple(SYMBOLS), "espeak")

    def read(self, text: str, language: str | None = None) -> Reading:
        """Return the phones of an English text; one unit, because espeak does not say which word a phone came from.

        Numbers, signs and abbreviations become words by the rules of `EnglishFrontend` first.
        """
        from sovits_lab.text.espeak import phonemize

        check_text(text)
        check_language(language, self.languages)
        whole = tidied(Traced.of(text))
        readings = [self._words.spoken(whole[start:end]) for start, end in bounded(whole.text, 0, len(whole))]
        words = tuple(unit for one in readings for unit in one.units)
        skipped = account(text, words, (*(skip for one in readings for skip in one.skipped), *whole.dropped))
        normalised = " ".join(one.normalised for one in readings)
        if not any(letter.isalnum() for letter in normalised):
            return Reading(text, "en", normalised, (), skipped, foreign_notes(text, skipped))
        units = (Unit(normalised, tuple(phonemize(normalised)), Span(0, len(text)), "en"),)
        return Reading(text, "en", normalised, units, skipped, foreign_notes(text, skipped))


FRONTENDS: dict[str, Callable[[], Frontend]] = {
    "english": EnglishFrontend,
    "espeak": EspeakFrontend,
    "multilingual": MultilingualFrontend,
    "released_v1": lambda: ReleasedFrontend("v1"),
    "released_v2": lambda: ReleasedFrontend("v2"),
}


def load_frontend(name: str) -> Frontend:
    """Return the front end that a bundle names; `conf/frontend/NAME.yaml` is the same for experiments."""
    if name not in FRONTENDS:
        raise got("front end", name, f"one of {', '.join(FRONTENDS)}")
    return FRONTENDS[name]()
