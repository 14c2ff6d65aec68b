"""Mouth shapes against sound: the times that a voice tells, beside a recording of the same phones with known times.

The recording is laid over the voice's sound by dynamic time warping of their cepstra. Where the mouth changes its
shape, the place that the sound gives is compared with the place that the voice tells. The warping errs by some
milliseconds itself (`experiments/interactive_film/lips.py` says by how many).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import librosa
import numpy as np
from jaxtyping import Float, Float32

from sovits_lab.audio.files import resample
from sovits_lab.dialogue.visemes import shapes_of
from sovits_lab.inference.request import Request
from sovits_lab.inference.synthesizer import Synthesizer
from sovits_lab.types import got

RATE = 16_000  # Hz
HOP, WINDOW, COEFFICIENTS = 80, 400, 13  # samples at RATE; of the cepstrum


class SpokenPhones(NamedTuple):
    """A sound at RATE, its phones and where each begins, seconds."""

    wav: Float32[np.ndarray, " T"]
    phones: Sequence[str]
    starts: Sequence[float]


def time_phones(synthesizer: Synthesizer, request: Request) -> SpokenPhones:
    """Return a request as a film speaks it, with the phone times that the player needs."""
    pieces = list(synthesizer.stream_timed(request))
    wav = resample(np.concatenate([piece.wav for piece in pieces]), synthesizer.voice.sample_rate, RATE)
    phones = [one for piece in pieces for one in piece.timings.phones]
    return SpokenPhones(wav, [one.phone for one in phones], [one.start for one in phones])


def lateness(known: SpokenPhones, other: SpokenPhones) -> list[float]:
    """Return by how many milliseconds the other tells each change of the mouth later than it is heard.

    Raises:
        InputError: the two do not say the same phones.
    """
    if list(known.phones) != list(other.phones):
        raise got("phones", " ".join(other.phones), " ".join(known.phones))
    path = librosa.sequence.dtw(cepstrum(known.wav), cepstrum(other.wav))[1]
    frames = np.bincount(path[:, 0], weights=path[:, 1]) / np.bincount(path[:, 0])  # of the other, for each known one
    mapped = np.interp(np.array(known.starts) * RATE / HOP, np.arange(len(frames)), frames) * HOP / RATE
    pairs = enumerate(pairwise(known.phones), 1)
    changes = [place for place, (before, here) in pairs if shapes_of(before)[-1] != shapes_of(here)[0]]
    return [1000 * (other.starts[place] - float(mapped[place])) for place in changes]


def cepstrum(wav: Float32[np.ndarray, " T"]) -> Float[np.ndarray, "C L"]:
    """Return cepstra with their slopes every 5 ms, each coefficient of mean nought and deviation one."""
    found = librosa.feature.mfcc(y=wav, sr=RATE, n_mfcc=COEFFICIENTS, n_fft=WINDOW, hop_length=HOP, n_mels=40)
    both = np.vstack([found, librosa.feature.delta(found, width=5)])
    return (both - both.mean(1, keepdims=True)) / (both.std(1, keepdims=True) + 1e-6)
