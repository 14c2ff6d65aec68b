"""Checks every row of a corpus before any compute is spent, and names each bad one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sovits_lab.corpora.limits import ClipLimits
from sovits_lab.corpora.manifest import Header, Progress, Record
from sovits_lab.corpora.names import RULE, is_name
from sovits_lab.corpora.sounds import Reason, examine
from sovits_lab.corpora.texts import TextJudge
from sovits_lab.files import printable, write_whole
from sovits_lab.types import InputError

if TYPE_CHECKING:
    from lhotse.cut import Cut

SHOWN = 5  # rows that a refusal names
LONGEST_SHOWN = 120  # characters of a text in a table of bad rows
Readable = Callable[[str, str], str | None]
"""Text and language to the reason why nobody can read it, or None."""


class Problem(NamedTuple):
    """A bad row: which one, of which kind, and what exactly."""

    row: str
    reason: str
    detail: str


class ClipMeasures(NamedTuple):
    """A row that can be used, with the size of its recording."""

    record: Record
    header: Header


@dataclass(frozen=True)
class Diagnosis:
    """What the check found; `problems` may name a row more than once, `notes` are about the corpus as a whole."""

    usable: Sequence[ClipMeasures]
    problems: Sequence[Problem]
    total: int
    notes: Sequence[str] = ()

    def by_reason(self) -> dict[str, list[Problem]]:
        """Group problems by kind, the most frequent first."""
        groups: dict[str, list[Problem]] = defaultdict(list)
        for problem in self.problems:
            groups[problem.reason].append(problem)
        return dict(sorted(groups.items(), key=lambda item: -len(item[1])))

    def with_problems(self, more: Sequence[Problem]) -> Diagnosis:
        """Return the same with rows that could not even be named."""
        return replace(self, problems=[*more, *self.problems], total=self.total + len(more))

    def summary(self) -> str:
        """Return how many rows are usable, and why the others are left out, in one line."""
        left = count_reasons(self.problems)
        out = f"; left out and listed in bad_rows.tsv: {left}" if left else ""
        return f"{len(self.usable)} of {self.total} rows are usable{out}"

    def require_usable(self, corpus: str) -> None:
        """Refuse a corpus without a usable row, naming the first bad ones.

        Raises:
            InputError: no usable row.
        """
        if self.usable:
            return
        first = "; ".join(printable(f"{row} ({reason}: {detail})") for row, reason, detail in self.problems[:SHOWN])
        more = f"; and {len(self.problems) - SHOWN} more" if len(self.problems) > SHOWN else ""
        notes = "".join(f"; {printable(note)}" for note in self.notes)
        raise InputError(
            f"{corpus}: got no usable row of {self.total}, expected at least one: {first or 'empty'}{more}{notes}"
        )

    def write(self, path: Path) -> None:
        """Write all problems as a table of tab-separated values."""
        write_problems(path, self.problems)


def write_problems(path: Path, problems: Iterable[Problem]) -> None:
    """Write bad rows as a table of tab-separated values."""
    rows = ["row\treason\tdetail", *("\t".join(_flat(part) for part in problem) for problem in problems)]
    write_whole(path, ("\n".join(rows) + "\n").encode("utf-8", "backslashreplace"))


def count_reasons(problems: Iterable[Problem]) -> str:
    """Return the kinds of bad rows with their numbers, the most frequent first."""
    return ", ".join(f"{count} {reason}" for reason, count in Counter(each.reason for each in problems).most_common())


def _flat(text: str) -> str:
    """A cell of a table: one line without control characters, and no formula of a spreadsheet."""
    cell = printable(" ".join(text.split()))
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell


@dataclass
class _Findings:
    bad: list[Problem] = field(default_factory=list)
    sound: list[ClipMeasures] = field(default_factory=list)


def check(
    records: Iterable[Record],
    limits: ClipLimits,
    report: Progress,
    readable: Readable | None = None,
    decode: bool = True,
) -> Diagnosis:
    """Check all rows, their audio in parallel.

    Rows tell their split and role in `custom`.

    Args:
        records: rows with absolute audio paths.
        limits: what counts as bad.
        report: told how many rows are done.
        readable: judges a text; None checks only that there is one. A `TextJudge` also compares text and length.
        decode: decode the recordings, too; else their headers alone are read.
    """
    rows = list(records)
    findings = _Findings()
    known: set[str] = set()
    conflicts = _conflicts(rows, limits)
    for done, (row, header, speech, audio) in enumerate(examine(rows, limits, decode)):
        reasons = [*audio, *_row_reasons(row, known, conflicts, readable)]
        if not reasons and speech is not None and isinstance(readable, TextJudge):
            why = readable.misfit(row.text, row.language, speech)
            reasons += [] if why is None else [("text and length", f"{_opening(row.text)}: {why}")]
        known.add(row.id)
        findings.bad.extend(Problem(row.id, reason, f"{detail} [{row.audio}]") for reason, detail in reasons)
        if not reasons and header is not None:
            findings.sound.append(ClipMeasures(row, header))
        report.progress(done + 1, len(rows), "recordings")
    return Diagnosis(findings.sound, findings.bad, len(rows))


def check_cuts(
    cuts: Iterable[Cut], limits: ClipLimits, report: Progress, readable: Readable | None = None
) -> Diagnosis:
    """Check a manifest that is already there."""
    return check((record_of(item) for item in cuts), limits, report, readable)


def record_of(item: Cut) -> Record:
    """Return the row that a cut came from."""
    spoken = item.supervisions[0]
    custom = dict(spoken.custom or {})
    return Record(
        id=item.id,
        audio=Path(item.recording.sources[0].source),
        text=spoken.text or "",
        speaker=spoken.speaker or "",
        language=spoken.language or "",
        emotion=custom.get("emotion", "neutral"),
        intensity=custom.get("intensity", "normal"),
        sentence=custom.get("sentence", ""),
        custom=custom,
    )


def _row_reasons(row: Record, known: set[str], conflicts: dict[str, str], readable: Readable | None) -> list[Reason]:
    reasons = []
    if not is_name(row.id):
        reasons.append(("unfit id", f"{row.id[:200]!r}, expected {RULE}"))
    if row.id in known:
        reasons.append(("duplicate id", row.id))
    if not row.text.strip():
        reasons.append(("empty text", "no text"))
    elif readable is not None and (why := readable(row.text, row.language)) is not None:
        reasons.append(("unreadable text", f"{_opening(row.text)}: {why}"))
    if row.speaker in conflicts:
        reasons.append(("speaker in two places", conflicts[row.speaker]))
    return reasons


def _opening(text: str) -> str:
    return repr(text) if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]!r}..."


def _conflicts(rows: Sequence[Record], limits: ClipLimits) -> dict[str, str]:
    """Speakers that would let a test hear what it must not have heard."""
    roles: dict[str, set[str]] = defaultdict(set)
    splits: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        roles[row.speaker].add(str(row.custom.get("role", "emotional")))
        splits[row.speaker].add(str(row.custom.get("split", "train")))
    found = {name: f"roles {', '.join(sorted(has))}" for name, has in roles.items() if len(has) > 1}
    for name, has in splits.items():
        if (limits.speakers_apart and len(has) > 1) or (roles[name] == {"heldout"} and has != {"test"}):
            found.setdefault(name, f"splits {', '.join(sorted(has))}")
    return found


def counts(diagnosis: Diagnosis) -> dict[str, int]:
    """Count the usable rows of each role, split and emotion, for a table."""
    return dict(
        sorted(
            Counter(
                " / ".join(str(sound.record.custom.get(key, "?")) for key in ("role", "split"))
                + f" / {sound.record.emotion}"
                for sound in diagnosis.usable
            ).items()
        )
    )
