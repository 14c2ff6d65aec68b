"""A voice that hums, and the example story, for the film's tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np

from sovits_lab.dialogue.actor import SpeechOrder
from sovits_lab.dialogue.session import StoryFilm
from sovits_lab.inference.streaming import SpokenPiece
from sovits_lab.inference.timings import PhoneTime, Timings, WordTime

STORY = Path(__file__).parents[2] / "experiments" / "interactive_film" / "story"
RATE = 16_000
WORD_SECONDS = 0.05


class HummingActor:
    """Hums each word for a twentieth of a second, a pitch for each letter; the same order gives the same sound.

    Args:
        delay: seconds before each word, as if it had to be thought of.
        word: seconds that a word is hummed.

    Attributes:
        threads: in which it hummed.
        hold: while it is cleared, nothing is hummed after the first word; a wish to stop ends the waiting.
    """

    sample_rate, model = RATE, "hum"
    emotions = ("angry", "happy", "neutral", "sad")
    speakers = ("ann", "bob", "cid")
    languages = ("en",)
    shifts_pitch = True

    def __init__(self, delay: float = 0.0, word: float = WORD_SECONDS) -> None:
        self.delay, self.word = delay, word
        self.orders: list[SpeechOrder] = []
        self.words = 0
        self.threads: set[int] = set()
        self.hold = threading.Event()
        self.hold.set()

    def say(self, order: SpeechOrder, cancelled: Callable[[], bool]) -> Generator[SpokenPiece, None, tuple[str, ...]]:
        """Yield a piece for each word."""
        self.orders.append(order)
        steps = np.arange(round(self.word * RATE)) / RATE
        for place, word in enumerate(order.text.split()):
            if self.delay:
                time.sleep(self.delay)
            while self.words and not self.hold.is_set() and not cancelled():
                time.sleep(0.001)
            if cancelled():
                return ("cancelled",)
            self.words += 1
            self.threads.add(threading.get_ident())
            tone = 150 + 20 * (ord(word[0]) % 16) + order.seed % 7
            wav = (0.3 * order.rate * np.sin(2 * np.pi * tone * steps)).astype(np.float32)
            start, end = place * self.word, (place + 1) * self.word
            yield SpokenPiece(wav, Timings((PhoneTime("AA1", start, end),), (WordTime(word, start, end),)))
        return ()


def example() -> StoryFilm:
    """Return the story that the project brings."""
    return StoryFilm.load(STORY)
