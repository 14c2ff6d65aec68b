"""Different sentences from frames, their words dealt from shuffled decks so that rare words do not stay rare."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from sovits_lab.types import got


def first_different(count: int, drawn: Iterator[str], most: int) -> list[str]:
    """Return the first `count` different sentences.

    Raises:
        InputError: more than `most` are asked for.
    """
    if count > most:
        raise got("number of sentences", count, f"at most {most}")
    found: dict[str, None] = {}
    while len(found) < count:
        found.setdefault(next(drawn))
    return list(found)


def filled_frames(
    frames: Sequence[str], words: Mapping[str, Sequence[str]], generator: np.random.Generator
) -> Iterator[str]:
    """Yield frames in turn, without an end, each `{kind}` and `{kind2}` filled with a word of that kind."""
    decks: dict[str, list[str]] = {}

    def deal(match: re.Match[str]) -> str:
        kind = match.group(1).rstrip("2")
        if not decks.get(kind):
            decks[kind] = [words[kind][int(index)] for index in generator.permutation(len(words[kind]))]
        return decks[kind].pop()

    while True:
        for index in generator.permutation(len(frames)):
            yield re.sub(r"\{(\w+)\}", deal, frames[int(index)])


def word_decks(words: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Split the words of each kind: at spaces, or at bars where the kind's name ends in one."""
    return {kind.rstrip("|"): tuple(text.split("|" if kind.endswith("|") else None)) for kind, text in words.items()}
