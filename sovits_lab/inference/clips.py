"""Clips that a user gives: a file, the bytes of one, or samples; read to mono at the rate that a model hears."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from jaxtyping import Float32
from numpy.typing import ArrayLike, NDArray

from sovits_lab.audio.files import audio_info, refuse_rate, resample
from sovits_lab.types import InputError, got

LOWEST_RATE = 8000  # Hz: a telephone's; below it consonants are gone
QUIET = 1e-4  # of full scale: a clip that never exceeds it is silence
MIXED_DOWN, LOW_RATE = "mixed_down", "low_rate"  # remarks


@dataclass(frozen=True)
class AudioArray:
    """Sound in memory.

    Attributes:
        wav: numbers in [-1, 1], `T` of them, or `T x channels`.
        sample_rate: Hz.
    """

    wav: ArrayLike
    sample_rate: int

    def __repr__(self) -> str:
        return f"AudioArray({shape_of(self.wav)}, {self.sample_rate} Hz)"


ClipLike = str | Path | bytes | AudioArray


class MonoClip(NamedTuple):
    """A clip as a model hears it.

    Attributes:
        wav: mono.
        name: what messages call it.
        content: a digest of what was given; equal clips have equal ones, wherever they come from.
        remarks: "mixed_down" (it had several channels), "low_rate" (its rate is below the model's, so the upper band is
            missing).
    """

    wav: Float32[np.ndarray, " T"]
    name: str
    content: str
    remarks: tuple[str, ...]


class _Decoded(NamedTuple):
    samples: NDArray[np.float32]  # T x channels
    rate: int
    content: str


def is_clip(value: object) -> bool:
    """Return whether a value is a clip: a path, bytes or an `AudioArray`, not empty."""
    if isinstance(value, str | Path):
        return bool(str(value))
    return isinstance(value, AudioArray) or (isinstance(value, bytes) and bool(value))


def shape_of(value: object) -> str:
    """Describe an array by its shape, for a message."""
    return f"an array of shape {np.asarray(value).shape}"


def shown(value: object) -> object:
    """Return a short form of a value for a message: a file's bytes or a recording would fill the screen."""
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, np.ndarray) or hasattr(value, "__array__"):
        return shape_of(value)
    if isinstance(value, Path):
        return value
    text = repr(value)
    return f"{text[:60]}... ({len(text)} characters)" if len(text) > 90 else value


def name_of(clip: ClipLike) -> str:
    """Return the name of a clip for messages: its path, or its size."""
    return str(clip) if isinstance(clip, str | Path) else str(shown(clip))


def read_clip(what: str, clip: ClipLike, sample_rate: int, shortest: float, longest: float) -> MonoClip:
    """Read a clip as mono float32 at `sample_rate`.

    Args:
        what: its role, for messages.
        clip: a file, the bytes of a file, or `AudioArray`.
        sample_rate: that the model hears, Hz.
        shortest, longest: seconds.

    Raises:
        InputError: missing, unreadable, of a rate below 8000 Hz, too short, too long, silent or not finite.
    """
    name = f"{what} {name_of(clip)}"
    decoded = _decoded(name, clip, longest)
    seconds = len(decoded.samples) / decoded.rate
    if not np.isfinite(decoded.samples).all():
        raise got(name, "NaN or infinite samples", "finite samples")
    if decoded.rate < LOWEST_RATE:
        raise got(name, f"{decoded.rate} Hz", f"at least {LOWEST_RATE} Hz")
    if not shortest <= seconds <= longest:
        raise got(name, f"{seconds:.2f} s", f"{shortest:g} to {longest:g} s of speech")
    wav = resample(np.ascontiguousarray(decoded.samples.mean(axis=1)), decoded.rate, sample_rate)
    if np.abs(wav).max() < QUIET:
        raise got(name, "silence", "speech")
    remarks: tuple[str, ...] = (MIXED_DOWN,) if decoded.samples.shape[1] > 1 else ()
    remarks += (LOW_RATE,) if decoded.rate < sample_rate else ()
    return MonoClip(wav, name, decoded.content, remarks)


def content_of(clip: ClipLike) -> str:
    """Return a digest by which equal clips are known, without decoding.

    Raises:
        InputError: a file that is not there.
    """
    if isinstance(clip, AudioArray):
        wav = np.ascontiguousarray(clip.wav)
        return _digest(wav.tobytes(), f"{wav.shape}{wav.dtype}{clip.sample_rate}".encode())
    return _digest(_bytes(clip))


def _decoded(name: str, clip: ClipLike, longest: float) -> _Decoded:
    if isinstance(clip, AudioArray):
        return _of_samples(name, clip)
    if not isinstance(clip, bytes):
        seconds = audio_info(clip).seconds  # before the whole file is read
        if seconds > longest:
            raise got(name, f"{seconds:.1f} s", f"at most {longest:g} s")
    data = _bytes(clip)
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            refuse_rate(name, file.samplerate)
            if file.frames / file.samplerate > longest:
                raise got(name, f"{file.frames / file.samplerate:.1f} s", f"at most {longest:g} s")
            if file.frames == 0:
                raise got(name, "0 samples", "a recording with sound in it")
            samples = file.read(file.frames, dtype="float32", always_2d=True)  # GSM wants to be told how many
            return _Decoded(samples, file.samplerate, _digest(data))
    except (soundfile.LibsndfileError, OSError) as error:
        raise InputError(f"{name}: cannot be read as audio ({error})") from error


def _of_samples(name: str, clip: AudioArray) -> _Decoded:
    try:
        wav = np.asarray(clip.wav)
    except ValueError as error:
        raise got(name, "rows of unequal length", "an array of numbers") from error
    if wav.dtype.kind not in "fiu" or wav.ndim not in (1, 2) or not wav.size:
        raise got(name, f"{wav.dtype} of shape {wav.shape}", "numbers, T or T x channels, at least one")
    if wav.dtype.kind != "f":
        raise got(name, f"{wav.dtype} samples", "floats in [-1, 1]; divide whole numbers by their full scale")
    if not isinstance(clip.sample_rate, int | np.integer) or clip.sample_rate < 1:
        raise got(f"{name}: sample_rate", clip.sample_rate, "a whole number of Hz")
    refuse_rate(name, int(clip.sample_rate))
    samples = wav.astype(np.float32).reshape(len(wav), -1)
    if samples.shape[1] > len(samples):
        raise got(name, f"an array of shape {wav.shape}", "T x channels, samples first")
    return _Decoded(samples, int(clip.sample_rate), content_of(clip))


def _bytes(clip: str | Path | bytes) -> bytes:
    if isinstance(clip, bytes):
        return clip
    audio_info(clip)  # says what is wrong with a name
    return Path(clip).read_bytes()


def _digest(*parts: bytes) -> str:
    made = hashlib.sha256()
    for part in parts:
        made.update(part)
    return made.hexdigest()
