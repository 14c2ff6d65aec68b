"""The gate that speech passes before anybody hears it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sovits_lab.inference.request import is_broken

FRAME = 0.02  # seconds
AUDIBLE = 10 ** (-50 / 20)  # RMS of full scale above which a frame is no silence
Heard = Callable[[NDArray[np.float32], int], str]  # a recogniser: speech and its rate to its words


@dataclass(frozen=True)
class QualityGate:
    """Says what is wrong with speech, by measures that need no model.

    Attributes:
        retries: how many times an order whose speech is bad is spoken again, each time with another seed.
        quickest, slowest: letters a second outside of which speech swallowed words or ran away; texts of fewer than
            `fewest` letters are not judged by it.
        fewest: letters.
        most_silence: share of frames that may be silent.
    """

    retries: int = 1
    quickest: float = 45.0
    slowest: float = 3.0
    fewest: int = 12
    most_silence: float = 0.7

    def flags(self, wav: NDArray[np.float32], sample_rate: int, text: str, flags: Sequence[str]) -> tuple[str, ...]:
        """Return the guard's flags and the gate's own: "not_finite", "silence", "too_quick", "too_slow".

        Args:
            wav: mono [T].
            sample_rate: Hz.
            text: what was to be said, without markup.
            flags: what the synthesizer said.
        """
        found = list(flags)
        if not np.isfinite(wav).all():
            return (*found, "not_finite")
        if self._silence(wav, sample_rate) > self.most_silence:
            found.append("silence")
        letters = sum(letter.isalnum() for letter in text)
        if letters >= self.fewest and text.isascii() and len(wav):
            speed = letters / (len(wav) / sample_rate)
            found += ["too_quick"] * (speed > self.quickest) + ["too_slow"] * (speed < self.slowest)
        return tuple(dict.fromkeys(found))

    def is_bad(self, flags: Sequence[str]) -> bool:
        """Return whether speech with these flags should be spoken again."""
        again = {"empty", "runaway", "truncated", "silence", "too_quick", "too_slow", "not_finite"}
        return is_broken(flags) and bool(again & set(flags))

    def _silence(self, wav: NDArray[np.float32], sample_rate: int) -> float:
        size = max(1, int(FRAME * sample_rate))
        frames = wav[: len(wav) // size * size].reshape(-1, size)
        return float((np.sqrt((frames**2).mean(1)) < AUDIBLE).mean()) if len(frames) else 1.0
