"""The rows of a Lhotse manifest, checked before Lhotse makes objects of them.

Lhotse opens what a manifest names: a source of type `command` is a shell command, and so is a URL that begins with
`pipe:`. A manifest is data, so neither is ever passed on: a recording is a file below the manifest's folder, or below
one of the `roots` of the `corpus.json` beside it, where a corpus stage notes the folders of its configuration.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sovits_lab.files import read_json, read_packed_lines
from sovits_lab.pipeline.sources import FACTS
from sovits_lab.types import InputError, got

WHAT = "corpus manifest"
TEXTS = ("text", "speaker", "language")


def checked_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a manifest one after the other, with absolute paths.

    Raises:
        InputError: the file is damaged or has no rows; a row is no whole cut of one recording with one supervision, has
            a field of another type, or a recording that is no file below the roots. It names file, row and field.
    """
    folder = path.parent.resolve()
    roots = [folder, *_roots(folder / FACTS)]
    number = 0
    for number, row in enumerate(read_packed_lines(path, WHAT), 1):
        try:
            _check_row(row)
            _place(row["recording"]["sources"][0], folder, roots)
        except InputError as error:
            raise InputError(f"{WHAT} {path}, row {number} ({row.get('id', 'without id')!r}): {error}") from error
        yield row
    if not number:
        raise got(f"{WHAT} {path}", "no rows", "at least one utterance")


def _roots(path: Path) -> list[Path]:
    if not path.is_file():
        return []
    facts = read_json(path, "corpus facts")
    roots = facts.get("roots") if isinstance(facts, Mapping) else None
    if not isinstance(roots, list) or not all(isinstance(root, str) and Path(root).is_absolute() for root in roots):
        raise got(f"corpus facts {path}, roots", roots, "a list of absolute paths")
    return [Path(root).resolve() for root in roots]


def _check_row(row: Mapping[str, Any]) -> None:
    if row.get("type") != "MonoCut":
        raise got("type", row.get("type"), "MonoCut: one channel of one recording")
    _text(row, "id")
    for key in ("start", "duration"):
        _number(row, key)
    if type(row.get("channel")) is not int:
        raise got("channel", row.get("channel"), "a whole number")
    if row.get("features") is not None or row.get("custom"):
        raise got("features or custom", "stored arrays", "a recording only: such arrays are made by the features stage")
    _check_recording(_mapping(row, "recording"))
    spoken = row.get("supervisions")
    if not isinstance(spoken, list) or len(spoken) != 1 or not isinstance(spoken[0], Mapping):
        raise got("supervisions", spoken, "a list of one")
    _check_supervision(spoken[0])


def _check_recording(recording: Mapping[str, Any]) -> None:
    _text(recording, "id")
    sources = recording.get("sources")
    if not isinstance(sources, list) or len(sources) != 1 or not isinstance(sources[0], Mapping):
        raise got("recording.sources", sources, "a list of one")
    for key in ("sampling_rate", "num_samples", "duration"):
        _number(recording, key, least=1e-9)
    if recording.get("transforms"):
        raise got("recording.transforms", recording["transforms"], "none")


def _check_supervision(spoken: Mapping[str, Any]) -> None:
    for key in TEXTS:
        _text(spoken, key, optional=True)
    custom = spoken.get("custom")
    if custom is not None and not isinstance(custom, Mapping):
        raise got("supervisions[0].custom", custom, "a mapping")
    for key, value in (custom or {}).items():
        if value is not None and not isinstance(value, str | int | float | bool):
            raise got(f"supervisions[0].custom.{key}", value, "a text or a number")
    for key in ("emotion", "split", "role"):
        _text(custom or {}, key, optional=True)
    alignment = spoken.get("alignment")
    if alignment is not None and not (
        isinstance(alignment, Mapping) and all(isinstance(each, list) for each in alignment.values())
    ):
        raise got("supervisions[0].alignment", alignment, "lists by name")
    for name, parts in (alignment or {}).items():
        for part in parts:
            if not _is_place(part):
                raise got(f"supervisions[0].alignment.{name}", part, "a symbol, its start and its length in seconds")


def _is_place(part: Any) -> bool:
    """Whether this is a symbol with start and length, of at least 0."""
    if not isinstance(part, list) or len(part) < 3 or not isinstance(part[0], str):
        return False
    return all(type(value) in (int, float) and math.isfinite(value) and value >= 0 for value in part[1:3])


def _place(source: dict[str, Any], folder: Path, roots: Sequence[Path]) -> None:
    """Make the source's path absolute, if it is a file's and lies where it may."""
    if source.get("type") != "file":
        raise got(
            "recording.sources[0].type", source.get("type"), "'file': a manifest runs no command and opens no URL"
        )
    written = source.get("source")
    if not isinstance(written, str) or not written or "\0" in written:
        raise got("recording.sources[0].source", written, "a path")
    path = os.path.normpath(folder / written)  # every `..` is taken literally; objects would take four times as long
    # Links that lie in a root may lead out of it, as data on another disk do: whoever may write there has put them.
    if not _is_below(path, roots) and not _is_below(os.path.realpath(path), roots):
        raise got("recording.sources[0].source", written, f"a file below {' or '.join(map(str, roots))}")
    source["source"] = path


def _is_below(path: str, roots: Sequence[Path]) -> bool:
    """Whether an absolute path without `..` is one of the roots or lies below one."""
    return any(path == str(root) or path.startswith(f"{str(root).rstrip('/')}/") for root in roots)


def _mapping(row: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    if not isinstance(row.get(key), Mapping):
        raise got(key, row.get(key), "a mapping")
    return row[key]


def _text(row: Mapping[str, Any], key: str, optional: bool = False) -> None:
    value = row.get(key)
    if not isinstance(value, str) and not (optional and value is None):
        raise got(key, value, "a text")


def _number(row: Mapping[str, Any], key: str, least: float = 0.0) -> None:
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < least:
        raise got(key, value, "a number above 0" if least else "a number of at least 0")
