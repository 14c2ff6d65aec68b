"""What readers of lists and tables share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PureWindowsPath

from sovits_lab.corpora.doctor import Problem
from sovits_lab.corpora.manifest import Record
from sovits_lab.corpora.names import as_name, is_path


class ListedPaths:
    """Finds the recordings of a list, which may come from another system or machine.

    Quotes around a path, backslashes and drives are understood where no file is called so.

    Args:
        written: all paths of the list.
        audio: the folder of relative paths.
        moved: the user named that folder, so a file whose absolute path is not here is looked for in it by its name,
            if the list has no other file of this name.
    """

    def __init__(self, written: Iterable[str], audio: Path, moved: bool) -> None:
        self.audio = audio
        self.named = Counter(_meant(path).name for path in set(written)) if moved else Counter()

    def find(self, written: str) -> Path:
        """Return the path of a row's recording, relative to the folder or absolute, whether a file is there or not."""
        path = Path(written)
        if not is_path(path) or (self.audio / path).exists():
            return path
        meant = _meant(written)
        alone = self.named[meant.name] == 1 and not meant.exists()
        if alone and _absolute(meant) and (self.audio / meant.name).exists():
            return Path(meant.name)
        return meant


def audio_advice(problems: Sequence[Problem], audio: Path, moved: bool) -> list[str]:
    """Say how the command names the folder of recordings that are missing.

    Args:
        problems: bad rows of the corpus.
        audio: where relative paths are looked for.
        moved: `corpus.audio` named that folder.
    """
    missing = sum(problem.reason == "missing" for problem in problems)
    if not missing:
        return []
    rows = "1 recording is" if missing == 1 else f"{missing} recordings are"
    if moved:
        return [f"{rows} neither where the list says nor, by name, in corpus.audio={audio}"]
    return [f"{rows} not where the list says: if they are in another folder, add corpus.audio=DIR"]


def _meant(written: str) -> Path:
    """The path without quotes and with slashes."""
    bare = written.strip("\"' ") if written[:1] in ("'", '"') else written
    foreign = "\\" in bare or (":" in bare and PureWindowsPath(bare).drive)  # a path object takes its time
    return Path(PureWindowsPath(bare).as_posix() if foreign else bare)


def _absolute(path: Path) -> bool:
    return path.is_absolute() or bool(PureWindowsPath(path).drive)


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
        yield row if name == row.id else replace(row, id=name)
