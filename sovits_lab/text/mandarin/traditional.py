"""Readings that traditional characters decide and the simplified ones, in which several fell together, do not."""

from __future__ import annotations

from functools import cache

from sovits_lab.text.tables import pairs


@cache
def _readings() -> dict[str, str]:
    return pairs("zh_traditional.tsv")


def reading(char: str, written: str, found: str) -> str:
    """Return the reading of a simplified character, given what was written and what was found for it.

    A neutral tone of the same syllable stays (頭髮).
    """
    decided = _readings().get(written) if written != char else None
    return found if decided is None or (found[-1] == "5" and found[:-1] == decided[:-1]) else decided
