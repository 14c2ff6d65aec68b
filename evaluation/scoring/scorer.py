"""Every judge over all samples: the contract of a scorer, its audio, and the loop with its cache."""

from __future__ import annotations

import hashlib
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from evaluation.scoring.cache import NoCache, RowCache
from evaluation.scoring.estimates import Estimate
from evaluation.scoring.judge_card import JudgeCard
from evaluation.scoring.measurements import Measurement, MeasurementTable
from evaluation.scoring.recording import Recording, Unusable, read_recording
from evaluation.scoring.samples import Sample
from evaluation.scoring.tables import SampleCell
from sovits_lab.reporting import Reporter

RATE = 16000
CHUNK = 32  # samples between two writes of the cache; also the batch that a scorer sees
HELD_SECONDS = 7200.0  # of decoded audio kept in memory (460 MB)


class AudioFiles:
    """Recordings by path at one rate, read once while they fit into memory; several threads may ask."""

    def __init__(self, rate: int = RATE) -> None:
        self.rate = rate
        self._read: OrderedDict[Path | None, Recording | Unusable] = OrderedDict()
        self._digests: dict[Path | None, str] = {None: ""}
        self._seconds = 0.0
        self._lock = threading.Lock()

    def __call__(self, path: Path | None) -> Recording | Unusable:
        with self._lock:
            return self._get(path)

    def _get(self, path: Path | None) -> Recording | Unusable:
        if path in self._read:
            self._read.move_to_end(path)
            return self._read[path]
        clip = self._read[path] = read_recording(path, self.rate)
        self._digests[path] = clip.digest
        self._seconds += seconds(clip)
        while self._seconds > HELD_SECONDS and len(self._read) > 1:
            self._seconds -= seconds(self._read.popitem(last=False)[1])
        return clip

    def digest(self, path: Path | None) -> str:
        """Compute the hash of a file's bytes without decoding it; empty for a missing one."""
        if path not in self._digests:
            assert path is not None
            content = path.read_bytes() if path.is_file() else None
            self._digests[path] = "" if content is None else hashlib.sha256(content).hexdigest()[:16]
        return self._digests[path]


def seconds(clip: Recording | Unusable) -> float:
    """Return the length of a recording in seconds, 0 for an unusable one."""
    return clip.seconds if isinstance(clip, Recording) else 0.0


def failure_reason(clip: Recording | Unusable) -> str:
    """Say why a recording cannot be scored; empty where it can."""
    return clip.reason if isinstance(clip, Unusable) else ""


class SampleRecording(NamedTuple):
    """A recording of a sample: `part` is output, truth or truth_neutral; `path` is None for an output that failed."""

    sample: Sample
    part: str
    path: Path | None


def list_recordings(samples: Iterable[Sample], parts: Sequence[str]) -> list[SampleRecording]:
    """List the outputs, always, and the true recordings that a sample has."""
    found: list[SampleRecording] = []
    for one in samples:
        for part in parts:
            path = one.wav if part == "output" else getattr(one, part)
            if part == "output" or path is not None:
                found.append(SampleRecording(one, part, path))
    return found


def read_usable(wanted: Iterable[SampleRecording], audio: AudioFiles) -> tuple[list[Path], list[Recording]]:
    """Read each usable file once, in a fixed order; return the paths and their recordings."""
    paths = sorted({one.path for one in wanted if one.path is not None and isinstance(audio(one.path), Recording)})
    return paths, [clip for clip in map(audio, paths) if isinstance(clip, Recording)]


class Scorer(ABC):
    """Turns samples into rows with one judge. The judge is loaded at first use and released after the last sample.

    Attributes:
        card: who judges.
        parts: recordings of a sample that it listens to; with the card and `key` they decide about the cache.
    """

    card: JudgeCard
    parts: tuple[str, ...] = ("output", "truth")

    def prepare(self, samples: Sequence[Sample], audio: AudioFiles) -> str:
        """Look at all samples before the first is scored.

        Returns:
            A note for the report, or nothing.
        """
        return ""

    def key(self, sample: Sample) -> tuple[str, ...]:
        """Return what the measurements depend on beside the judge and the audio."""
        return (sample.text, " ".join(sample.phones))

    @abstractmethod
    def score(self, samples: Sequence[Sample], audio: AudioFiles, to: MeasurementTable) -> None:
        """Add the measurements of these samples.

        Args:
            samples: a batch of them.
            audio: gives the recording of a path, mono [T] at `audio.rate` Hz, or why there is none.
            to: gets a row for each sample and metric; a failed output gets its rows too, with the worst value of the
                scale, `failed` set and the reason; what cannot be judged gets no value and a reason.
        """

    def estimates(self, cell: SampleCell, table: MeasurementTable) -> list[Estimate]:
        """Estimate what the report prints about one group and emotion from this scorer's measurements.

        Args:
            cell: the samples of the group and emotion.
            table: the measurements of all scorers.
        """
        return []

    def release(self) -> None:  # noqa: B027  a scorer without a model has nothing to let go of
        """Let go of what was loaded."""


def score_all(
    scorers: Sequence[Scorer],
    samples: Sequence[Sample],
    audio: AudioFiles,
    report: Reporter,
    cache: RowCache | NoCache | None = None,
    at_once: int = 1,
) -> tuple[MeasurementTable, list[str]]:
    """Score all samples by every scorer.

    Args:
        scorers: each is released when it has heard all. What comes out has their order.
        samples: what is scored.
        audio: reads the recordings.
        report: is told how far it has come.
        cache: what it holds is not computed again.
        at_once: scorers that are loaded and work at a time, each in a thread. The last, mostly the slowest, begin.

    Returns:
        The measurements, and the scorers' notes for the report.
    """
    scoring = _Scoring(samples, audio, report, cache or NoCache(), len(scorers) * len(samples))
    if at_once == 1:
        judged = [scoring.judge(scorer) for scorer in scorers]
    else:
        with ThreadPoolExecutor(at_once) as pool:
            judged = list(pool.map(scoring.judge, reversed(scorers)))[::-1]
    table = MeasurementTable()
    for own, _ in judged:
        for row in own:
            table.add(row)
    return table, [note for _, note in judged if note]


class _Scoring:
    """The samples, and how much of them has been judged; several threads may judge."""

    def __init__(
        self, samples: Sequence[Sample], audio: AudioFiles, report: Reporter, store: RowCache | NoCache, total: int
    ) -> None:
        self.samples, self.audio, self.report, self.store, self.total = samples, audio, report, store, total
        self.done = 0
        self.lock = threading.Lock()

    def judge(self, scorer: Scorer) -> tuple[MeasurementTable, str]:
        """Return a scorer's measurements and its note."""
        table, note = MeasurementTable(), scorer.prepare(self.samples, self.audio)
        for chunk in _chunks(self.samples):
            keys = {one.id: _fingerprint(scorer, one, self.audio) for one in chunk}
            fresh = [one for one in chunk if not _served(self._rows(keys[one.id]), one, table)]
            before = set(table.rows)
            if fresh:
                scorer.score(fresh, self.audio, table)
            added: dict[str, list[Measurement]] = {one.id: [] for one in fresh}
            for place, row in table.rows.items():
                if place not in before:
                    added[row.id].append(row)
            with self.lock:
                for name, rows in added.items():
                    self.store.keep(keys[name], rows)
                self.done += len(chunk)
                self.report.progress(self.done, self.total, "judgements")
        scorer.release()
        return table, note

    def _rows(self, key: str) -> list[Measurement] | None:
        with self.lock:
            return self.store.rows(key)


def _chunks(samples: Sequence[Sample]) -> Iterator[Sequence[Sample]]:
    for start in range(0, len(samples), CHUNK):
        yield samples[start : start + CHUNK]


def _served(rows: list[Measurement] | None, sample: Sample, table: MeasurementTable) -> bool:
    """Add rows from the cache under the sample's present id; False where there are none."""
    if rows is None:
        return False
    for row in rows:
        table.add(Measurement(**{**vars(row), "id": sample.id}))
    return True


def _fingerprint(scorer: Scorer, sample: Sample, audio: AudioFiles) -> str:
    card = scorer.card
    recordings = [audio.digest(one.path) for one in list_recordings([sample], scorer.parts)]
    parts = [type(scorer).__name__, card.name, card.version, card.weight_hash, *recordings, *scorer.key(sample)]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:24]
