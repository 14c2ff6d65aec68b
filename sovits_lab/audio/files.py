"""Audio files to arrays and back: the one door through which recordings enter and leave."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import soundfile
import soxr
from jaxtyping import Float32

from sovits_lab.files import reason_of, write_whole
from sovits_lab.types import LONGEST_SHOWN, InputError, got

Rate = Literal["at_least", "exact", "any"]
RATES = (1000, 768_000)  # Hz of recordings; what a header says beyond them is damage
MOST_DECODED = 2 << 30  # bytes; a small file may say that it holds years
BLOCK = 1 << 20  # samples decoded at once
SUBTYPES = {".wav": "PCM_16", ".flac": "PCM_16"}


class AudioInfo(NamedTuple):
    """What a file's header says."""

    sample_rate: int
    samples: int
    channels: int

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return self.samples / self.sample_rate


def audio_info(path: Path | str) -> AudioInfo:
    """Read the header only.

    Raises:
        InputError: when the file is missing, is not audio, or holds no sample.
    """
    path = Path(path)
    try:
        there, ordinary = path.exists(), path.is_file()
    except OSError as error:  # such as a name that is too long
        raise got(f"audio file {str(path)[:LONGEST_SHOWN]}", reason_of(error), "a readable recording") from error
    if not ordinary:
        raise got(f"audio file {path}", "no file" if there else "nothing there", "a readable recording")
    try:
        info = soundfile.info(str(path))
    except (soundfile.LibsndfileError, OSError, TypeError) as error:  # TypeError: samples without a header (.raw)
        if path.stat().st_size == 0:
            raise got(f"audio file {path}", "an empty file (0 bytes)", "a readable recording") from error
        reason = error.error_string if isinstance(error, soundfile.LibsndfileError) else error
        way = "expected WAV, FLAC, Ogg, Opus or MP3; convert it, as by ffmpeg -i IN OUT.wav"
        raise InputError(f"audio file {path}: cannot be read as audio ({reason}): {way}") from error
    if info.frames <= 0:
        raise got(f"audio file {path}", "0 samples", "a recording with sound in it")
    refuse_rate(f"audio file {path}", info.samplerate)
    if (missing := missing_bytes(path)) > 0:
        raise InputError(
            f"audio file {path}: it is cut short, {missing} bytes of its samples are missing; copy it again"
        )
    return AudioInfo(int(info.samplerate), int(info.frames), int(info.channels))


def refuse_rate(name: str, sample_rate: int) -> None:
    """Refuse a sampling rate that no recording has: times and resampling by it would be nonsense."""
    if not RATES[0] <= sample_rate <= RATES[1]:
        raise got(name, f"{sample_rate} Hz", f"a sampling rate of {RATES[0]} to {RATES[1]} Hz")


def load_audio(
    path: Path | str,
    sample_rate: int,
    *,
    max_seconds: float | None = None,
    mix_down: bool = False,
    rate: Rate = "at_least",
    first_seconds: float | None = None,
) -> Float32[np.ndarray, " T"]:
    """Read a recording as mono float32 in [-1, 1] at `sample_rate`.

    Args:
        path: WAV, FLAC, OGG, MP3 or whatever libsndfile reads.
        sample_rate: wanted samples per second.
        max_seconds: refuse anything longer, before it is decoded.
        mix_down: average the channels; otherwise more than one channel is an error.
        rate: "exact" refuses every other rate, "at_least" resamples downwards only (a lower rate lacks the upper
            band that the models expect), "any" resamples both ways.
        first_seconds: read no more than the beginning.

    Raises:
        InputError: missing, unreadable, empty, too long, several channels, wrong rate, NaN or infinite samples.
    """
    info = audio_info(path)
    if info.samples * info.channels * 4 > MOST_DECODED:
        raise got(f"audio file {path}", f"{info.seconds:.0f} s", f"at most {MOST_DECODED >> 20} MiB of decoded samples")
    if max_seconds is not None and info.seconds > max_seconds:
        raise got(f"audio file {path}", f"{info.seconds:.1f} s", f"at most {max_seconds:g} s")
    if info.channels > 1 and not mix_down:
        raise got(f"audio file {path}", f"{info.channels} channels", "mono")
    if rate == "exact" and info.sample_rate != sample_rate:
        raise got(f"audio file {path}", f"{info.sample_rate} Hz", f"{sample_rate} Hz")
    if rate == "at_least" and info.sample_rate < sample_rate:
        raise got(f"audio file {path}", f"{info.sample_rate} Hz", f"at least {sample_rate} Hz")
    wanted = info.samples if first_seconds is None else min(info.samples, round(first_seconds * info.sample_rate))
    wav = _mixed_down(Path(path), wanted)
    if not np.isfinite(wav).all():
        raise got(f"audio file {path}", "NaN or infinite samples", "finite samples")
    return resample(wav, info.sample_rate, sample_rate)


def _mixed_down(path: Path, samples: int) -> Float32[np.ndarray, " T"]:
    """Decode the first samples of a file, the mean of its channels; in blocks, so that no more than these are held."""
    wav, place = np.empty(samples, np.float32), 0
    try:
        with soundfile.SoundFile(str(path)) as file:
            while place < samples:
                block = file.read(min(BLOCK, samples - place), dtype="float32", always_2d=True)
                if not len(block):
                    break
                wav[place : place + len(block)] = block.mean(axis=1)
                place += len(block)
    except (soundfile.LibsndfileError, OSError) as error:
        way = "convert it, as by ffmpeg -i IN OUT.wav"
        raise InputError(f"audio file {path}: cannot be decoded ({reason_of(error)}): {way}") from error
    if place < samples:
        raise got(f"audio file {path}", f"{place} samples", f"{samples}, as its header says; copy it again")
    return wav


def missing_bytes(path: Path) -> int:
    """Count the bytes of samples that a WAV file says to have and has not; 0 for other files, and for no such word.

    libsndfile reads a file that was cut short as a shorter one.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return 0
        while len(chunk := file.read(8)) == 8:
            length = int.from_bytes(chunk[4:], "little")
            if chunk[:4] == b"data":
                unknown = length in (0, 0xFFFFFFFF, 0x7FFFFFFF)  # as programs write that cannot know
                return 0 if unknown else max(0, file.tell() + length - size)
            file.seek(length + length % 2, os.SEEK_CUR)
    return 0


def resample(wav: Float32[np.ndarray, " T"], rate: int, to: int) -> Float32[np.ndarray, " T2"]:
    """Change the sample rate (libsoxr, high quality); the same rate returns the same array."""
    if rate == to:
        return wav
    return np.asarray(soxr.resample(wav, rate, to, quality="HQ"), dtype=np.float32)


def save_audio(path: Path | str, wav: Float32[np.ndarray, " T"], sample_rate: int) -> int:
    """Write 16-bit WAV or FLAC (by suffix) so that the final name only ever holds a whole file.

    Returns:
        How many samples lay outside [-1, 1] and were clipped.

    Raises:
        InputError: unknown suffix, empty or non-finite waveform, or a disk that does not take the file.
    """
    return save_pieces(path, iter([wav]), sample_rate).clipped


class SavedAudio(NamedTuple):
    """How many samples were written, and how many of them lay outside [-1, 1] and were clipped."""

    samples: int
    clipped: int


def save_pieces(path: Path | str, pieces: Iterator[Float32[np.ndarray, " _"]], sample_rate: int) -> SavedAudio:
    """Write a recording as its pieces are made, of which none is kept but its 16 bits; else as `save_audio`.

    Raises:
        InputError: as `save_audio`.
    """
    path = Path(path)
    if (suffix := path.suffix.lower()) not in SUBTYPES:
        raise got(f"audio file {path}", path.suffix, f"one of {', '.join(SUBTYPES)}")
    samples = clipped = 0
    encoded = io.BytesIO()
    form = {"format": suffix[1:].upper(), "subtype": SUBTYPES[suffix], "channels": 1}
    # libsndfile swallows "no space left"; encoding in memory leaves the writing to calls that report it.
    with soundfile.SoundFile(encoded, "w", sample_rate, **form) as file:
        for piece in pieces:
            if not np.isfinite(piece).all():
                raise got(f"audio to be written to {path}", "NaN or infinite samples", "finite samples")
            file.write(np.clip(piece, -1.0, 1.0))
            samples += len(piece)
            clipped += int(np.count_nonzero(np.abs(piece) > 1.0))
    if not samples:
        raise got(f"audio to be written to {path}", "0 samples", "a sound")
    write_whole(path, encoded.getbuffer())
    return SavedAudio(samples, clipped)
