"""What readers of lists and tables share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from sovits_lab.corpora.doctor import Problem
from sovits_lab.corpora.manifest import Record
from sovits_lab.corpora.names import as_name


def unique_ids(rows: Iterable[Record | Problem]) -> Iterator[Record | Problem]:
    """Give rows of different recordings different ids; of the same recording only the first is a row of its own.

    `a.wav` and `a.flac` are two recordings: the second id ends in the suffix. The same path twice stays one id, which
    the doctor names as a duplicate.
    """
    known: dict[str, str] = {}
    for row in rows:
        if isinstance(row, Problem):
            yield row
            continue
        name, path, number = row.id, str(row.audio), 1
        while known.setdefault(name, path) != path:
            ending = row.audio.suffix.lstrip(".").lower() or "file"
            name = as_name(f"{row.id}-{ending}" if number == 1 else f"{row.id}-{ending}-{number}")
            number += 1
        yield replace(row, id=name)
