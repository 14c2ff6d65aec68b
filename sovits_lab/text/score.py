"""Error rate of the front end over everyday sentences with right readings.

A file is a table `language TAB text TAB reading` with a line of headings. The reading is written as phones of the
table, as pinyin or jyutping syllables, or as words that are read without doubt (kana, number words); readings that are
all right are separated by ` | `. Pause marks and accents count only where the reading holds some. A Mandarin third tone
before another may be read as a second: across words that sandhi is the speaker's choice.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from sovits_lab.text.frontend import Frontend
from sovits_lab.text.given import phones_by_hand
from sovits_lab.text.symbols import PAUSES
from sovits_lab.types import InputError, got

COLUMNS = ("language", "text", "reading")
_ACCENTS = frozenset(("[", "]", "#", "UNK"))
_MARKS = frozenset((*PAUSES, "空", "停"))


class Sentence(NamedTuple):
    """One row of a file: the text, its language ("mixed" for several), and its right readings."""

    language: str
    text: str
    readings: tuple[str, ...]


class Misread(NamedTuple):
    """A sentence that was read as none of its right readings, with the phones of both."""

    sentence: Sentence
    phones: tuple[str, ...]
    right: tuple[str, ...]


class Score(NamedTuple):
    """The sentences of one language in one file, and those of them that were read wrongly."""

    file: str
    language: str
    sentences: int
    wrong: tuple[Misread, ...]


def everyday_files() -> list[Path]:
    """Return the files that come with the package."""
    folder = Path(str(resources.files("sovits_lab.text") / "data" / "everyday"))
    return sorted(folder.glob("*.tsv"))


def sentences_of(path: Path) -> list[Sentence]:
    """Return the rows of a file; an InputError names the line that is wrong."""
    if not path.is_file():
        raise got("everyday sentences", path, "a table of language, text and reading")
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    if not rows or tuple(rows[0]) != COLUMNS:
        raise got(f"{path.name} line 1", "\t".join(rows[0]) if rows else "", "the headings " + " ".join(COLUMNS))
    found = []
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(COLUMNS) or not all(cell.strip() for cell in row):
            raise got(f"{path.name} line {number}", "\t".join(row), "language TAB text TAB reading")
        found.append(Sentence(row[0], row[1], tuple(reading.strip() for reading in row[2].split(" | "))))
    return found


def score(path: Path, front: Frontend, language: str | None = None, named: bool = True) -> Iterator[Score]:
    """Yield one score for each language of a file.

    Args:
        path: the file.
        front: whose readings are judged.
        language: only this one; None takes all.
        named: tells the front end the language of each sentence; False lets it find out.
    """
    sentences = sentences_of(path)
    for name in dict.fromkeys(sentence.language for sentence in sentences):
        if language in (None, name):
            chosen = [sentence for sentence in sentences if sentence.language == name]
            wrong = (_judge(sentence, front, named) for sentence in chosen)
            yield Score(path.name, name, len(chosen), tuple(one for one in wrong if one is not None))


def _judge(sentence: Sentence, front: Frontend, named: bool) -> Misread | None:
    """What is wrong with the reading of a sentence; None when it is right."""
    language = sentence.language if sentence.language in front.languages else None
    phones = front.read(sentence.text, language if named else None).phones
    right = [_phones(reading, language, front) for reading in sentence.readings]
    if any(_same(phones, one) for one in right):
        return None
    return Misread(sentence, phones, right[0])


def _phones(reading: str, language: str | None, front: Frontend) -> tuple[str, ...]:
    try:
        return phones_by_hand(language or "zh", reading, front.symbols)
    except InputError:
        return front.read(reading, language).phones


def _same(phones: Sequence[str], right: Sequence[str]) -> bool:
    for kind in (_ACCENTS, _MARKS):
        if not kind.intersection(right):
            phones = [phone for phone in phones if phone not in kind]
    if len(phones) != len(right):
        return False
    return all(
        read == one or (_is_third(one) and read == one[:-1] + "2" and _is_third(_next_final(right, place)))
        for place, (read, one) in enumerate(zip(phones, right, strict=True))
    )


def _is_third(phone: str) -> bool:
    """True for a Mandarin final in third tone; those of Cantonese begin with Y, English stress is never 3."""
    return phone.endswith("3") and phone[:-1].rstrip("0").isalpha() and not phone.startswith("Y")


def _next_final(phones: Sequence[str], place: int) -> str:
    return next((one for one in phones[place + 1 :] if one[-1:].isdigit()), "")
