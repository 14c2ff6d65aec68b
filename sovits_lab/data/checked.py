"""The files of a feature store, checked when they are opened: what is damaged is one line that names file and row."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from sovits_lab.audio.baseline import Baseline
from sovits_lab.corpora.names import RULE, is_name
from sovits_lab.files import AGAIN, read_json, read_json_lines
from sovits_lab.types import InputError, got

MOST_TABLE = 8 << 30  # bytes


@dataclass(frozen=True)
class Utterance:
    """One row of the table. `start` and `frames` say where its frames lie in the arrays; `phones` are symbol names.

    `durations`: frames of each phone, or empty where no alignment is known.
    """

    id: str
    speaker: str
    emotion: str
    role: str
    split: str
    text: str
    language: str
    start: int
    frames: int
    phones: tuple[str, ...]
    durations: tuple[int, ...] = ()


NAMES = frozenset(field.name for field in fields(Utterance))
TEXTS = ("id", "speaker", "emotion", "role", "split", "text", "language")


def utterance(record: Mapping[str, Any]) -> Utterance:
    """Return a row of the table from its JSON."""
    return Utterance(**{**record, "phones": tuple(record["phones"]), "durations": tuple(record["durations"])})


def with_durations(row: Utterance, durations: Sequence[int]) -> Utterance:
    """Return the same row with these frames of each phone; `dataclasses.replace` takes three times as long."""
    return Utterance(**{**vars(row), "durations": tuple(durations)})


def read_table(path: Path, symbols: Sequence[str]) -> list[Utterance]:
    """Return all rows of a table.

    Raises:
        InputError: the file is damaged; a row has other fields or types, an id that is no name, or a phone that is none
            of the symbols.
    """
    known, rows = frozenset(symbols), []
    for number, record in enumerate(read_json_lines(path, "features", MOST_TABLE), 1):
        try:
            _check_row(record, known)
        except InputError as error:
            raise InputError(f"features {path}, row {number}: {error}: {AGAIN}") from error
        rows.append(utterance(record))
    if not rows:
        raise got(f"features {path}", "no rows", "at least one utterance")
    return rows


def read_info(path: Path) -> dict[str, Any]:
    """Return the facts that belong to all utterances.

    Raises:
        InputError: the file is damaged, or a fact is missing or of another type.
    """
    info = read_json(path, "features")
    if not isinstance(info, dict):
        raise got(f"features {path}", type(info).__name__, "a JSON object")
    for key, kinds, least in (("hop", (int,), 1), ("frames_per_second", (int, float), 1e-3), ("window", (int,), 0)):
        value = info.get(key, 0 if key == "window" else None)
        if isinstance(value, bool) or not isinstance(value, kinds) or not value >= least:
            raise got(f"features {path}, {key}", value, f"a number of at least {least:g}")
    symbols = info.get("symbols")
    if not isinstance(symbols, list) or not all(isinstance(one, str) for one in symbols):
        raise got(f"features {path}, symbols", type(symbols).__name__, "a list of texts")
    return info


def read_baselines(info: Mapping[str, Any], path: Path) -> dict[str, Baseline]:
    """Return the baselines of the speakers, from the facts in `path`.

    Raises:
        InputError: they are missing, or not four finite numbers each.
    """
    table = info.get("baselines")
    if not isinstance(table, Mapping):
        raise got(f"features {path}", "no baselines of its speakers", "features as this version makes them")
    for name, values in table.items():
        right = isinstance(values, list) and len(values) == len(Baseline._fields)
        if not right or not all(isinstance(v, int | float) and math.isfinite(v) for v in values):
            raise got(f"features {path}, baselines of {name}", values, f"{len(Baseline._fields)} finite numbers")
    return {name: Baseline(*values) for name, values in table.items()}


def check_lengths(folder: Path, arrays: Mapping[str, np.ndarray], rows: Sequence[Utterance], hop: int) -> None:
    """Refuse arrays that are shorter than the table says.

    Raises:
        InputError: naming the file.
    """
    frames = max(row.start + row.frames for row in rows)
    for name, array in arrays.items():
        needed = frames * hop if name == "wav" else frames
        if array.ndim != (2 if name == "mel" else 1) or len(array) < needed:
            raise got(
                f"features {folder / f'{name}.npy'}", f"an array of shape {array.shape}", f"{needed} rows: {AGAIN}"
            )


def finite(values: np.ndarray, where: Path, row: Utterance, field: str) -> np.ndarray:
    """Return the values themselves.

    Raises:
        InputError: one of them is NaN or infinite; file and utterance are named.
    """
    if not np.isfinite(values).all():
        raise got(f"features {where}, {field} of utterance {row.id}", "NaN or infinite values", f"numbers: {AGAIN}")
    return values


def _check_row(record: Mapping[str, Any], symbols: frozenset[str]) -> None:
    if record.keys() != NAMES:
        raise got("fields", sorted(record), f"{', '.join(sorted(NAMES))}")
    for key in TEXTS:
        if not isinstance(record[key], str):
            raise got(key, record[key], "a text")
    if not is_name(record["id"]):
        raise got("id", record["id"][:200], RULE)
    if type(record["start"]) is not int or type(record["frames"]) is not int:
        raise got("start, frames", (record["start"], record["frames"]), "whole numbers")
    if record["start"] < 0 or record["frames"] < 1:
        raise got("start, frames", (record["start"], record["frames"]), "at least 0 and at least 1")
    phones, durations = record["phones"], record["durations"]
    if not isinstance(phones, list) or not {*map(type, phones)} <= {str}:
        raise got("phones", phones, "a list of symbols")
    if not symbols.issuperset(phones):
        raise got("phones", next(phone for phone in phones if phone not in symbols), "a symbol of info.json")
    if not isinstance(durations, list) or not {*map(type, durations)} <= {int} or min(durations, default=0) < 0:
        raise got("durations", durations, "a list of whole numbers")
    if durations and (len(durations) != len(phones) or sum(durations) != record["frames"]):
        given = f"{len(durations)} that sum to {sum(durations)}"
        raise got("durations", given, f"one for each of {len(phones)} phones, that sum to {record['frames']}")
