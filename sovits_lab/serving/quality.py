"""The gate that speech passes before anybody hears it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sovits_lab.audio.files import resample
from sovits_lab.corpora.transcripts import BAD, RATE, Transcriber, spoken_difference, whisper_transcriber
from sovits_lab.inference.request import is_broken

FRAME = 0.02  # seconds
LETTERS_PER_DIGIT = 8  # at most, as in 7,777: "seven thousand seven hundred and seventy-seven"
AUDIBLE = 10 ** (-50 / 20)  # RMS of full scale above which a frame is no silence


@dataclass(frozen=True)
class QualityGate:
    """Says what is wrong with speech, by measures that need no model and by what a recogniser hears, if any.

    Attributes:
        retries: how many times an order whose speech is bad is spoken again, each time with another seed.
        quickest, slowest: letters a second outside of which speech swallowed words or ran away; texts of fewer than
            `fewest` letters are not judged by it.
        fewest: letters.
        most_silence: share of frames that may be silent.
        transcribe: a recogniser; None compares no words. It costs about as much again as speaking does.
        least_recognised: seconds of speech below which a recogniser is not asked: of a word alone it hears anything.
        most_misheard: share of the letters, or of the sounds, that may differ from what it hears.
    """

    retries: int = 1
    quickest: float = 45.0
    slowest: float = 3.0
    fewest: int = 12
    most_silence: float = 0.7
    transcribe: Transcriber | None = None
    least_recognised: float = 1.0
    most_misheard: float = BAD

    def flags(
        self,
        wav: NDArray[np.float32],
        sample_rate: int,
        text: str,
        flags: Sequence[str],
        language: str | None = None,
        pauses: float = 0.0,
    ) -> tuple[str, ...]:
        """Return the guard's flags and the gate's own: "not_finite", "silence", "too_quick", "too_slow", "misheard".

        Args:
            wav: mono [T].
            sample_rate: Hz.
            text: what was to be said, without markup.
            flags: what the synthesizer said.
            language: of the text, for the recogniser.
            pauses: seconds of silence that the text asks for; they are no fault of the speech.
        """
        found = list(flags)
        if not np.isfinite(wav).all():
            return (*found, "not_finite")
        if self._silence(wav, sample_rate, pauses) > self.most_silence:
            found.append("silence")
        letters = sum(letter.isalnum() for letter in text)
        seconds = len(wav) / sample_rate - pauses
        if letters >= self.fewest and text.isascii() and seconds > 0:
            most = letters + (LETTERS_PER_DIGIT - 1) * sum(letter.isdigit() for letter in text)
            found += ["too_quick"] * (letters > self.quickest * seconds)
            found += ["too_slow"] * (most < self.slowest * seconds)
        if self.transcribe is not None and letters and seconds >= self.least_recognised and "silence" not in found:
            hypothesis = self.transcribe(resample(wav, sample_rate, RATE), language)
            found += ["misheard"] * (spoken_difference(text, hypothesis, language) > self.most_misheard)
        return tuple(dict.fromkeys(found))

    def is_bad(self, flags: Sequence[str]) -> bool:
        """Return whether speech with these flags should be spoken again."""
        again = {"empty", "runaway", "truncated", "silence", "too_quick", "too_slow", "not_finite", "misheard"}
        return is_broken(flags) and bool(again & set(flags))

    def _silence(self, wav: NDArray[np.float32], sample_rate: int, pauses: float) -> float:
        size = max(1, int(FRAME * sample_rate))
        frames = wav[: len(wav) // size * size].reshape(-1, size)
        silent = int((np.sqrt((frames**2).mean(1)) < AUDIBLE).sum())
        asked = min(silent, round(pauses / FRAME))
        return (silent - asked) / (len(frames) - asked) if len(frames) > asked else 1.0


def gate_of(recogniser: str) -> QualityGate:
    """Return the gate with a recogniser by the name of its weights, such as whisper-base; "" for none.

    Raises:
        InputError: weights that are not installed.
    """
    return QualityGate(transcribe=whisper_transcriber(recogniser)) if recogniser else QualityGate()
