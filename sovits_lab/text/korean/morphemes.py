"""Morphemes of Korean text by Kiwi (kiwipiepy, the `ko` extra), whose model comes with the package."""

from __future__ import annotations

import threading
from functools import cache
from importlib.util import find_spec
from typing import Any, NamedTuple

from sovits_lab.text.packages import require

_LOCK = threading.Lock()


class Morpheme(NamedTuple):
    """One morpheme: its form (a contracted ending in its full letters), Kiwi's tag, and its place in the text."""

    form: str
    tag: str
    start: int
    end: int


def available() -> bool:
    """Return True when Kiwi is installed."""
    return find_spec("kiwipiepy") is not None


@cache
def _kiwi() -> Any:
    return require("kiwipiepy", "ko").Kiwi(num_workers=1)


def analyse(text: str) -> list[Morpheme]:
    """Return the morphemes of a text in order; those of a contraction (할: 하 and ㄹ) share a syllable.

    A morpheme that is not written (the 하 of 먹으래) may stand behind the last letter; it is left out.
    """
    with _LOCK:  # loading twice would hold two models
        kiwi = _kiwi()
    tokens = kiwi.tokenize(text)
    return [
        Morpheme(token.form, str(token.tag), token.start, token.start + token.len)
        for token in tokens
        if token.start < len(text)
    ]
