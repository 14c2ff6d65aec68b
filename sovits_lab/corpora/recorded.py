"""Corpora of recordings: a reader names the rows, this stage checks them and writes the manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sovits_lab.corpora.doctor import Diagnosis, Limits, Problem, Readable, check
from sovits_lab.corpora.manifest import Progress, Record, cut, write_cuts, write_facts
from sovits_lab.corpora.needs import RowFacts
from sovits_lab.corpora.settings import read_fields
from sovits_lab.corpora.splits import Conditions, Splits, matches
from sovits_lab.reporting import Silent
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
        records, broken = self._records()
        return check(self._placed(records), self.limits, report, readable).with_problems(broken)

    def survey(self) -> list[RowFacts]:
        """Facts of the rows whose recordings are there and of a right length; no recording is decoded.

        Raises:
            InputError: as `diagnose`; no row is left.
        """
        records, broken = self._records()
        diagnosis = check(self._placed(records), self.limits, Silent(), heard=False).with_problems(broken)
        diagnosis.require_usable(f"corpus {self.root}")
        return [facts_of(sound.record) for sound in diagnosis.usable]

    def _records(self) -> tuple[list[Record], list[Problem]]:
        if not self.root.exists():
            raise got("corpus.root", self.root, "a folder or file that exists")
        found = list(self.rows())
        records = [row for row in found if isinstance(row, Record) and (not self.keep or matches(row, self.keep))]
        self.splits.check_speakers({record.speaker for record in records})
        return records, [row for row in found if isinstance(row, Problem)]

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

    def _placed(self, records: Sequence[Record]) -> Iterator[Record]:
        for record, place in zip(records, self.splits.place_all(records), strict=True):
            audio = record.audio.resolve()
            yield replace(record, audio=audio, custom={**record.custom, "split": place.split, "role": place.role})


def facts_of(record: Record) -> RowFacts:
    """What a placed row is, for those who ask what a corpus has."""
    role, split = str(record.custom["role"]), str(record.custom["split"])
    return RowFacts(record.speaker, role, split, record.emotion, record.language, record.text)


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
