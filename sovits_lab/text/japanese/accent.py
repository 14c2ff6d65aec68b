"""Open JTalk's labels as phones with marks for the pitch: "[" rise, "]" fall, "#" border of two accent phrases.

After Kurihara et al., "Prosodic features control by symbols as input of sequence-to-sequence acoustic modeling for
neural TTS" (2021), https://doi.org/10.1587/transinf.2020EDP7104.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

RISE, FALL, BORDER, PAUSE = "[", "]", "#", "_"
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
    """Return the fields of a full-context label that pitch needs; -50 where it has none."""
    # p1^p2-p3+p4=p5/A:a1+a2+a3/B:.../F:f1_...
    phones, found, rest = label.partition("/A:")
    if not found:
        raise ValueError(f"no Open JTalk label: {label!r}")
    from_accent, from_start, to_end = rest.partition("/B:")[0].split("+")
    moras_in_phrase = rest.partition("/F:")[2].partition("_")[0]
    return Label(
        phones[phones.index("-") + 1 : phones.index("+")],
        _number(from_accent),
        _number(from_start),
        _number(to_end),
        _number(moras_in_phrase),
    )


def _number(field: str) -> int:
    return -50 if field == "xx" else int(field)


def _mark(label: Label, following: Label) -> tuple[str, ...]:
    if label.to_end == 1 and following.from_start == 1 and label.phone in _ENDS_MORA:
        return (BORDER,)
    if label.from_accent == 0 and following.from_start == label.from_start + 1 and label.from_start != label.moras:
        return (FALL,)
    if label.from_start == 1 and following.from_start == 2:
        return (RISE,)
    return ()


def moras(labels: Sequence[str]) -> list[Mora]:
    """Return the moras of an utterance with their pitch marks; devoiced vowels are written as voiced ones."""
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
