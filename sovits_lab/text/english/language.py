"""English: normalise, cut into words, look each word up or work it out."""

from __future__ import annotations

import re
from collections.abc import Callable

from sovits_lab.text.english import released_rules, rules, tags
from sovits_lab.text.english.accents import LETTERS
from sovits_lab.text.english.beside_chinese import Beside
from sovits_lab.text.english.pronounce import Pronouncer, ReleasedPronouncer, Tagger
from sovits_lab.text.language import LanguageReading
from sovits_lab.text.reading import Span, Unit
from sovits_lab.text.traced import Traced

_FEWEST = 4
_RELEASED_TOKEN = re.compile(
    r"[A-Za-z]+(?:[.-][A-Za-z]+)*\.(?:com|org|net|edu|gov|info|io|cn|jp|kr|uk|de|fr)\b"
    r"|[A-Za-z]+(?:['-][A-Za-z]+)*|[,.?!'-]"
)
_TOKEN = re.compile(rf"[A-Za-z{LETTERS}]+(?:['-][A-Za-z{LETTERS}]+)*|[,.?!…-]")


class English:
    """ARPAbet with stress; one unit a word, one a pause mark."""

    code = "en"

    def __init__(
        self,
        normalise: Callable[[Traced], Traced] = rules.normalise,
        tagger: Tagger = tags.tag,
        pronouncer: type[Pronouncer] = Pronouncer,
        token: re.Pattern[str] = _TOKEN,
    ) -> None:
        self.normalise, self.token = normalise, token
        self.pronouncer = pronouncer(tagger)

    def spoken(self, piece: Traced) -> LanguageReading:
        """Return words and pause marks as they are said, without phones, for a synthesiser that reads words itself."""
        text = self.normalise(piece)
        matches = [*self.token.finditer(text.text)]
        spoken, at = "", 0
        for match, written in zip(matches, self.pronouncer.written([match[0] for match in matches]), strict=True):
            spoken += text.text[at : match.start()] + written
            at = match.end()
        units = (Unit(match[0], (), text.span(*match.span()), self.code) for match in matches)
        return LanguageReading(spoken + text.text[at:], tuple(units), text.dropped)

    def read_piece(self, piece: Traced) -> LanguageReading:
        """Read the words and pause marks of a piece of English text."""
        return self._read(piece)

    def read_beside(self, piece: Traced, beside: Beside) -> LanguageReading:
        """Read a piece whose neighbours in another language may say whether a word is a verb or a noun."""
        return self._read(piece, beside)

    def _read(self, piece: Traced, beside: Beside | None = None) -> LanguageReading:
        text = self.normalise(piece)
        matches = [*self.token.finditer(text.text)]
        words = [match[0] for match in matches]
        units = []
        pronunciations = self.pronouncer(words if beside is None else beside.written(words), beside)
        for match, phones in zip(matches, pronunciations, strict=True):
            if phones:
                units.append(Unit(match[0], phones, text.span(*match.span()), self.code))
        return LanguageReading(text.text, tuple(units), text.dropped)


class ReleasedEnglish(English):
    """English as the released GPT-SoVITS models were trained with, wrong numbers included."""

    def __init__(self, tagger: Tagger = tags.tag) -> None:
        super().__init__(released_rules.normalise, tagger, ReleasedPronouncer, _RELEASED_TOKEN)

    def read_beside(self, piece: Traced, beside: Beside) -> LanguageReading:
        """Read a piece by itself, as `read_piece` does."""
        return self.read_piece(piece)

    def read_piece(self, piece: Traced) -> LanguageReading:
        """Read as `English.read_piece` does; fewer than four phones get a comma in front."""
        reading = super().read_piece(piece)
        if reading.units and sum(len(unit.phones) for unit in reading.units) < _FEWEST:
            first = reading.units[0].span
            units = (Unit(",", (",",), Span(first.start, first.start), self.code), *reading.units)
            return reading._replace(units=units)
        return reading
