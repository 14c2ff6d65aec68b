"""Checks every row of a corpus before any compute is spent, and names each bad one."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sovits_lab.audio.files import audio_info, load_audio
from sovits_lab.corpora.manifest import Header, Progress, Record
from sovits_lab.files import write_whole
from sovits_lab.types import InputError

if TYPE_CHECKING:
    from lhotse.cut import Cut

Readable = Callable[[str, str], str | None]
"""Text and language to the reason why nobody can read it, or None."""


class Problem(NamedTuple):
    """A bad row: which one, of which kind, and what exactly."""

    row: str
    reason: str
    detail: str


class Sound(NamedTuple):
    """A row that can be used, with the size of its recording."""

    record: Record
    header: Header


@dataclass(frozen=True)
class Limits:
    """What counts as bad.

    Attributes:
        min_seconds, max_seconds: allowed durations.
        sample_rate: lowest allowed rate, Hz.
        full_scale: a sample at least as large counts as clipped.
        clipped_share: allowed share of clipped samples.
        silence_peak: a recording whose largest sample is smaller is silent (0.001 is -60 dBFS).
        speakers_apart: no speaker may be in two splits.
    """

    min_seconds: float = 0.3
    max_seconds: float = 20.0
    sample_rate: int = 16_000
    full_scale: float = 0.999
    clipped_share: float = 0.001
    silence_peak: float = 0.001
    speakers_apart: bool = False


@dataclass(frozen=True)
class Diagnosis:
    """What the check found; `problems` may name a row more than once."""

    usable: Sequence[Sound]
    problems: Sequence[Problem]
    total: int

    def by_reason(self) -> dict[str, list[Problem]]:
        """Problems by kind, the most frequent first."""
        groups: dict[str, list[Problem]] = defaultdict(list)
        for problem in self.problems:
            groups[problem.reason].append(problem)
        return dict(sorted(groups.items(), key=lambda item: -len(item[1])))

    def with_problems(self, more: Sequence[Problem]) -> Diagnosis:
        """The same with rows that could not even be named."""
        return replace(self, problems=[*more, *self.problems], total=self.total + len(more))

    def require_usable(self, corpus: str, shown: int = 5) -> None:
        """Refuse a corpus without a usable row, naming the first bad ones.

        Raises:
            InputError: no usable row.
        """
        if self.usable:
            return
        first = "; ".join(f"{row} ({reason}: {detail})" for row, reason, detail in self.problems[:shown])
        more = f"; and {len(self.problems) - shown} more" if len(self.problems) > shown else ""
        raise InputError(
            f"{corpus}: got no usable row of {self.total}, expected at least one: {first or 'empty'}{more}"
        )

    def write(self, path: Path) -> None:
        """All problems as a table of tab-separated values."""
        rows = ["row\treason\tdetail", *("\t".join(_flat(part) for part in problem) for problem in self.problems)]
        write_whole(path, ("\n".join(rows) + "\n").encode())


def _flat(text: str) -> str:
    return " ".join(text.split())


@dataclass
class _Findings:
    bad: list[Problem] = field(default_factory=list)
    sound: list[Sound] = field(default_factory=list)


def check(
    records: Iterable[Record], limits: Limits, report: Progress, readable: Readable | None = None, heard: bool = True
) -> Diagnosis:
    """Check all rows, their audio in parallel.

    Rows tell their split and role in `custom`.

    Args:
        records: rows with absolute audio paths.
        limits: what counts as bad.
        report: told how many rows are done.
        readable: judges a text; None checks only that there is one.
        heard: decode the recordings, too; else their headers alone are read.
    """
    rows = list(records)
    findings = _Findings()
    known: set[str] = set()
    conflicts = _conflicts(rows, limits)
    for done, (row, header, audio) in enumerate(_listen(rows, limits, heard)):
        reasons = [*audio, *_row_reasons(row, known, conflicts, readable)]
        known.add(row.id)
        findings.bad.extend(Problem(row.id, reason, f"{detail} [{row.audio}]") for reason, detail in reasons)
        if not reasons and header is not None:
            findings.sound.append(Sound(row, header))
        report.progress(done + 1, len(rows), "recordings")
    return Diagnosis(findings.sound, findings.bad, len(rows))


def check_cuts(cuts: Iterable[Cut], limits: Limits, report: Progress, readable: Readable | None = None) -> Diagnosis:
    """`check` for a manifest that is already there."""
    return check((record_of(item) for item in cuts), limits, report, readable)


def record_of(item: Cut) -> Record:
    """The row that a cut came from."""
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


Reason = tuple[str, str]


def _row_reasons(row: Record, known: set[str], conflicts: dict[str, str], readable: Readable | None) -> list[Reason]:
    reasons = []
    if row.id in known:
        reasons.append(("duplicate id", row.id))
    if not row.text.strip():
        reasons.append(("empty text", "no text"))
    elif readable is not None and (why := readable(row.text, row.language)) is not None:
        reasons.append(("unreadable text", f"{row.text!r}: {why}"))
    if row.speaker in conflicts:
        reasons.append(("speaker in two places", conflicts[row.speaker]))
    return reasons


def _conflicts(rows: Sequence[Record], limits: Limits) -> dict[str, str]:
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


class _Heard(NamedTuple):
    row: Record
    header: Header | None
    reasons: list[Reason]


_FEW = 64  # below this many rows the start of processes costs more than it saves


def _listen(rows: Sequence[Record], limits: Limits, heard: bool) -> Iterable[_Heard]:
    hear = partial(_hear, limits=limits, heard=heard)
    workers = 1 if not heard else min(len(os.sched_getaffinity(0)), len(rows) // _FEW + 1)
    if workers == 1:
        yield from map(hear, rows)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("forkserver")) as pool:
        yield from pool.map(hear, rows, chunksize=16)


def _hear(row: Record, limits: Limits, heard: bool) -> _Heard:
    """Header and samples of one recording against the limits."""
    if not row.audio.is_file():
        return _Heard(row, None, [("missing", "no such file")])
    try:
        info = audio_info(row.audio)
        header = Header(info.sample_rate, info.samples)
        reasons = _header_reasons(header, info.channels, limits)
        # A file that is far too long is not decoded.
        wav = (
            None
            if not heard or (reasons and info.seconds > limits.max_seconds)
            else load_audio(row.audio, info.sample_rate, mix_down=True)
        )
    except InputError as error:
        return _Heard(row, None, [("unreadable", str(error))])
    return _Heard(row, header, reasons + ([] if wav is None else _sample_reasons(wav, limits)))


def _header_reasons(header: Header, channels: int, limits: Limits) -> list[Reason]:
    seconds = header.samples / header.sample_rate
    reasons = []
    if seconds < limits.min_seconds:
        reasons.append(("too short", f"{seconds:.2f} s, expected at least {limits.min_seconds:g} s"))
    if seconds > limits.max_seconds:
        reasons.append(("too long", f"{seconds:.1f} s, expected at most {limits.max_seconds:g} s"))
    if header.sample_rate < limits.sample_rate:
        reasons.append(("wrong rate", f"{header.sample_rate} Hz, expected at least {limits.sample_rate} Hz"))
    if channels != 1:
        reasons.append(("several channels", f"{channels} channels, expected mono"))
    return reasons


def _sample_reasons(wav: np.ndarray, limits: Limits) -> list[Reason]:
    size = np.abs(wav)
    share = float(np.mean(size >= limits.full_scale))
    if size.max() < limits.silence_peak:
        return [("silent", f"largest sample {size.max():.5f}, expected at least {limits.silence_peak:g}")]
    if share > limits.clipped_share:
        return [
            (
                "clipped",
                f"{100 * share:.2f} % of the samples at full scale, expected at most {100 * limits.clipped_share:g} %",
            )
        ]
    return []


def counts(diagnosis: Diagnosis) -> dict[str, int]:
    """Usable rows of each role, split and emotion, for a table."""
    return dict(
        sorted(
            Counter(
                " / ".join(str(sound.record.custom.get(key, "?")) for key in ("role", "split"))
                + f" / {sound.record.emotion}"
                for sound in diagnosis.usable
            ).items()
        )
    )
