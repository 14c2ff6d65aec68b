"""Corpora of recordings: a reader names the rows, this stage checks them and writes the manifest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sovits_lab.corpora.doctor import ClipMeasures, Diagnosis, Problem, Readable, check
from sovits_lab.corpora.limits import ClipLimits
from sovits_lab.corpora.manifest import Progress, Record, cut, write_cuts, write_facts
from sovits_lab.corpora.names import RULE, is_name, is_path
from sovits_lab.corpora.needs import RowFacts
from sovits_lab.corpora.settings import read_fields
from sovits_lab.corpora.splits import Conditions, Splits, conditions_of, matches
from sovits_lab.files import printable
from sovits_lab.pipeline.memory import collector_paused
from sovits_lab.pipeline.sources import earlier_states, state_of
from sovits_lab.provenance.cards import licence_of
from sovits_lab.reporting import Reporter, Silent
from sovits_lab.types import InputError, got

LONGEST_LICENCE = 200


class RecordedCorpus:
    """A stage over a folder of recordings; a corpus is a subclass with `rows`.

    Args:
        root: folder of the corpus.
        splits: fields of `Splits`.
        limits: fields of `Limits`: what counts as a bad row.
        keep: conditions, one of which a row must meet; empty keeps all.
        licence: of recordings that state none, for the data card; None leaves it open.
    """

    looked_for = "recordings"
    """What `rows` looks for below the root, for the message when there is none."""

    def __init__(
        self,
        root: str,
        splits: Mapping[str, Any] | None = None,
        limits: Mapping[str, Any] | None = None,
        keep: Conditions = (),
        licence: str | None = None,
    ) -> None:
        if "\0" in root or not root:
            raise got("corpus.root", root, "a path")
        self.root = Path(root).expanduser()
        self.splits = read_fields(Splits, splits or {}, "corpus.splits")
        self.limits = read_fields(ClipLimits, limits or {}, "corpus.limits")
        self.keep = conditions_of(keep, "corpus.keep")
        if licence is not None and not (isinstance(licence, str) and 0 < len(licence.strip()) <= LONGEST_LICENCE):
            raise got("corpus.licence", licence, f"a text of at most {LONGEST_LICENCE} characters, such as 'CC BY 4.0'")
        self.licence = licence

    @property
    def roots(self) -> tuple[Path, ...]:
        """Folders and files of the configuration that it is read from."""
        return (self.root,)

    def rows(self) -> Iterator[Record | Problem]:
        """Return every row that the corpus names, and every line that names none; opens no audio file."""
        raise NotImplementedError("a reader names its rows")

    def diagnose(self, report: Progress, readable: Readable | None = None) -> Diagnosis:
        """Check every row.

        Raises:
            InputError: the folder is missing or of another kind, or the splits name speakers that it does not have.
        """
        return self._checked(report, readable, decode=True)

    def survey(self) -> list[RowFacts]:
        """Return the facts of those rows whose recordings are there and of a right length; no recording is decoded.

        Raises:
            InputError: as `diagnose`; no row is left.
        """
        diagnosis = self._checked(Silent(), None, decode=False)
        diagnosis.require_usable(f"corpus {self.root}")
        return [facts_of(sound.record) for sound in diagnosis.usable]

    def state(self) -> str:
        """Return what the files of the corpus are like now; see `sovits_lab.pipeline.sources`.

        Raises:
            InputError: they are out of reach.
        """
        if not self.root.exists():
            raise got("corpus.root", self.root, "a folder or file that exists")
        recordings = [row.audio.absolute() for row in self._named_rows() if isinstance(row, Record)]
        if not any(path.exists() for path in recordings):
            raise got(f"corpus {self.root}", "none of its recordings there", "at least one")
        return state_of([*self.files(), *recordings])

    def files(self) -> list[Path]:
        """Return the files beside the recordings from which `rows` reads."""
        return [self.root.absolute()] if self.root.is_file() else []

    def run(self, inputs: Mapping[str, Path], out: Path, report: Progress) -> None:
        """Write the manifest of the usable rows; `inputs` is not used.

        Raises:
            InputError: nothing usable, with the first bad rows named.
        """
        diagnosis = self.diagnose(report)
        diagnosis.require_usable(f"corpus {self.root}")
        state, roots = self.state(), [str(root) for root in self.roots]
        if isinstance(report, Reporter) and next(earlier_states(out.parent, roots), state) != state:
            report.say(f"{' and '.join(map(printable, roots))} changed since it was last read: it is read again")
        write_cuts(
            (
                cut(_bare(row.record), row.header, row.record.custom["split"], row.record.custom["role"])
                for row in diagnosis.usable
            ),
            out,
        )
        write_facts(out, self._folders([row.record.audio for row in diagnosis.usable]), roots, state)
        diagnosis.write(out / "bad_rows.tsv")
        if isinstance(report, Reporter):
            for line in (*map(printable, diagnosis.notes), diagnosis.summary()):
                report.say(line)

    def _checked(self, report: Progress, readable: Readable | None, decode: bool) -> Diagnosis:
        records, broken = self.placed()
        found = check(records, self.limits, report, readable, decode).with_problems(broken)
        notes = [*self.splits.unmet(records), *self.advice(found.problems)]
        return replace(found, usable=self._replaced(found.usable), notes=notes)

    def advice(self, problems: Sequence[Problem]) -> list[str]:
        """Say what to add to the command for bad rows of a kind; a subclass knows it."""
        return []

    def _replaced(self, usable: Sequence[ClipMeasures]) -> list[ClipMeasures]:
        """Place rows again: a bad row that was the only one of its split leaves the split to a good one."""
        places = self.splits.place_all([sound.record for sound in usable])
        return [
            sound._replace(record=replace(sound.record, custom={**sound.record.custom, "split": place.split}))
            for sound, place in zip(usable, places, strict=True)
        ]

    def placed(self) -> tuple[list[Record], list[Problem]]:
        """Return rows with absolute paths, split and role in `custom`; and what is no row.

        Raises:
            InputError: as `diagnose`.
        """
        if not self.root.exists():
            raise got("corpus.root", self.root, "a folder or file that exists")
        rows = self._named_rows()
        if not rows:
            raise got(f"corpus.root {printable(self.root)}", "nothing of this corpus there", self.looked_for)
        kept = [row for row in rows if isinstance(row, Record) and (not self.keep or matches(row, self.keep))]
        records, repeated = once_each(replace(row, audio=row.audio.resolve()) for row in kept)
        broken = [*(row for row in rows if isinstance(row, Problem)), *repeated]
        if not records and not broken:
            raise got("corpus.keep", list(self.keep), f"conditions that one of the {len(rows)} rows meets")
        self.splits.check_speakers({record.speaker for record in records})
        placed = []
        for record, place in zip(records, self.splits.place_all(records), strict=True):
            licence = licence_of(record.custom) or self.licence
            custom = {**record.custom, "split": place.split, "role": place.role}
            if licence:
                custom["licence"] = licence
            placed.append(replace(record, custom=custom))
        return placed, broken

    def _named_rows(self) -> list[Record | Problem]:
        with collector_paused():
            return [row if isinstance(row, Problem) else named(row) for row in self.rows()]

    def _folders(self, recordings: Sequence[Path]) -> set[Path]:
        """Folders below which the recordings lie: the corpus' own, and for files elsewhere their own folders."""
        own = [root if root.is_dir() else root.parent for root in (each.resolve() for each in self.roots)]
        strangers = (path.parent for path in recordings if not any(path.is_relative_to(root) for root in own))
        return {*own, *strangers}


def named(record: Record) -> Record | Problem:
    """Return the record, if its id and speaker can become parts of file names, and its recording can be a file."""
    if not is_path(record.audio):
        shown = f"{str(record.audio)[:200]!r}, expected a name that a file can have"
        return Problem(printable(record.id)[:200], "unfit path", shown)
    for what, text in (("id", record.id), ("speaker", record.speaker)):
        if not is_name(text):
            return Problem(printable(record.id)[:200], f"unfit {what}", f"{text[:200]!r}, expected {RULE}")
    return record


def once_each(records: Iterable[Record]) -> tuple[list[Record], list[Problem]]:
    """Leave out rows whose recording another row has under another id: it would count twice, perhaps in two splits.

    Args:
        records: with paths that are resolved; of rows with one id and one path, the check names the second.
    """
    known: dict[Path, str] = {}
    first, repeated = [], []
    for record in records:
        if known.setdefault(record.audio, record.id) == record.id:
            first.append(record)
        else:
            detail = f"{printable(record.audio)} is the recording of row {known[record.audio]}"
            repeated.append(Problem(record.id, "duplicate recording", detail))
    return first, repeated


def facts_of(record: Record) -> RowFacts:
    """Return what a placed row is, for those who ask what a corpus has."""
    role, split = str(record.custom["role"]), str(record.custom["split"])
    return RowFacts(record.speaker, role, split, record.emotion, record.language, record.text, bool(record.phones))


def _bare(record: Record) -> Record:
    return replace(record, custom={k: v for k, v in record.custom.items() if k not in ("split", "role")})


def audio_below(root: Path) -> list[Path]:
    """Return all audio files below a folder, in a fixed order.

    Raises:
        InputError: the folder cannot be listed.
    """
    try:
        return sorted(path for path in root.rglob("*") if path.suffix.lower() in (".wav", ".flac"))
    except OSError as error:
        raise InputError(f"corpus folder {root}: cannot be listed ({error})") from error
