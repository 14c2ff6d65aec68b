"""Open JTalk's labels as phones with marks for the pitch: "[" rise, "]" fall, "#" border of two accent phrases.

After Kurihara et al., "Prosodic features control by symbols as input of sequence-to-sequence acoustic modeling for
neural TTS" (2021), https://doi.org/10.1587/transinf.2020EDP7104.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

RISE, FALL, BORDER, PAUSE = "[", "]", "#", "_"
_FIELDS = re.compile(r"-(?P<phone>.+?)\+.*?/A:(?P<a1>-?\d+|xx)\+(?P<a2>\d+|xx)\+(?P<a3>\d+|xx)/.*?/F:(?P<f1>\d+|xx)_")
_ENDS_MORA = frozenset("aeiouAEIOUN") | {"cl"}


class Label(NamedTuple):
    """One phone of a full-context label.

    Attributes:
        phone: its name, "pau" or "sil".
        from_accent: moras from the accent kernel (a1).
        from_start, to_end: place of its mora in the accent phrase, from 1, forward (a2) and backward (a3).
        moras: moras of the accent phrase (f1).
    """

    phone: str
    from_accent: int
    from_start: int
    to_end: int
    moras: int


class Mora(NamedTuple):
    """The phones of one mora and the pitch marks after it; a pause is a mora of its own."""

    phones: tuple[str, ...]
    marks: tuple[str, ...]


def parse(label: str) -> Label:
    """The fields of a full-context label that pitch needs; -50 where it has none."""
    match = _FIELDS.search(label)
    if match is None:
        raise ValueError(f"no Open JTalk label: {label!r}")
    numbers = (-50 if match[name] == "xx" else int(match[name]) for name in ("a1", "a2", "a3", "f1"))
    return Label(match["phone"], *numbers)


def _mark(label: Label, following: Label) -> tuple[str, ...]:
    if label.to_end == 1 and following.from_start == 1 and label.phone in _ENDS_MORA:
        return (BORDER,)
    if label.from_accent == 0 and following.from_start == label.from_start + 1 and label.from_start != label.moras:
        return (FALL,)
    if label.from_start == 1 and following.from_start == 2:
        return (RISE,)
    return ()


def moras(labels: Sequence[str]) -> list[Mora]:
    """Moras of an utterance with their pitch marks; devoiced vowels are written as voiced ones."""
    parsed = [parse(label) for label in labels]
    found: list[Mora] = []
    phones: list[str] = []
    for label, following in pairwise(parsed[1:]):
        if label.phone == "pau":
            found.append(Mora((PAUSE,), ()))
            continue
        phones.append(label.phone.lower() if label.phone in ("A", "E", "I", "O", "U") else label.phone)
        if label.phone in _ENDS_MORA:
            found.append(Mora(tuple(phones), _mark(label, following)))
            phones = []
    return found
