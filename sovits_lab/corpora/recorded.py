"""Corpora of recordings: a reader names the rows, this stage checks them and writes the manifest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sovits_lab.corpora.doctor import Diagnosis, Limits, Problem, Readable, check
from sovits_lab.corpora.manifest import Progress, Record, cut, write_cuts, write_facts
from sovits_lab.corpora.settings import read_fields
from sovits_lab.corpora.splits import Conditions, Splits, matches
from sovits_lab.types import InputError, got


class RecordedCorpus:
    """A stage over a folder of recordings; a corpus is a subclass with `rows`.

    Args:
        root: folder of the corpus.
        splits: fields of `Splits`.
        limits: fields of `Limits`: what counts as a bad row.
        keep: conditions, one of which a row must meet; empty keeps all.
    """

    def __init__(
        self,
        root: str,
        splits: Mapping[str, Any] | None = None,
        limits: Mapping[str, Any] | None = None,
        keep: Conditions = (),
    ) -> None:
        self.root = Path(root).expanduser()
        self.splits = read_fields(Splits, splits or {}, "corpus.splits")
        self.limits = read_fields(Limits, limits or {}, "corpus.limits")
        self.keep = keep

    def rows(self) -> Iterator[Record | Problem]:
        """Every row that the corpus names, and every line that names none; opens no audio file."""
        raise NotImplementedError("a reader names its rows")

    def diagnose(self, report: Progress, readable: Readable | None = None) -> Diagnosis:
        """Check every row.

        Raises:
            InputError: the folder is missing, or the splits name speakers that it does not have.
        """
        if not self.root.exists():
            raise got("corpus.root", self.root, "a folder or file that exists")
        found = list(self.rows())
        records = [row for row in found if isinstance(row, Record) and (not self.keep or matches(row, self.keep))]
        self.splits.check_speakers({record.speaker for record in records})
        broken = [row for row in found if isinstance(row, Problem)]
        return check(self._placed(records), self.limits, report, readable).with_problems(broken)

    def run(self, inputs: Mapping[str, Path], out: Path, report: Progress) -> None:
        """Write the manifest of the usable rows; `inputs` is not used.

        Raises:
            InputError: nothing usable, with the first bad rows named.
        """
        diagnosis = self.diagnose(report)
        diagnosis.require_usable(f"corpus {self.root}")
        write_cuts(
            (
                cut(_bare(row.record), row.header, row.record.custom["split"], row.record.custom["role"])
                for row in diagnosis.usable
            ),
            out,
        )
        write_facts(out, self._roots([row.record.audio for row in diagnosis.usable]))
        diagnosis.write(out / "bad_rows.tsv")

    def _roots(self, recordings: Sequence[Path]) -> set[Path]:
        """Folders below which the recordings lie: the corpus' own, and for files elsewhere their own folders."""
        root = self.root.resolve()
        own = root if root.is_dir() else root.parent
        return {own, *(path.parent for path in recordings if not path.is_relative_to(own))}

    def _placed(self, records: Iterable[Record]) -> Iterator[Record]:
        for record in records:
            place = self.splits.place(record)
            audio = record.audio.resolve()
            yield replace(record, audio=audio, custom={**record.custom, "split": place.split, "role": place.role})


def _bare(record: Record) -> Record:
    return replace(record, custom={k: v for k, v in record.custom.items() if k not in ("split", "role")})


def audio_below(root: Path, suffixes: Sequence[str] = (".wav", ".flac")) -> list[Path]:
    """All audio files below a folder, in a fixed order.

    Raises:
        InputError: the folder cannot be listed.
    """
    try:
        return sorted(path for path in root.rglob("*") if path.suffix.lower() in suffixes)
    except OSError as error:
        raise InputError(f"corpus folder {root}: cannot be listed ({error})") from error
