"""Error rates of what was heard against what was to be said, by jiwer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jiwer

from sovits_lab.types import got

CATASTROPHIC = 0.5  # an error rate above it is no longer a matter of degree


class ErrorCounts(NamedTuple):
    """Edit operations of one item; `rate` is errors over reference length and may exceed 1."""

    substitutions: int
    deletions: int
    insertions: int
    reference: int

    @property
    def total(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        return self.total / self.reference


def count_errors(reference: Sequence[str], hypothesis: Sequence[str]) -> ErrorCounts:
    """Count the edit operations between two sequences of words, characters or phones.

    Raises:
        InputError: the reference is empty: a rate over nothing is no number.
    """
    if not reference:
        raise got("reference", list(reference), "at least one symbol")
    result = jiwer.process_words([_words(reference)], [_words(hypothesis)]) if hypothesis else None
    if result is None:
        return ErrorCounts(0, len(reference), 0, len(reference))
    return ErrorCounts(result.substitutions, result.deletions, result.insertions, len(reference))


def worst_errors(reference: Sequence[str]) -> ErrorCounts:
    """Return what a missing output is scored as: every symbol deleted."""
    return ErrorCounts(0, len(reference), 0, len(reference))


def _words(symbols: Sequence[str]) -> str:
    return " ".join(symbol.replace(" ", "_") for symbol in symbols)
