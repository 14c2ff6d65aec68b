"""How an emotion is spoken by a neural synthesiser, and what a voice of the natural corpus gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float, Float32

from sovits_lab.corpora.natural_phones import SpelledPhone
from sovits_lab.corpora.settings import within

LIMITS = {"rate": (0.3, 3.0), "pitch": (-24, 24), "range": (0.0, 4.0), "gain_db": (-40, 40), "tilt_db": (-12, 12),
          "breath_db": (-40, 40), "pause": (0.0, 10.0)}  # fmt: skip
FEWEST_VOICED = 5  # frames; F0 of fewer stays as it is
TILT_PIVOT = 1000.0  # Hz, where a tilt leaves the level as it is


@dataclass(frozen=True)
class NaturalStyle:
    """How an emotion is spoken, relative to how the voice speaks by itself.

    Attributes:
        rate: tempo, 1 is the voice's own.
        pitch: shift of F0, semitones.
        range: factor of the deviation of log F0 from its mean.
        gain_db: level.
        tilt_db: change of the spectrum for each octave above 1 kHz; less is softer.
        breath_db: level of the noise in the voice.
        pause: factor of the length of pauses.
    """

    rate: float
    pitch: float
    range: float
    gain_db: float
    tilt_db: float
    breath_db: float
    pause: float

    def vary(self, jitter: NaturalStyle, generator: np.random.Generator) -> NaturalStyle:
        """Move each setting by at most its jitter, evenly, within the limits."""
        width = asdict(jitter)
        moved = {name: value + width[name] * generator.uniform(-1, 1) for name, value in asdict(self).items()}
        return NaturalStyle(
            **{name: min(max(value, LIMITS[name][0]), LIMITS[name][1]) for name, value in moved.items()}
        )


def check_style(style: NaturalStyle, where: str) -> NaturalStyle:
    """Return the style, or raise an InputError for a setting beyond what a voice can do."""
    for name, (least, most) in LIMITS.items():
        within(f"{where}.{name}", getattr(style, name), least, most)
    return style


class NaturalSpeech(NamedTuple):
    """What a voice said: samples, and the seconds of each phone, from the start; empty where the voice does not tell.

    What precedes the first phone counts as part of it, what follows the last as part of that.
    """

    wav: Float32[np.ndarray, " T"]
    sample_rate: int
    seconds: tuple[float, ...]


class NaturalVoice(Protocol):
    """A voice of the natural corpus."""

    def say(self, spelled: Sequence[SpelledPhone], style: NaturalStyle, seed: int) -> NaturalSpeech:
        """Return the phones spoken in a style; the seed is that of whatever noise the voice makes."""
        ...


def moved_f0(f0: Float[np.ndarray, " L"], style: NaturalStyle) -> Float[np.ndarray, " L"]:
    """Return F0 (Hz, 0 where unvoiced) shifted and stretched about its mean logarithm."""
    voiced = f0 > 0
    if voiced.sum() < FEWEST_VOICED:
        return f0
    log = np.log(f0[voiced])
    moved = np.zeros_like(f0)
    moved[voiced] = np.exp(log.mean() + style.range * (log - log.mean()) + style.pitch * np.log(2) / 12)
    return moved


def tilt_of(bins: int, sample_rate: int, tilt_db: float) -> Float[np.ndarray, " F"]:
    """Return the change of each bin of a spectrum, nats; below an octave under the pivot it changes no more."""
    hertz = np.linspace(0, sample_rate / 2, bins)
    octaves = np.log2(np.maximum(hertz, TILT_PIVOT / 2) / TILT_PIVOT)
    return np.log(10) / 20 * tilt_db * octaves
