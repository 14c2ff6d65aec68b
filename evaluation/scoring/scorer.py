"""One judge at a time over all samples: the contract of an scorer, its audio, and the loop with its cache."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
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
CHUNK = 32  # samples between two writes of the cache; also the batch that an scorer sees
HELD_SECONDS = 7200.0  # of decoded audio kept in memory (460 MB)


class AudioFiles:
    """Recordings by path at one rate, read once while they fit into memory."""

    def __init__(self, rate: int = RATE) -> None:
        self.rate = rate
        self._read: OrderedDict[Path | None, Recording | Unusable] = OrderedDict()
        self._digests: dict[Path | None, str] = {None: ""}
        self._seconds = 0.0

    def __call__(self, path: Path | None) -> Recording | Unusable:
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
) -> tuple[MeasurementTable, list[str]]:
    """Score all samples by one scorer after the other.

    Args:
        scorers: asked in this order; each is released before the next is asked.
        samples: what is scored.
        audio: reads the recordings.
        report: is told how far it has come.
        cache: what it holds is not computed again.

    Returns:
        The measurements, and the scorers' notes for the report.
    """
    table, notes, store = MeasurementTable(), [], cache or NoCache()
    for scorer in scorers:
        notes.append(scorer.prepare(samples, audio))
        label = f"samples judged by {scorer.card.name}"
        for done, chunk in _chunks(samples):
            report.progress(done, len(samples), label)
            keys = {one.id: _fingerprint(scorer, one, audio) for one in chunk}
            fresh = [one for one in chunk if not _served(store.rows(keys[one.id]), one, table)]
            before = set(table.rows)
            if fresh:
                scorer.score(fresh, audio, table)
            added: dict[str, list[Measurement]] = {one.id: [] for one in fresh}
            for place, row in table.rows.items():
                if place not in before:
                    added[row.id].append(row)
            for name, rows in added.items():
                store.keep(keys[name], rows)
        report.progress(len(samples), len(samples), label)
        scorer.release()
    return table, [note for note in notes if note]


def _chunks(samples: Sequence[Sample]) -> Iterator[tuple[int, Sequence[Sample]]]:
    for start in range(0, len(samples), CHUNK):
        yield start, samples[start : start + CHUNK]


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
