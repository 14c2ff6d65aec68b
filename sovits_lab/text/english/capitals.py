"""Words in capitals: letters (FBI), words (NASA, PIN), plurals of both (CEOs), or emphasis (turn it OFF)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sovits_lab.text.tables import words

LONGEST_SPELLED = 3
_SPEAKABLE = re.compile("[^aeiou]?[aeiou](?:[^aeiou][aeiou])+[^aeiou]?")
_LONG_SPEAKABLE = re.compile("(?:[^aeiou]{0,2}[aeiouy])+[^aeiou]{0,2}")
# What no English word begins with (FXAIX) or has inside.
_UNSPEAKABLE = re.compile("^(?:[^aeiou]x|[fkpbdgt][bdfgkpt]|x[^aeiouy])|q(?!u)")
_PLURAL = re.compile("[A-Z]{2,}s")
_RUN = 3  # so many words in capitals, one after the other, are shouted


def is_plural(word: str) -> bool:
    """Return True for CEOs, DVDs, PINs."""
    return bool(_PLURAL.fullmatch(word))


def is_emphasised(word: str) -> bool:
    """Return True for a common word of at most three letters, which is said as a word even in capitals."""
    return word in words("en_emphasised.txt")


def is_spelled(word: str, known: bool) -> bool:
    """Return True for an acronym (in lower case) whose letters are said one by one.

    Args:
        word: the acronym.
        known: the dictionary has it as a word.
    """
    if word in words("en_spelled.txt"):
        return True
    if is_emphasised(word):
        return False
    if len(word) <= LONGEST_SPELLED:
        return True
    if not known and _UNSPEAKABLE.search(word):
        return True
    return not (known or (_SPEAKABLE if len(word) == LONGEST_SPELLED + 1 else _LONG_SPEAKABLE).fullmatch(word))


def shouted(tokens: Sequence[str], known: Sequence[bool]) -> list[bool]:
    """Tell for each token whether it stands in a run of three or more words in capitals, most of which are words.

    Args:
        tokens: words and marks.
        known: for each whether it is a common word or a long one of the dictionary.
    """
    result = [False] * len(tokens)
    start = 0
    while start < len(tokens):
        end = start
        while end < len(tokens) and (tokens[end].isupper() or not tokens[end][0].isalpha()):
            end += 1
        run = [place for place in range(start, end) if tokens[place][0].isalpha()]
        long = [place for place in run if len(tokens[place]) > 1 or tokens[place] in "IA"]
        if len(long) >= _RUN and len(long) == len(run) and 2 * sum(known[place] for place in long) > len(long):
            for place in run:
                result[place] = True
        start = max(end, start + 1)
    return result
