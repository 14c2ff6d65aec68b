"""The words of a story in other languages: `strings.zh.csv` beside it, a row for each id of a line or choice."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from sovits_lab.dialogue.exploration import Exploration
from sovits_lab.files import MIB, read_text, write_whole
from sovits_lab.types import InputError, got

COLUMNS = ("id", "speaker", "original", "text")
_LANGUAGE = re.compile(r"strings\.([a-z]{2,3})\.csv")


def languages_of(folder: Path) -> tuple[str, ...]:
    """Return the languages that a story's folder has strings for."""
    return tuple(sorted(found[1] for path in folder.glob("strings.*.csv") if (found := _LANGUAGE.fullmatch(path.name))))


def load_strings(folder: Path, language: str) -> dict[str, str]:
    """Return the words of each id; an id without words is left to the original.

    Raises:
        InputError: no table of that language, other columns, an id that stands twice.
    """
    path = folder / f"strings.{language}.csv"
    if language not in languages_of(folder):
        known = ", ".join(languages_of(folder)) or "no other language"
        raise got("language", language, f"the story's own, or {known} (strings.LANGUAGE.csv)")
    rows = csv.DictReader(io.StringIO(read_text(path, "strings", 16 * MIB)))
    if tuple(rows.fieldnames or ()) != COLUMNS:
        raise got(f"strings {path.name}: columns", ",".join(rows.fieldnames or ()), ",".join(COLUMNS))
    found: dict[str, str] = {}
    for number, row in enumerate(rows, 2):
        if row["id"] in found:
            raise InputError(f"strings {path.name}, line {number}: got id {row['id']!r} twice, expected it once")
        found[row["id"]] = (row["text"] or "").strip()
    return {name: text for name, text in found.items() if text}


def write_strings(folder: Path, language: str, met: Exploration) -> tuple[int, int]:
    """Write a row for each line and choice that was met, keeping translations that are there.

    Returns:
        How many rows there are, and how many of them wait for words.
    """
    known = load_strings(folder, language) if language in languages_of(folder) else {}
    rows = [(line.id, line.speaker, line.text) for line in met.lines.values()]
    rows += [(choice.id, "(choice)", choice.text) for choice in met.choices.values()]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows((name, speaker, words, known.get(name, "")) for name, speaker, words in rows)
    write_whole(folder / f"strings.{language}.csv", text.getvalue().encode())
    return len(rows), sum(name not in known for name, *_ in rows)


def list_untranslated(strings: Mapping[str, str], ids: Iterable[str]) -> list[str]:
    """Return the ids without words, in their order."""
    return [name for name in ids if name not in strings]
