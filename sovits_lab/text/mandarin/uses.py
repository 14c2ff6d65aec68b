"""Readings of a character that stands alone, from what stands beside it.

A table holds a character or word, a reading, and patterns for the text before and after it. The first row that fits
decides; a row without patterns is how the character is read otherwise. `@` names a pattern that rows share.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from sovits_lab.text.tables import placed_rows

_REACH = 10


class _Use(NamedTuple):
    reading: str
    before: re.Pattern[str] | None
    after: re.Pattern[str] | None

    def fits(self, before: str, after: str) -> bool:
        return (self.before is None or self.before.search(before) is not None) and (
            self.after is None or self.after.match(after) is not None
        )


@cache
def _uses(table: str) -> dict[str, list[_Use]]:
    uses: dict[str, list[_Use]] = {}
    for key, reading, before, after in placed_rows(table):
        row = _Use(reading, re.compile(f"(?:{before})$") if before else None, re.compile(after) if after else None)
        uses.setdefault(key, []).append(row)
    return uses


def use(text: str, place: int, table: str = "zh_uses.tsv", word: str = "") -> str | None:
    """Return the reading of the character (or `word`) at `place` of a clause; None without a row that fits."""
    key = word or text[place]
    rows = _uses(table).get(key)
    if rows is None:
        return None
    end = place + len(key)
    before, after = text[max(0, place - _REACH) : place], text[end : end + _REACH]
    return next((one.reading for one in rows if one.fits(before, after)), None)
