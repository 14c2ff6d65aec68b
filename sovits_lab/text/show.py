"""A reading as rows of a table: one stretch of one language a row."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from sovits_lab.text.reading import Reading
from sovits_lab.text.symbols import SymbolTable

Row = tuple[str, str, str, str, str]


def rows(reading: Reading, symbols: SymbolTable) -> Iterator[Row]:
    """Yield input, language, normalised text, phones and ids of each stretch of one language up to a pause mark."""
    stretch = 0

    def number(unit: object) -> tuple[str, int]:
        nonlocal stretch
        language, text = unit.language, unit.text  # type: ignore[attr-defined]
        key = (language, stretch)
        if text in ".!?…":
            stretch += 1
        return key

    for (language, _), group in groupby(reading.units, key=number):
        units = list(group)
        start, end = min(unit.span.start for unit in units), max(unit.span.end for unit in units)
        phones = [phone for unit in units for phone in unit.phones]
        ids = " ".join(str(number) for number in symbols.ids(phones))
        gap = " " if language == "en" else ""
        yield reading.text[start:end], language, gap.join(unit.text for unit in units), " ".join(phones), ids
