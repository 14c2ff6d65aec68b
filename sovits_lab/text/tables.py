"""Reading the small data files of the text package."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import NamedTuple


def text_of(name: str) -> str:
    """Return the content of one data file."""
    return (resources.files("sovits_lab.text") / "data" / name).read_text("utf-8")


@cache
def words(name: str) -> frozenset[str]:
    """Return the words of a file, separated by white space."""
    return frozenset(text_of(name).split())


def pairs(name: str) -> dict[str, str]:
    """Read pairs `key TAB value`, one a line, in the order of the file."""
    return dict(line.split("\t", 1) for line in text_of(name).splitlines())


class PlacedRow(NamedTuple):
    """What is read for a key where patterns fit the text before and after it; "" fits everywhere."""

    key: str
    reading: str
    before: str
    after: str


def placed_rows(name: str) -> list[PlacedRow]:
    """Read rows `key TAB reading [TAB before [TAB after]]`, in the order of the file.

    A line whose key begins with `@` names a pattern, which stands in the patterns of the rows after it.
    """
    named: dict[str, str] = {}
    rows = []
    for line in text_of(name).splitlines():
        key, reading, *patterns = line.split("\t")
        if key.startswith("@"):
            named[key] = reading
            continue
        for short, pattern in named.items():
            patterns = [one.replace(short, pattern) for one in patterns]
        before, after = [*patterns, "", ""][:2]
        rows.append(PlacedRow(key, reading, before, after))
    return rows


def names(text: str) -> tuple[str, ...]:
    """Return a written list of names, separated by white space."""
    return tuple(text.split())


def any_of(texts: Iterable[str]) -> str:
    """Return a pattern for any of the texts, the longest first."""
    return "(?:" + "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True)) + ")"
