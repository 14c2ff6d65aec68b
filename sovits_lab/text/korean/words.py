"""Korean words whose spelling does not tell their sound: where they are tensed, take an ㄴ or do not link.

`ko_words.txt` holds words of the Standard Korean Language Dictionary whose pronunciation differs from the rules of
letters, `ko_words_ours.txt` common words that it lacks or that need another choice; both write a joint between two
syllables with the signs of `pronounce`: 인+기, 색~연필, 겉/옷. A word without a sign follows the rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from sovits_lab.text.korean.pronounce import JOINTS
from sovits_lab.text.tables import text_of

Joints = Mapping[int, str]


def _parse(written: str) -> tuple[str, dict[int, str]]:
    word, joints = "", dict[int, str]()
    for char in written:
        if char in JOINTS:
            joints[len(word) - 1] = char
        else:
            word += char
    return word, joints


@cache
def _words() -> Mapping[str, Joints]:
    written = (*text_of("ko_words.txt").split(), *text_of("ko_words_ours.txt").split())
    return dict(map(_parse, written))


def joints_of(word: str) -> Joints | None:
    """Return the joints of a word by the place of the syllable before each; None for a word that no list holds."""
    return _words().get(word)


@cache
def longest() -> int:
    """Return the number of syllables of the longest word."""
    return max(map(len, _words()))
