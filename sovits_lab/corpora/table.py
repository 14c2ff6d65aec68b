"""One's own recordings in a table: TSV, CSV or JSONL with named columns."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sovits_lab.corpora.doctor import Problem
from sovits_lab.corpora.languages import language_code
from sovits_lab.corpora.listed import ListedPaths, audio_advice, unique_ids
from sovits_lab.corpora.manifest import SPLITS, Record
from sovits_lab.corpora.names import as_name
from sovits_lab.corpora.recorded import RecordedCorpus
from sovits_lab.corpora.splits import Conditions
from sovits_lab.files import lines_of, parse_json, printable, read_text
from sovits_lab.provenance.consent import CONSENT_ID, ConsentError, ConsentLedger
from sovits_lab.types import InputError, got

OWN = ("path", "text", "speaker", "language", "emotion", "intensity", "split", "consent", "sentence", "id")
RESERVED = ("role",)  # told by `splits`
YES, NO = frozenset({"yes", "true", "1", "y"}), frozenset({"no", "false", "0", "n", ""})
LONGEST_FIELD = 100_000  # characters


class Table(RecordedCorpus):
    """Rows of a table; the first line of a TSV or CSV names the columns.

    `path` and `text` are needed. `split` is train, valid, test or empty (then the rules of `splits` decide). Where a
    column `consent` is, only rows that say yes are used, or that name a consent record, whose id goes into the manifest
    and into every bundle. Columns of other names are kept, for conditions.

    Args:
        root: the table: `.tsv`, `.csv`, or `.jsonl` with one object a line.
        audio: folder of relative paths, and of absolute ones that are not on this machine; None is the folder of the
            table.
        speaker, language, emotion: of rows that name none; None makes the column needed.
        splits, limits, keep: see `RecordedCorpus`.
        licence: of rows whose column `licence` is empty or missing.
        consents: file of consent records, in which those that rows name must hold; None does not ask.
    """

    looked_for = "rows below a line of columns with path and text"

    def __init__(
        self,
        root: str,
        audio: str | None = None,
        speaker: str | None = None,
        language: str | None = None,
        emotion: str | None = "neutral",
        splits: Mapping[str, Any] | None = None,
        limits: Mapping[str, Any] | None = None,
        keep: Conditions = (),
        consents: str | None = None,
        licence: str | None = None,
    ) -> None:
        super().__init__(root, splits, limits, keep, licence)
        self.ledger = None if consents is None else ConsentLedger(Path(consents).expanduser())
        self.audio = self.root.parent if audio is None else Path(audio).expanduser()
        self.moved = audio is not None
        self.usual = {"speaker": speaker, "language": language, "emotion": emotion}

    @property
    def roots(self) -> tuple[Path, ...]:
        """The table and the folder of its audio."""
        return (self.root, self.audio, *(() if self.ledger is None else (self.ledger.path,)))

    def advice(self, problems: Sequence[Problem]) -> list[str]:
        """Name the folder of the audio where recordings are missing."""
        return audio_advice(problems, self.audio, self.moved)

    def rows(self) -> Iterator[Record | Problem]:
        """Return one row for each line that is not empty."""
        lines = list(self._lines())
        written = (str(fields.get("path", "")).strip() for _, fields in lines if isinstance(fields, dict))
        paths = ListedPaths(written, self.audio, self.moved)
        return unique_ids(self._row(number, fields, paths) for number, fields in lines)

    def _lines(self) -> Iterator[tuple[int, dict[str, Any] | str]]:
        """Number of each line, and its fields or what is wrong with it."""
        text = read_text(self.root, "corpus table")
        kind = self.root.suffix.lower()
        if kind == ".jsonl":
            return _objects(text, str(self.root))
        if kind not in (".tsv", ".csv"):
            raise got(f"corpus table {printable(self.root)}", self.root.suffix, "a file .tsv, .csv or .jsonl")
        return self._cells(text, kind)

    def _cells(self, text: str, kind: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
        lines = _tabbed(text) if kind == ".tsv" else _quoted(text, str(self.root))
        _, columns = next(lines, (0, []))
        columns = [str(column).strip().lower() for column in columns]
        if not {"path", "text"} <= set(columns) or len(set(columns)) < len(columns):
            shown, between = ", ".join(columns)[:200], "tabs" if kind == ".tsv" else "commas"
            expected = f"each once, path and text among them, with {between} between"
            raise got(f"corpus table {printable(self.root)}, columns", shown, expected)
        for number, cells in lines:
            if len(cells) == len(columns):
                yield number, dict(zip(columns, cells, strict=True))
            elif any(cell.strip() for cell in cells):
                yield number, f"{len(cells)} fields, expected {len(columns)} as in the first line"

    def _row(self, number: int, fields: dict[str, Any] | str, paths: ListedPaths) -> Record | Problem:
        where = f"{self.root}:{number}"
        try:
            if isinstance(fields, str):
                return Problem(where, "table row", fields)
            return self._record(fields, number, where, paths)
        except InputError as error:
            return Problem(where, "table row", str(error))

    def _record(self, fields: Mapping[str, Any], number: int, where: str, paths: ListedPaths) -> Record | Problem:
        consent = str(fields.get("consent", "")).strip().lower()
        if "consent" in fields and (why := self._no_consent(consent)):
            return Problem(where, "no consent", why)
        path = paths.find(_text(fields, "path"))
        speaker = self._named(fields, "speaker")
        split = _text(fields, "split", "").lower()
        if split and split not in SPLITS:
            raise got("split", split, f"{', '.join(SPLITS)}, or nothing")
        name = _text(fields, "id", "") or as_name("-".join((speaker, *path.with_suffix("").parts)).replace("/", ""))
        others = {key: value for key, value in fields.items() if key not in (*OWN, *RESERVED)}
        for key, value in others.items():
            if value is not None and not isinstance(value, str | int | float | bool):
                raise got(key, value, "a text or a number")
        return Record(
            id=name,
            audio=self.audio / path,
            text=_text(fields, "text", ""),
            speaker=speaker,
            language=language_code(self._named(fields, "language")),
            emotion=self._named(fields, "emotion").lower(),
            intensity=_intensity(fields.get("intensity")),
            sentence=_text(fields, "sentence", ""),
            custom={**others, "line": number, **({"consent": consent} if CONSENT_ID.fullmatch(consent) else {})},
            split=split,
        )

    def _no_consent(self, consent: str) -> str:
        """Why a row's consent does not hold; empty where it does."""
        if consent in YES or (CONSENT_ID.fullmatch(consent) and self.ledger is None):
            return ""
        if not CONSENT_ID.fullmatch(consent):
            return "no consent" if consent in NO else f"{consent!r} is neither yes, no nor the id of a consent record"
        assert self.ledger is not None
        try:
            self.ledger.require(consent)
        except ConsentError as error:
            return str(error)
        return ""

    def _named(self, fields: Mapping[str, Any], key: str) -> str:
        return _text(fields, key, self.usual[key])


def _text(fields: Mapping[str, Any], key: str, usual: str | None = None) -> str:
    """A field as text; `usual` where it is empty or missing, and None makes that an error."""
    value = fields.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int | None):
        raise got(key, value, "a text")
    text = "" if value is None else str(value).strip()
    if "\0" in text or len(text) > LONGEST_FIELD:
        raise got(key, f"{len(text)} characters", f"at most {LONGEST_FIELD}, none of them null")
    if not text and usual is None:
        hint = f", or corpus.{key}=... for all rows" if key in ("speaker", "language", "emotion") else ""
        raise got(key, "nothing", f"a value in this column{hint}")
    return text or str(usual)


def _intensity(value: Any) -> str | float:
    if value is None or value == "":
        return "normal"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise got("intensity", value, "a number or a word")
    try:
        number = float(value)
    except ValueError:
        return str(value).strip()
    if not math.isfinite(number):
        raise got("intensity", value, "a finite number or a word")
    return number


def _objects(text: str, where: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    for number, line in enumerate(lines_of(text), 1):
        if not line.strip():
            continue
        try:
            value = parse_json(line, f"{where}:{number}")
        except InputError as error:
            yield number, str(error)
            continue
        yield number, value if isinstance(value, dict) else "it is no JSON object"


def _tabbed(text: str) -> Iterator[tuple[int, list[str]]]:
    """Cells between tabs; quotes are part of the text."""
    for number, line in enumerate(lines_of(text), 1):
        if line.strip():
            yield number, line.split("\t")


def _quoted(text: str, where: str) -> Iterator[tuple[int, list[str]]]:
    """Cells between commas, in quotes where a text holds commas, quotes or line feeds."""
    lines = [f"{line}\n" for line in lines_of(text)]
    csv.field_size_limit(LONGEST_FIELD)
    reader = csv.reader(iter(lines), strict=True)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise InputError(
                f"corpus table {printable(where)}, from line {number}: cannot be read ({error})"
            ) from error
        if cells is None:
            return
        if cells:
            yield number, cells
