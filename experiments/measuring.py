"""What the scripts that measure voices share: how a bundle says a text, the words that are heard, intervals."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from evaluation.intelligibility.errors import count_errors
from evaluation.judges.faster_whisper import FasterWhisper
from evaluation.scoring.normalisers import NORMALISERS
from sovits_lab.audio.files import resample
from sovits_lab.inference.synthesizer import Synthesizer
from sovits_lab.types import InputError

RATE = 16_000
SENTENCES = Path(__file__).parent / "starter_voice" / "sentences.txt"
Say = Callable[[str, str], np.ndarray]  # text, emotion -> samples at RATE


class RecognisedWords(NamedTuple):
    """What a recogniser heard of each sentence, its word error rate, and the number of words that were to be said."""

    texts: Sequence[str]
    errors: np.ndarray
    words: np.ndarray


def sentences(count: int) -> list[str]:
    """Return sentences that no corpus holds."""
    return SENTENCES.read_text(encoding="utf-8").splitlines()[:count]


def speech_of_voice(folder: str | Path, who: str | Path | None = None) -> Say:
    """Return what speaks with a bundle, by its one speaker or by a clip."""
    voice = Synthesizer.load(folder)

    def say(text: str, emotion: str) -> np.ndarray:
        made = voice.speak(text, who, emotion=emotion, seed=0)
        return resample(made.wav, made.sample_rate, RATE)

    return say


def recognise_words(judge: FasterWhisper, wavs: Sequence[np.ndarray], texts: Sequence[str]) -> RecognisedWords:
    """Judge English words, under our normaliser."""
    heard = judge.transcribe(wavs, "en")
    units = [[NORMALISERS["lab"].units(one, "en") for one in pair] for pair in zip(texts, heard, strict=True)]
    rates = np.array([count_errors(said, other).rate for said, other in units])
    return RecognisedWords(heard, rates, np.array([len(said) for said, _ in units], dtype=float))


def bounds(values: np.ndarray, weights: np.ndarray) -> tuple[float, float, float]:
    """Return the weighted mean with its 95 % interval, by resampling sentences."""
    draws = np.random.default_rng(0).integers(len(values), size=(2000, len(values)))
    means = (values[draws] * weights[draws]).sum(1) / weights[draws].sum(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float((values * weights).sum() / weights.sum()), float(low), float(high)


def run_script(main: Callable[[list[str]], None]) -> None:
    """Run a script on the words of its command line; what is wrong with them is one line."""
    try:
        main(sys.argv[1:])
    except InputError as error:
        sys.exit(f"error: {error}")
