"""Cantonese by ToJyutping; two phones a syllable, one unit a character."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from sovits_lab.text.cantonese import rules
from sovits_lab.text.checks import UNKNOWN
from sovits_lab.text.language import Language, LanguageReading
from sovits_lab.text.mandarin import released_rules
from sovits_lab.text.mandarin.uses import use
from sovits_lab.text.packages import require
from sovits_lab.text.reading import Skip, Unit
from sovits_lab.text.tables import names
from sovits_lab.text.traced import Rule, Traced, rule

PAUSE = "!?…,.-"
# The order is that of the released models' front end, where the first that fits is taken: "aai" is aa + i.
_INITIALS = names(
    "aa ai au ap at ak a p b e ts t dz d kw k gw g f h l m ng n s y w c z j ong on ou oi ok o uk ung"
)  # fmt: skip
# Finals of colloquial words that the table has no symbol for, and the nearest one that it has.
_NEAREST = {"em": "im", "en": "in", "ep": "ip", "et": "it", "eu": "iu", "oen": "eon", "oet": "eot"}
_LACKING = re.compile(rf"(?<=[a-z])({'|'.join(_NEAREST)})(?=[1-6])")
_SYLLABLE = re.compile("([a-z]+)([1-6])")
_MARKS = dict(zip("：；，。！？\n·、$", ",,,.!?.,,.", strict=True)) | {"...": "…", "—": "-", "～": "-", "~": "-"}
_RELEASED: tuple[Rule, ...] = (
    rule("|".join(re.escape(mark) for mark in sorted(_MARKS, key=len, reverse=True)), lambda m: _MARKS[m[0]]),
    rule(rf"[^\u4e00-\u9fa5{PAUSE}]+", ""),
)
_SEGMENT = re.compile(rf"[A-Za-z']+|[{PAUSE}]|[^A-Za-z'{PAUSE}]+")


@lru_cache(maxsize=10_000)
def phones(jyutping: str) -> tuple[str, ...]:
    """Turn "gwong2" into ("Ygw", "Yong2"); several syllables give the phones of each, what is no jyutping nothing."""
    found: list[str] = []
    for letters, tone in _SYLLABLE.findall(jyutping):
        if letters.startswith("nga"):
            initial, final = "ng", letters[2:]
        else:
            initial = next((start for start in _INITIALS if letters.startswith(start)), "")
            final = letters[len(initial) :] or initial[-1:]
        if not initial:
            return ()
        found += [f"Y{initial}", f"Y{final}{tone}"]
    return tuple(found)


def released_normalise(text: Traced) -> Traced:
    """Write numbers as the released models' Mandarin rules say them, then this language's own marks."""
    return released_rules.spoken(text).apply(_RELEASED)


class Cantonese:
    """Readings by ToJyutping, which is given the text as it was written, with numbers in words.

    Args:
        normalise: leaves Han characters, pause marks and Latin letters.
        foreign: reads Latin letters; None drops them.
    """

    code = "yue"

    def __init__(
        self, normalise: Callable[[Traced], Traced] = rules.normalise, foreign: Language | None = None
    ) -> None:
        self.normalise, self.foreign = normalise, foreign

    def read_piece(self, piece: Traced) -> LanguageReading:
        """Read the characters and pause marks of a piece of Cantonese text."""
        text = self.normalise(piece)
        units, unread = list[Unit](), list[Skip](text.dropped)
        for match in _SEGMENT.finditer(text.text):
            part = text[match.start() : match.end()]
            if match[0] in PAUSE:
                units.append(Unit(match[0], (match[0],), part.span(0, 1), self.code))
            elif match[0][0].isascii() and self.foreign is not None:
                other = self.foreign.read_piece(part)
                units += other.units
                unread += other.skipped
            else:
                for unit in self._characters(part):
                    if unit.phones:
                        units.append(unit)
                    else:
                        unread.append(Skip(unit.span, UNKNOWN))
        return LanguageReading(text.text, tuple(units), tuple(unread))

    def _characters(self, part: Traced) -> list[Unit]:
        jyutping: Any = require("ToJyutping", "yue")
        units, place = list[Unit](), 0
        for char, reading in jyutping.get_jyutping_list(part.text):
            span = part.span(place, place + len(char))
            place += len(char)
            spoken = self.reading(part.text, place - 1) or reading or ""
            units.append(Unit(char, phones(self.nearest_symbols(spoken)), span, self.code))
        return units

    def nearest_symbols(self, jyutping: str) -> str:
        """Return a reading with the finals that no symbol stands for (deu6) as their nearest neighbours (diu6)."""
        return _LACKING.sub(lambda m: _NEAREST[m[1]], jyutping)

    def reading(self, text: str, place: int) -> str | None:
        """Return the reading of a character that what stands beside it decides; None leaves it to the dictionary."""
        return use(text, place, "yue_uses.tsv")


class ReleasedCantonese(Cantonese):
    """Cantonese as the released GPT-SoVITS models were trained with."""

    def __init__(self) -> None:
        super().__init__(released_normalise)

    def reading(self, text: str, place: int) -> str | None:
        """Leave everything to the dictionary."""
        return None

    def nearest_symbols(self, jyutping: str) -> str:
        """Leave the reading as it is: those models were trained with an unknown symbol there."""
        return jyutping
