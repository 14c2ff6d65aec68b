"""What a front end found in a text: phones, and for every phone the characters it came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

ASIDE = "markup or a face made of signs"
"""Why letters that nobody would say are silent: the D of :D, the address behind a link."""
SILENT = frozenset({"!", "?", "…", ",", ".", "-", "_", "SP", "SP2", "SP3", "空", "停", "[", "]", "UNK"})


class Span(NamedTuple):
    """Characters `start` to `end` (not included) of the input text."""

    start: int
    end: int


class Unit(NamedTuple):
    """One character (zh, yue, ko) or word (en, ja) of the normalised text with its phones.

    A pause mark is a unit of its own whose only phone is the mark.
    """

    text: str
    phones: tuple[str, ...]
    span: Span
    language: str


class Skip(NamedTuple):
    """Input characters that give no phone, and why."""

    span: Span
    reason: str


@dataclass(frozen=True)
class Reading:
    """A text as it will be spoken.

    Attributes:
        text: the input, unchanged.
        language: the language asked for, or the languages found joined by "+".
        normalised: numbers, units and abbreviations as words.
        units: in the order of speech; their phones joined are `phones`.
        skipped: every input character that no unit covers, with the reason.
        notes: what a user should know of this reading (a fallback, a guess).
    """

    text: str
    language: str
    normalised: str
    units: tuple[Unit, ...]
    skipped: tuple[Skip, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def phones(self) -> tuple[str, ...]:
        """All phones in order, length P."""
        return tuple(phone for unit in self.units for phone in unit.phones)

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """For each of the P phones the input characters it came from."""
        return tuple(unit.span for unit in self.units for _ in unit.phones)

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """Phones per unit; sums to P."""
        return tuple(len(unit.phones) for unit in self.units)

    @cached_property
    def unread(self) -> str:
        """Letters and digits that no phone stands for, but should."""
        return "".join(
            letter
            for skip in self.skipped
            if skip.reason != ASIDE
            for letter in self.text[skip.span.start : skip.span.end]
            if letter.isalnum()
        )

    @cached_property
    def is_silent(self) -> bool:
        """True when nothing but pauses, or nothing at all, would be spoken."""
        return all(phone in SILENT for phone in self.phones)


def join(readings: Sequence[Reading], text: str, language: str, notes: Sequence[str] = ()) -> Reading:
    """Join into one reading of `text` the readings whose spans already count in `text`."""
    return Reading(
        text=text,
        language=language,
        normalised="".join(reading.normalised for reading in readings),
        units=tuple(unit for reading in readings for unit in reading.units),
        skipped=tuple(skip for reading in readings for skip in reading.skipped),
        notes=tuple(dict.fromkeys([*(note for reading in readings for note in reading.notes), *notes])),
    )
