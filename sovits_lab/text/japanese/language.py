"""Japanese by Open JTalk (pyopenjtalk-plus): words, readings, numbers and accent; one unit a word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sovits_lab.text.japanese.accent import PAUSE as SILENCE
from sovits_lab.text.japanese.accent import Mora, moras
from sovits_lab.text.japanese.engine import OriginalEngine
from sovits_lab.text.japanese.phrasing import Feature, original, repair, voiced
from sovits_lab.text.japanese.rules import PAUSE, WORD_CHARS, normalise
from sovits_lab.text.language import LanguageReading
from sovits_lab.text.packages import require
from sovits_lab.text.reading import Skip, Unit
from sovits_lab.text.symbols import load_symbols
from sovits_lab.text.traced import Rule, Traced, rule

_RELEASED_SEGMENT = re.compile(
    r"[A-Za-z\d\u3005\u3040-\u30ff\u4e00-\u9fff\uff11-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uff9d]+|."
)
_MARKS = {"：": ",", "；": ",", "，": ",", "。": ".", "！": "!", "？": "?", "\n": ".", "·": ",", "、": ",", "...": "…"}
_RELEASED: tuple[Rule, ...] = (
    rule(rf"(?<=[{PAUSE}])[{PAUSE}]+", "", "repeated punctuation"),
    rule("％", "パーセント"),
)
_NUMERAL = re.compile("[〇零一二三四五六七八九十百千万億兆０-９．]+")
_SEGMENT = re.compile(rf"(?:[^{PAUSE}]|(?<=[0-9])\.(?=[0-9]))+|[{PAUSE}]")


class _Word(NamedTuple):
    """A word as Open JTalk writes it, and how many moras it has."""

    text: str
    moras: int


def _wide(text: str) -> str:
    """Open JTalk writes ASCII in full width."""
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


def _places(words: Sequence[_Word], text: str) -> Iterator[tuple[int, int]]:
    """For each word its characters in `text`, none left between two words.

    Open JTalk writes numbers and half-width letters anew, so words are looked for in order; those that cannot be found,
    and all number words, share the stretch between their neighbours.
    """
    wide, at, unseen = _wide(text), 0, 0  # `unseen`: letters of words that were not found since `at`
    starts: list[int] = []
    for word in words:
        numeral = _NUMERAL.fullmatch(word.text)
        where = -1 if numeral else wide.find(word.text, at + unseen)
        if where < 0 and not numeral:
            where = wide.find(word.text, at)
        starts.append(where)
        at = where + len(word.text) if where >= 0 else at
        unseen = 0 if where >= 0 else unseen + (0 if numeral else len(word.text))
    end = 0
    for place, (word, start) in enumerate(zip(words, starts, strict=True)):
        following = next((other for other in starts[place + 1 :] if other >= 0), len(text))
        if start >= 0:
            last = place + 1 == len(words) and any(char.isalnum() for char in text[start + len(word.text) :])
            yield end, len(text) if last else start + len(word.text)
            end = start + len(word.text)
            continue
        yield (end, following) if end < following else (max(0, end - 1), max(1, end))
        if place + 1 < len(starts) and starts[place + 1] >= 0:
            end = following


class Japanese:
    """Phones with pitch marks; "#" between accent phrases.

    Args:
        released: True reads as the released models' front end: original Open JTalk, text cut at every mark.
        dictionary: folder of Open JTalk's own dictionary, for readings equal to those of the released models; None
            takes the newer one of pyopenjtalk-plus with the phrases of the original. Only with `released`.
    """

    code = "ja"

    def __init__(self, released: bool = False, dictionary: str | Path | None = None) -> None:
        self.engine = OriginalEngine(Path(dictionary)) if dictionary is not None else None
        self.segment = _RELEASED_SEGMENT if released else _SEGMENT
        self.vanilla = released

    def read_piece(self, piece: Traced) -> LanguageReading:
        """Read the words and pause marks of a piece of Japanese text."""
        text = piece.apply(_RELEASED) if self.vanilla else normalise(piece)
        units, unread = list[Unit](), list[Skip](text.dropped)
        for match in self.segment.finditer(text.text):
            part = text[match.start() : match.end()]
            if len(match[0]) == 1 and not re.match(f"[{WORD_CHARS}]", match[0]):
                if not match[0].isspace() or match[0] == "\n":
                    units.append(Unit(match[0], (_MARKS.get(match[0], match[0]),), part.span(0, 1), self.code))
            elif match[0].strip():
                units += self._words(part)
        return LanguageReading(text.text, tuple(units), tuple(unread))

    def _features(self, jtalk: Any, text: str) -> list[Feature]:
        if not self.vanilla:
            return repair(voiced(jtalk.run_frontend(text), jtalk.run_frontend))

        if self.engine is not None:
            return self.engine(text.lower())

        def run(words: str) -> list[Feature]:
            return list(jtalk.run_frontend(words, use_vanilla=True))

        return original(run(text.lower()), run)

    def _words(self, part: Traced) -> list[Unit]:
        jtalk: Any = require("pyopenjtalk", "ja")
        features = self._features(jtalk, part.text)
        words = [_Word(feature["string"], int(feature["mora_size"])) for feature in features]
        spoken = moras(jtalk.make_label(features)) if any(word.moras for word in words) else []
        units, at = list[Unit](), 0
        for word, place in zip(
            words, _places(words, part.text if not self.vanilla else part.text.lower()), strict=True
        ):
            taken, at = _take(spoken, at, word.moras)
            phones = tuple(phone for mora in taken for phone in (*_known(mora.phones), *mora.marks))
            if phones:
                units.append(Unit(word.text, phones, part.span(*place), self.code))
        rest = tuple(phone for mora in spoken[at:] for phone in (*_known(mora.phones), *mora.marks))
        if rest and units:
            units[-1] = units[-1]._replace(phones=(*units[-1].phones, *rest))
        elif rest:
            units.append(Unit(part.text, rest, part.span(0, len(part)), self.code))
        return units


def _known(phones: Sequence[str]) -> Iterator[str]:
    """Phones of the released tables; a sound of foreign words that they lack (kw) in the two that make it."""
    table = load_symbols("v2")
    for phone in phones:
        if phone in table or len(phone) < 2:
            yield phone
        else:
            yield from phone


def _take(spoken: Sequence[Mora], at: int, count: int) -> tuple[Sequence[Mora], int]:
    """`count` moras from place `at`, with the pause before them."""
    end = at
    if end < len(spoken) and spoken[end].phones == (SILENCE,):
        end += 1
    seen = 0
    while end < len(spoken) and seen < count and spoken[end].phones != (SILENCE,):
        seen += 1
        end += 1
    return spoken[at:end], end
