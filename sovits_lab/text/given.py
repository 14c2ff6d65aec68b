"""Phones given by hand: from markup or from a user's lexicon. What is written there is what is spoken."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from sovits_lab.files import MIB, lines_of, read_text
from sovits_lab.text.cantonese.language import phones as jyutping_phones
from sovits_lab.text.language import LANGUAGES
from sovits_lab.text.mandarin import syllables
from sovits_lab.text.mandarin.polyphones import split_pinyin
from sovits_lab.text.reading import Reading, Span, Unit
from sovits_lab.text.symbols import SymbolTable
from sovits_lab.types import InputError, got

MOST_LEXICON = 64 * MIB
_SYLLABLE = re.compile("[a-zü:]+[1-6]")


class Given(NamedTuple):
    """These characters of the input are spoken with these phones."""

    span: Span
    language: str
    phones: tuple[str, ...]


class LexiconEntry(NamedTuple):
    """One word of a user's lexicon."""

    word: str
    language: str
    phones: tuple[str, ...]


def phones_by_hand(language: str, written: str, table: SymbolTable) -> tuple[str, ...]:
    """Read phones from what a person writes: pinyin (xing2), jyutping (hong4), or the table's own names, by spaces.

    Raises:
        InputError: names the part that is neither a syllable of the language nor a phone of the table; another
            language.
    """
    if language not in LANGUAGES:
        raise got("language of phones", language, f"one of {', '.join(LANGUAGES)}")
    phones: list[str] = []
    for part in written.split():
        if part in table:
            phones.append(part)
            continue
        found: tuple[str, ...] | None = None
        if _SYLLABLE.fullmatch(part):
            if language == "zh":
                found = syllables.phones(*split_pinyin(part.replace("u:", "v").replace("ü", "v")))
            elif language == "yue":
                found = jyutping_phones(part)
        if found and (lacking := [phone for phone in found if phone not in table]):
            read = f"{part} ({' '.join(found)})"
            raise got(f"phones for {language}", read, f"names of table {table.name}, which has no {lacking[0]}")
        if not found:
            expected = {"zh": "pinyin with its tone (xing2)", "yue": "jyutping with its tone (hong4)"}.get(
                language, "phones"
            )
            raise got(f"phones for {language}", part, f"{expected} or names of table {table.name}")
        phones += found
    if not phones:
        raise got(f"phones for {language}", written, "at least one")
    return tuple(phones)


def read_lexicon(path: Path, table: SymbolTable) -> tuple[LexiconEntry, ...]:
    """Return a user's lexicon: `word TAB language TAB phones` a line; # starts a comment.

    Raises:
        InputError: names the line that is wrong.
    """
    if not path.is_file():
        raise got("lexicon", path, "a text file: word TAB language TAB phones")
    entries = []
    for number, line in enumerate(lines_of(read_text(path, "lexicon", MOST_LEXICON)), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) != 3 or not fields[0].strip():
            raise got(f"lexicon {path.name} line {number}", line, "word TAB language TAB phones")
        word, language, written = (field.strip() for field in fields)
        try:
            entries.append(LexiconEntry(word, language, phones_by_hand(language, written, table)))
        except InputError as error:
            raise InputError(f"lexicon {path.name} line {number}: {error}") from None
    return tuple(sorted(entries, key=lambda entry: -len(entry.word)))


def find_entries(text: str, entries: Sequence[LexiconEntry], taken: Sequence[Given] = ()) -> list[Given]:
    """Return where the words of a lexicon stand in a text, the longest word first; never inside what is `taken`."""
    found = list(taken)
    covered = bytearray(len(text))
    for one in found:
        covered[one.span.start : one.span.end] = b"\x01" * (one.span.end - one.span.start)
    for entry in entries:
        whole_word = entry.word.isascii() and entry.word[0].isalnum()
        pattern = re.escape(entry.word)
        bounded = rf"(?<![A-Za-z0-9]){pattern}(?![A-Za-z0-9])" if whole_word else pattern
        for match in re.finditer(bounded, text, re.IGNORECASE if whole_word else 0):
            start, end = match.span()
            if not any(covered[start:end]):
                covered[start:end] = b"\x01" * (end - start)
                found.append(Given(Span(start, end), entry.language, entry.phones))
    return sorted(found)


class _Order:
    """The units of a reading, which stand in the order of the text, for finding those under a span."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self.starts = [unit.span.start for unit in units]
        self.ends = list(accumulate((unit.span.end for unit in units), max))

    def under(self, span: Span) -> range:
        """The places of the units that share a character with a span; empty at the place where one would stand."""
        first = bisect_right(self.ends, span.start)
        return range(first, max(first, bisect_left(self.starts, span.end)))


def obey(reading: Reading, given: Sequence[Given]) -> Reading:
    """Return the reading with the units of each given span replaced by one unit of the given phones."""
    order, at = _Order(reading.units), 0
    units: list[Unit] = []
    for one in sorted(given):
        places = order.under(one.span)
        units += reading.units[at : places.start]
        units.append(Unit(reading.text[one.span.start : one.span.end], one.phones, one.span, one.language))
        at = max(at, places.stop)
    units += reading.units[at:]
    return Reading(reading.text, reading.language, reading.normalised, tuple(units), reading.skipped, reading.notes)


def splits_a_unit(reading: Reading, given: Sequence[Given]) -> bool:
    """Return True when a given span covers only a part of some unit."""
    order = _Order(reading.units)
    return any(
        not (one.span.start <= unit.span.start and unit.span.end <= one.span.end)
        for one in given
        for unit in (reading.units[place] for place in order.under(one.span))
        if unit.span.start < one.span.end and one.span.start < unit.span.end
    )
