"""What speaking a text costs: first sound, all of it, processor seconds, and how often a listener has to wait."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

SENTENCES = (
    "The river is cold today.",
    "Nobody asked her why she went there, and she said nothing of it to anyone.",
    "Seven men walked home in the rain.",
    "The boat was old, but it had never let them down before.",
)


def text_of(words: int) -> str:
    """Return English text of so many words, whose last sentence may be cut."""
    stock = [word for sentence in SENTENCES for word in sentence.split()]
    chosen = [stock[i % len(stock)] for i in range(words)]
    return " ".join(chosen).rstrip(",.") + "."


def processor_seconds() -> float:
    """Return the processor time of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


@dataclass(frozen=True)
class SpokenText:
    """The figures of one text that was spoken.

    Attributes:
        first: seconds from the text to the first piece that is not silent.
        whole: seconds to the last.
        processor: seconds of computing.
        speech: seconds of audio.
        waits: pieces that came after everything before them had been played.
        first_processor: seconds of computing to the first piece that is not silent.
    """

    first: float
    whole: float
    processor: float
    speech: float
    waits: int
    first_processor: float = 0.0

    def figures(self) -> dict[str, float]:
        """Return the attributes by name."""
        return asdict(self)


def waits_of(arrivals: Sequence[float], lengths: Sequence[float]) -> int:
    """Count the pieces that came too late, if playing begins with the first one; both in seconds."""
    late, end = 0, float("inf")
    for arrival, length in zip(arrivals, lengths, strict=True):
        late += arrival > end
        end = (arrival if end == float("inf") else max(arrival, end)) + length
    return late


def time_pieces(pieces: Iterable[NDArray[np.floating]], rate: int) -> SpokenText:
    """Take the pieces of a waveform as they come, and time them; `pieces` does no work before it is iterated."""
    began, used = time.perf_counter(), processor_seconds()
    arrivals, lengths, first, first_used = [], [], 0.0, 0.0
    for piece in pieces:
        arrivals.append(time.perf_counter() - began)
        lengths.append(len(piece) / rate)
        if not first and piece.any():
            first, first_used = arrivals[-1], processor_seconds() - used
    whole = time.perf_counter() - began
    return SpokenText(first, whole, processor_seconds() - used, sum(lengths), waits_of(arrivals, lengths), first_used)
