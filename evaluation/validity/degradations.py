"""Known damage: what a judge must notice, done to a clean recording in a way that everybody can repeat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import librosa
import numpy as np

RATE = 16000
PIECE = 0.15  # of the recording that is cut out or said twice


@dataclass(frozen=True)
class Degradation:
    """A named change of a recording [T] at 16 kHz. `hurts` names the constructs that must fall under it."""

    name: str
    apply: Callable[[np.ndarray, np.random.Generator], np.ndarray]
    hurts: tuple[str, ...] = ()


def pink(wav: np.ndarray, rng: np.random.Generator, snr: float) -> np.ndarray:
    """Add pink noise at a signal-to-noise ratio in dB."""
    spectrum = np.fft.rfft(rng.standard_normal(len(wav)))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
    noise = np.fft.irfft(spectrum, len(wav))
    gain = np.sqrt(np.mean(np.square(wav)) / np.mean(np.square(noise))) * 10 ** (-snr / 20)
    return wav + gain * noise


def low_pass(wav: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Remove what lies above 2 kHz: Butterworth of order 8, forwards and backwards."""
    from scipy.signal import butter, sosfiltfilt

    return sosfiltfilt(butter(8, 2000.0, fs=RATE, output="sos"), wav)


def cut(wav: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cut a piece out of the middle."""
    start, size = _piece(wav, rng)
    return np.concatenate([wav[:start], wav[start + size :]])


def repeat(wav: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Say a piece of the middle twice."""
    start, size = _piece(wav, rng)
    return np.concatenate([wav[: start + size], wav[start:]])


def truncate(wav: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cut the last quarter off."""
    return wav[: int(0.75 * len(wav))]


def tempo(wav: np.ndarray, rng: np.random.Generator, rate: float) -> np.ndarray:
    """Speak faster or slower at the same pitch (phase vocoder)."""
    return librosa.effects.time_stretch(wav.astype(np.float32), rate=rate)


def pitch(wav: np.ndarray, rng: np.random.Generator, semitones: float) -> np.ndarray:
    """Move the pitch at the same tempo, formants with it."""
    return librosa.effects.pitch_shift(wav.astype(np.float32), sr=RATE, n_steps=semitones)


def _piece(wav: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
    size = int(PIECE * len(wav))
    return int(rng.uniform(0.3, 0.55) * len(wav)), size


def clean(wav: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the recording as it is."""
    return wav


NOISES = (20, 10, 5, 0)  # dB, in falling order: a valid judge falls with them
LADDER = (
    Degradation("clean", clean),
    *(Degradation(f"pink {snr} dB", partial(pink, snr=snr), ("intelligibility", "quality")) for snr in NOISES),
    Degradation("low-pass 2 kHz", low_pass, ("intelligibility", "quality")),
    Degradation("cut 15 %", cut, ("intelligibility",)),
    Degradation("repeat 15 %", repeat, ("intelligibility",)),
    Degradation("truncate 25 %", truncate, ("intelligibility",)),
    Degradation("tempo 1.3", partial(tempo, rate=1.3)),
    Degradation("tempo 0.75", partial(tempo, rate=0.75)),
    Degradation("pitch +4 st", partial(pitch, semitones=4.0), ("speaker",)),
    Degradation("pitch -4 st", partial(pitch, semitones=-4.0), ("speaker",)),
)
OTHER_VOICE = "other voice"  # needs a second speaker, so it is made from the manifest
