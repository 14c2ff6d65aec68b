"""The one manifest of every corpus: a Lhotse CutSet in `cuts.jsonl.gz`, with relative paths where it can."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from sovits_lab.audio.files import load_audio
from sovits_lab.corpora.checked_cuts import checked_rows
from sovits_lab.files import reason_of, write_whole
from sovits_lab.pipeline.memory import collector_paused
from sovits_lab.pipeline.sources import FACTS
from sovits_lab.types import InputError

if TYPE_CHECKING:
    from lhotse import CutSet
    from lhotse.cut import Cut, MonoCut

MANIFEST = "cuts.jsonl.gz"
SPLITS = ("train", "valid", "test")
ROLES = ("emotional", "target", "judge", "heldout")


@runtime_checkable
class Progress(Protocol):
    """Whoever shows how far a long work has come."""

    def progress(self, done: int, total: int, unit: str) -> None:
        """Report that `done` of `total` `unit` are finished."""


class Phone(NamedTuple):
    """A phone's place in a recording, in seconds."""

    symbol: str
    start: float
    duration: float


@dataclass(frozen=True)
class Record:
    """One utterance as a reader found it.

    Attributes:
        id: unique within the corpus.
        audio: the recording; relative paths are relative to the manifest.
        text: what is said.
        speaker: who says it.
        language: ISO 639 code, such as "en".
        emotion: label, "neutral" where the corpus has none.
        intensity: strength as the corpus writes it.
        sentence: key under which the same text is found with other speakers.
        custom: further facts, kept in the manifest.
        split: where the corpus itself puts it, one of `SPLITS`; empty where it does not say.
        phones: where each phone is, gapless from start to end; empty where that is not known.
    """

    id: str
    audio: Path
    text: str
    speaker: str
    language: str
    emotion: str = "neutral"
    intensity: str | float = "normal"
    sentence: str = ""
    custom: Mapping[str, Any] = field(default_factory=dict)
    split: str = ""
    phones: tuple[Phone, ...] = ()


class Header(NamedTuple):
    """Size of a recording."""

    sample_rate: int
    samples: int


def cut(record: Record, header: Header, split: str, role: str) -> MonoCut:
    """Return a whole recording with its one supervision."""
    from lhotse import AudioSource, MonoCut, Recording, SupervisionSegment
    from lhotse.supervision import AlignmentItem

    seconds = header.samples / header.sample_rate
    custom = {"emotion": record.emotion, "intensity": record.intensity, "split": split, "role": role}
    supervision = SupervisionSegment(
        id=record.id,
        recording_id=record.id,
        start=0.0,
        duration=seconds,
        text=record.text,
        language=record.language,
        speaker=record.speaker,
        custom=custom | {"sentence": record.sentence or record.text} | dict(record.custom),
        alignment={"phone": [AlignmentItem(*phone) for phone in record.phones]} if record.phones else None,
    )
    recording = Recording(
        id=record.id,
        sources=[AudioSource(type="file", channels=[0], source=record.audio.as_posix())],
        sampling_rate=header.sample_rate,
        num_samples=header.samples,
        duration=seconds,
    )
    return MonoCut(
        id=record.id, start=0.0, duration=seconds, channel=0, recording=recording, supervisions=[supervision]
    )


def write_cuts(cuts: Iterable[Cut], folder: Path) -> Path:
    """Write `cuts.jsonl.gz` into `folder`, whole or not at all; the same cuts always give the same bytes."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, filename="") as stream:
        for item in cuts:
            stream.write(json.dumps(item.to_dict(), ensure_ascii=False).encode() + b"\n")
    path = folder / MANIFEST
    write_whole(path, packed.getvalue())
    return path


def write_facts(folder: Path, roots: Iterable[Path], read_from: Iterable[str] = (), state: str = "") -> None:
    """Write beside the manifest below which folders its recordings lie, from what it was read, and the state of
    that.
    """
    facts = {
        "roots": sorted({str(root.resolve()) for root in roots}),
        "read_from": sorted(read_from),
        "state": state,
    }
    write_whole(folder / FACTS, (json.dumps(facts, indent=1, ensure_ascii=False) + "\n").encode())


def read_cuts(path: Path | str) -> CutSet:
    """Read a manifest (or the folder that holds it) with its audio paths made absolute.

    Raises:
        InputError: missing, unreadable or empty; a row that `checked_rows` refuses.
    """
    from lhotse import CutSet, MonoCut

    path = Path(path)
    path = path / MANIFEST if path.is_dir() else path
    cuts = []
    with collector_paused():
        for number, row in enumerate(checked_rows(path), 1):
            try:
                cuts.append(MonoCut.from_dict({key: value for key, value in row.items() if key != "type"}))
            except (TypeError, ValueError, KeyError, AttributeError, AssertionError, LookupError) as error:
                where = f"corpus manifest {path}, row {number}"
                raise InputError(f"{where}: cannot be read as a Lhotse MonoCut ({reason_of(error)})") from error
    return CutSet.from_cuts(cuts)


def audio_of(item: Cut, sample_rate: int) -> Float32[np.ndarray, " T"]:
    """Return the samples of a cut of `read_cuts`, mono.

    Raises:
        InputError: the recording is missing or cannot be read.
    """
    wav = load_audio(item.recording.sources[0].source, sample_rate, mix_down=True, rate="any")
    first = round(item.start * sample_rate)
    return wav[first : first + round(item.duration * sample_rate)]


def phones_of(item: Cut) -> list[Phone]:
    """Return the phone alignment of a cut, empty when it has none."""
    alignment = item.supervisions[0].alignment or {}
    return [Phone(part.symbol, part.start, part.duration) for part in alignment.get("phone", ())]
