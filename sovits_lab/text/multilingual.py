"""Five languages and any mixture of them behind one front end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from sovits_lab.text.cantonese.language import Cantonese, ReleasedCantonese
from sovits_lab.text.checks import account, bounded, check_language, check_text
from sovits_lab.text.english import tags
from sovits_lab.text.english.beside_chinese import Beside
from sovits_lab.text.english.language import English, ReleasedEnglish
from sovits_lab.text.english.pronounce import Tagger
from sovits_lab.text.foreign import foreign_notes
from sovits_lab.text.given import Given, LexiconEntry, find_entries, obey, read_lexicon, splits_a_unit
from sovits_lab.text.japanese.language import Japanese
from sovits_lab.text.korean.language import Korean, ReleasedKorean
from sovits_lab.text.language import Language, LanguageReading
from sovits_lab.text.mandarin.language import Mandarin, ReleasedMandarin
from sovits_lab.text.mandarin.polyphones import Readings
from sovits_lab.text.reading import Reading, Span, Unit
from sovits_lab.text.segment import Piece, segment
from sovits_lab.text.symbols import SymbolTable, load_symbols
from sovits_lab.text.traced import Traced
from sovits_lab.text.typed import tidied
from sovits_lab.types import got

_PYPINYIN = "polyphones by pypinyin: the g2pW network is not loaded"
# The border of two accent phrases has no symbol in the released tables; those models were trained with UNK there.
_PROSODY = {"#": "UNK", "[": "UNK", "]": "UNK"}
_FEWEST = 6
_BESIDE = 8  # characters beside an English word that may say its part of speech


def ours(readings: Readings | None = None) -> dict[str, Language]:
    """Return the five languages with our own readings."""
    english = English()
    return {
        "zh": Mandarin(readings=readings, foreign=english),
        "en": english,
        "ja": Japanese(),
        "ko": Korean(foreign=english),
        "yue": Cantonese(foreign=english),
    }


def released(
    version: str,
    readings: Readings | None = None,
    tagger: Tagger = tags.tag,
    japanese_dictionary: str | Path | None = None,
) -> dict[str, Language]:
    """Return the languages of released models of a symbol version, as those models were trained with."""
    known: dict[str, Callable[[], Language]] = {
        "zh": lambda: ReleasedMandarin(None if version == "v1" else readings, with_erhua=version != "v1"),
        "en": lambda: ReleasedEnglish(tagger),
        "ja": lambda: Japanese(released=True, dictionary=japanese_dictionary),
    }
    if version != "v1":
        known |= {"ko": ReleasedKorean, "yue": ReleasedCantonese}
    return {name: make() for name, make in known.items()}


class MultilingualFrontend:
    """Our readings of five languages; constructing it loads nothing, each language loads at its first piece.

    Args:
        table: `v2` for the released models from v2 on, `v1`, or our compact `multilingual`.
        lexicon: a user's words with their phones; see `read_lexicon`.
        readings: a network for Chinese polyphones such as `G2pw`; None reads by pypinyin.
        parts: the languages; None takes our five.
        own: the language of the voice: what Han characters and numbers are where neither text nor caller says it.
    """

    name = "multilingual"

    def __init__(
        self,
        table: str = "v2",
        lexicon: str | Path | None = None,
        readings: Readings | None = None,
        parts: Mapping[str, Language] | None = None,
        own: str | None = None,
    ) -> None:
        self.symbols: SymbolTable = load_symbols(table)
        self._parts = dict(ours(readings) if parts is None else parts)
        self.languages: tuple[str, ...] = tuple(self._parts)
        check_language(own, self.languages)
        self._own = own
        self._entries: tuple[LexiconEntry, ...] = read_lexicon(Path(lexicon), self.symbols) if lexicon else ()
        self._zh_note = (_PYPINYIN,) if readings is None else ()

    def read(self, text: str, language: str | None = None, given: Sequence[Given] = ()) -> Reading:
        """Return the phones of a text in any mixture of the languages.

        Args:
            text: at most 200 000 characters.
            language: what Han characters and numbers are; None decides by the text, then by the voice's language.
            given: phones that the caller decides; they win over everything.

        Raises:
            InputError: an unknown language, a lone surrogate, a missing extra, or a phone outside the table.
        """
        check_text(text)
        check_language(language, self.languages)
        given = find_entries(text, self._entries, given) if self._entries else sorted(given)
        whole = self.tidied(Traced.of(text))
        pieces = segment(whole.text, self.languages, language, self._own)
        reading = self._fit(self._read_pieces(text, whole, pieces))
        if given:
            if splits_a_unit(reading, given):
                borders = [whole.place(border) for one in given for border in one.span]
                reading = self._fit(self._read_pieces(text, whole, list(_cut_at(pieces, borders))))
            reading = obey(reading, given)
        skipped = account(text, reading.units, reading.skipped)
        latin = "".join(whole.text[piece.start : piece.end] for piece in pieces if piece.language == "en")
        notes = (*reading.notes, *foreign_notes(latin, ()))
        return Reading(text, reading.language, reading.normalised, reading.units, skipped, notes)

    def tidied(self, text: Traced) -> Traced:
        """Return what of a text is to be read."""
        return tidied(text)

    def _read_pieces(self, text: str, whole: Traced, pieces: Sequence[Piece]) -> Reading:
        readings: list[LanguageReading] = []
        for piece in pieces:
            for start, end in bounded(whole.text, piece.start, piece.end):
                readings.append(self._read_piece(piece.language, whole, start, end))
        units = tuple(unit for one in readings for unit in one.units)
        languages = dict.fromkeys(unit.language for unit in units)
        notes = self._zh_note if "zh" in languages else ()
        return Reading(
            text=text,
            language="+".join(languages) or pieces[0].language if pieces else self.languages[0],
            normalised=" ".join(one.normalised.strip() for one in readings),
            units=units,
            skipped=(*(skip for one in readings for skip in one.skipped), *whole.dropped),
            notes=(*notes, *dict.fromkeys(note for one in readings for note in one.notes)),
        )

    def _read_piece(self, language: str, whole: Traced, start: int, end: int) -> LanguageReading:
        part = self._parts[language]
        if isinstance(part, English):
            beside = Beside(whole.text[max(0, start - _BESIDE) : start], whole.text[end : end + _BESIDE])
            return part.read_beside(whole[start:end], beside)
        if isinstance(part, Mandarin):
            before, after = whole.text[max(0, start - 1) : start], whole.text[end : end + 1]
            return part.read_beside_words(whole[start:end], before.isalpha(), after.isalpha())
        return part.read_piece(whole[start:end])

    def _fit(self, reading: Reading) -> Reading:
        """Every phone in the table; prosody that an older table lacks becomes its UNK."""
        units = tuple(self._fit_unit(unit) for unit in reading.units)
        return Reading(reading.text, reading.language, reading.normalised, units, reading.skipped, reading.notes)

    def _fit_unit(self, unit: Unit) -> Unit:
        if all(phone in self.symbols for phone in unit.phones):
            return unit
        phones = tuple(phone if phone in self.symbols else _PROSODY.get(phone, phone) for phone in unit.phones)
        for phone in phones:
            if phone not in self.symbols:
                raise got(f"phone of {unit.text!r}", phone, f"a symbol of table {self.symbols.name}")
        return unit._replace(phones=phones)


class ReleasedFrontend(MultilingualFrontend):
    """What the released models were trained with, mistakes included: use it to compare, or for exact parity.

    Args:
        version: the symbol version, `v1` or `v2`.
        readings: answers of g2pW; None is that front end with its network switched off.
        tagger: parts of speech for English homographs.
        own: as in `MultilingualFrontend`.
        japanese_dictionary: folder of Open JTalk's own dictionary, which gives the released Japanese readings; None
            takes the newer one of pyopenjtalk-plus.
    """

    def __init__(
        self,
        version: str = "v2",
        readings: Readings | None = None,
        tagger: Tagger = tags.tag,
        own: str | None = None,
        japanese_dictionary: str | Path | None = None,
    ) -> None:
        parts = released(version, readings, tagger, japanese_dictionary)
        super().__init__(version, readings=readings, parts=parts, own=own)
        self.name = f"released_{version}"

    def read(self, text: str, language: str | None = None, given: Sequence[Given] = ()) -> Reading:
        """Read as `MultilingualFrontend.read`; fewer than six phones get a full stop in front."""
        reading = super().read(text, language, given)
        if 0 < len(reading.phones) < _FEWEST:
            stop = Unit(".", (".",), Span(0, 0), reading.units[0].language)
            units = (stop, *reading.units)
            return Reading(text, reading.language, "." + reading.normalised, units, reading.skipped, reading.notes)
        return reading

    def tidied(self, text: Traced) -> Traced:
        """Return the text as it is."""
        return text

    def _fit_unit(self, unit: Unit) -> Unit:
        phones = tuple(phone if phone in self.symbols else "UNK" for phone in unit.phones)
        return unit._replace(phones=phones)


def _cut_at(pieces: Sequence[Piece], borders: Sequence[int]) -> Iterator[Piece]:
    """The pieces cut at every border."""
    for piece in pieces:
        start = piece.start
        for border in sorted(set(borders)):
            if start < border < piece.end:
                yield piece._replace(start=start, end=border)
                start = border
        yield piece._replace(start=start)
