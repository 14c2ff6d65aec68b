"""One thread for all that a voice computes, whoever asks.

torch and oneDNN keep scratch memory and prepared kernels for each thread that computes, so a film whose sessions each
have a thread would grow until every one of them has met its longest line.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Piece = TypeVar("Piece")


class VoiceThread:
    """Steps through iterators in a thread of its own.

    Attributes:
        seconds: processor time that its steps have taken.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="film-voice")
        self.seconds = 0.0

    def steps(self, stream: Iterator[Piece]) -> Generator[Piece, None, object]:
        """Yield what an iterator yields; returns what it returns."""
        while True:
            try:
                piece = self._pool.submit(self._step, stream).result()
            except StopIteration as end:
                return end.value
            yield piece

    def _step(self, stream: Iterator[Piece]) -> Piece:
        began = time.thread_time()
        try:
            return next(stream)
        finally:
            self.seconds += time.thread_time() - began
