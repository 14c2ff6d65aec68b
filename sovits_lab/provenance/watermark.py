"""An inaudible mark in the sound itself: embedded, read back, looked for in any recording.

The mark says that a program made the speech, not which one or when. How often it is found after which treatment, and
how often where there is none: docs/provenance.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32

from sovits_lab.audio.files import resample
from sovits_lab.nn.processor import multiplies_bf16
from sovits_lab.provenance.perth import (
    BANDS,
    SPAN_DB,
    WINDOW,
    MarkDecoder,
    PerthNetwork,
    fits,
    levels_of,
    load_perth,
    window_of,
)
from sovits_lab.types import got

Wave = Float32[np.ndarray, " T"]
NAME = "perth-implicit-250000"
THRESHOLD = 0.5  # presence from which a mark is said to be there
SHORT = 5.0  # seconds below which chance looks like a mark more often
SHORT_THRESHOLD = 0.8  # so more is asked of them
STRENGTHS = (1.0, 1.4, 2.0)  # of the changes in decibels, tried in turn until the mark reads back
SHORTEST = 2 * WINDOW  # seconds; what is shorter stays unmarked
READABLE = 1.5  # seconds from which a mark must read back; of what is shorter nothing is said
FADE = 0.01  # seconds at both ends over which the mark sets in, so that pieces of a stream join without a click
SILENCE = 1e-4  # largest sample of what nobody hears
WORKING_RATE = 24_000  # Hz, for rates of which 64 ms are no whole number of samples
LEVEL = 10 ** (-17 / 20)  # root mean square at which the detector is asked: it takes soft speech for marked more often
PART = 20.0  # seconds that are looked at together in a long recording


class MarkedWave(NamedTuple):
    """Marked speech, and the presence that was read back from it; NaN where it is too short or silent to tell.

    `wanted` is the presence from which speech of this length is taken for marked.
    """

    wav: Wave
    presence: float
    wanted: float = THRESHOLD

    @property
    def reads_back(self) -> bool:
        """Whether the mark was found again, or nobody could expect it."""
        return not self.presence < self.wanted


class MarkedPart(NamedTuple):
    """A part of a recording in seconds, and how surely it holds a mark: near 0 without, near 1 with one."""

    start: float
    end: float
    presence: float

    @property
    def judged(self) -> bool:
        """Whether it is long enough for a verdict."""
        return self.end - self.start >= READABLE

    @property
    def found(self) -> bool:
        """Whether it is said to hold a mark."""
        return self.judged and self.presence >= wanted_presence(self.end - self.start)


class MarkDetection(NamedTuple):
    """What was found in a recording, part by part."""

    parts: Sequence[MarkedPart]

    @property
    def presence(self) -> float:
        """The presence of the part that most surely holds a mark; 0 without parts."""
        return max((part.presence for part in self.parts), default=0.0)

    @property
    def judged(self) -> bool:
        """Whether some part is long enough for a verdict."""
        return any(part.judged for part in self.parts)

    @property
    def found(self) -> bool:
        """Whether some part holds a mark."""
        return any(part.found for part in self.parts)


def wanted_presence(seconds: float) -> float:
    """Return the presence from which a recording of so many seconds is said to hold a mark."""
    return SHORT_THRESHOLD if seconds < SHORT else THRESHOLD


class SpeechWatermark:
    """Embeds and finds the mark; threads may share one.

    Reading back a mark is most of the work of embedding it. Where the processor multiplies bfloat16 that is done in it;
    recordings of unknown origin are always looked at in float32.

    Args:
        network: see `load_perth`.
    """

    def __init__(self, network: PerthNetwork) -> None:
        self.network = network.eval()
        self._reader = deepcopy(network.decoder).bfloat16() if multiplies_bf16() else network.decoder

    def mark(self, wav: Wave, sample_rate: int) -> MarkedWave:
        """Return speech of the same length with the mark, as strong as it must be to read back, see `STRENGTHS`."""
        if len(wav) < SHORTEST * sample_rate or float(np.abs(wav).max()) < SILENCE:
            return MarkedWave(wav, float("nan"))
        marked, wanted = MarkedWave(wav, float("nan")), wanted_presence(len(wav) / sample_rate)
        for strength in STRENGTHS:
            changed = self.embed(wav, sample_rate, strength)
            presence = self._presence(changed, sample_rate, self._reader)
            readable = len(wav) >= READABLE * sample_rate
            marked = MarkedWave(changed, presence if readable else float("nan"), wanted)
            if presence >= wanted:
                break
        return marked

    @torch.inference_mode()
    def embed(self, wav: Wave, sample_rate: int, strength: float = 1.0) -> Wave:
        """Add the mark, of 1 as it was trained; more is found more surely and heard more easily."""
        rate = sample_rate if fits(sample_rate) else WORKING_RATE
        given = resample(wav, sample_rate, rate)
        spectra = levels_of(torch.from_numpy(np.ascontiguousarray(given))[None], rate)
        size, hop = window_of(rate)
        gains = 10 ** (self.network.encoder(spectra.levels) * (strength * SPAN_DB / 20))
        change = torch.zeros_like(spectra.spectrum)
        change[:, :BANDS] = spectra.spectrum[:, :BANDS] * (gains - 1)
        added = torch.istft(change, size, hop, window=torch.hann_window(size), length=len(given))[0].numpy()
        added = _fitted(resample(added, rate, sample_rate), len(wav))
        return np.asarray(wav + added * _faded(len(wav), round(FADE * sample_rate)), dtype=np.float32)

    def presence(self, wav: Wave, sample_rate: int) -> float:
        """Return how surely a recording holds a mark, taken as a whole: near 0 without, near 1 with one."""
        return self._presence(wav, sample_rate, self.network.decoder)

    @torch.inference_mode()
    def _presence(self, wav: Wave, sample_rate: int, decoder: MarkDecoder) -> float:
        rate = sample_rate if fits(sample_rate) else WORKING_RATE
        given = resample(wav, sample_rate, rate)
        if len(given) < SHORTEST * rate or float(np.abs(given).max()) < SILENCE:
            return 0.0
        given = given * np.float32(LEVEL / np.sqrt(np.mean(np.square(given))))
        spectra = levels_of(torch.from_numpy(np.ascontiguousarray(given))[None], rate)
        return float(decoder(spectra.levels)[0].clip(0, 1))

    def detect(self, wav: Wave, sample_rate: int) -> MarkDetection:
        """Look for the mark in parts of at most `PART` seconds."""
        if not np.isfinite(wav).all():
            raise got("recording", "NaN or infinite samples", "finite samples")
        count = max(1, round(len(wav) / (PART * sample_rate)))
        borders = np.linspace(0, len(wav), count + 1).round().astype(int)
        parts = [
            MarkedPart(start / sample_rate, end / sample_rate, self.presence(wav[start:end], sample_rate))
            for start, end in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True)
        ]
        return MarkDetection(parts)


@lru_cache(maxsize=1)
def released_watermark() -> SpeechWatermark:
    """Return the mark with the released weights, loaded once.

    Raises:
        InputError: the weights are missing.
    """
    return SpeechWatermark(load_perth())


def _fitted(wav: Wave, size: int) -> Wave:
    """The waveform at exactly that length; resampling there and back is off by a sample or two."""
    return np.pad(wav[:size], (0, max(0, size - len(wav))))


def _faded(size: int, fade: int) -> Wave:
    ramp = (np.arange(fade, dtype=np.float32) + 0.5) / fade
    weights = np.ones(size, dtype=np.float32)
    weights[:fade], weights[size - fade :] = ramp, ramp[::-1]
    return weights
