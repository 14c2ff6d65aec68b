"""English: normalise, cut into words, look each word up or work it out."""

from __future__ import annotations

import re

from sovits_lab.text.english.normalise import normalise
from sovits_lab.text.english.pronounce import Pronouncer
from sovits_lab.text.language import Heard
from sovits_lab.text.reading import Unit
from sovits_lab.text.traced import Traced

_TOKEN = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*'?|[,.?!…-]")


class English:
    """ARPAbet with stress; one unit a word, one a pause mark."""

    code = "en"

    def __init__(self) -> None:
        self._pronouncer = Pronouncer()

    def hear(self, piece: Traced) -> Heard:
        """Words and pause marks of a piece of English text."""
        text = normalise(piece)
        matches = [*_TOKEN.finditer(text.text)]
        words = [match[0] for match in matches]
        units = []
        for match, phones in zip(matches, self._pronouncer(words), strict=True):
            span = text.span(*match.span())
            units.append(Unit(match[0], phones, span, self.code))
        return Heard(text.text, tuple(units), text.dropped)
