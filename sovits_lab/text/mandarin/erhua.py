"""Erhua: a merged 儿 takes the tone of the syllable it colours; exceptions are listed."""

from __future__ import annotations

from sovits_lab.text.tables import words

_NEVER_TAGS = frozenset({"a", "j", "nr"})


def colour(word: str, tag: str, finals: list[str]) -> list[str]:
    """Write a last 儿 as "er" with the tone before it; a 儿 that is a word of its own keeps second tone."""
    if word[-1] != "儿" or len(finals) != len(word):
        return finals
    if finals[-1] == "er1":
        finals = [*finals[:-1], "er2"]
    never = words("erhua_never.txt")
    if word not in words("erhua_always.txt") and (word in never or tag in _NEVER_TAGS):
        return finals
    if len(finals) > 1 and finals[-1] in ("er2", "er5") and word[-2:] not in never:
        return [*finals[:-1], "er" + finals[-2][-1]]
    return finals
