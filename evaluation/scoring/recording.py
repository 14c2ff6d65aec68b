"""Audio for judges: any file that libsndfile reads becomes mono float32 at the rate asked for, or a reason why not."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from sovits_lab.audio.files import MOST_DECODED, RATES

SHORTEST = 0.05  # seconds; below this no judge can say anything
LONGEST = 600.0  # seconds; above this a file is no utterance


@dataclass(frozen=True)
class Recording:
    """Mono samples in [-1, 1] at `rate`, the hash of the file's bytes, its own rate, and what had to be done to it."""

    wav: np.ndarray
    rate: int
    digest: str
    source_rate: int = 0
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        return len(self.wav) / self.rate


@dataclass(frozen=True)
class Unusable:
    """A file that no judge can score, and why, in words for the report."""

    reason: str
    digest: str = ""


def read_recording(path: Path | None, rate: int) -> Recording | Unusable:
    """Read, mix to mono, resample (soxr HQ). A file that cannot be used is a result too: it is counted, not raised."""
    if path is None:
        return Unusable("no output")
    if not path.is_file():
        return Unusable("file is missing")
    if path.stat().st_size > MOST_DECODED:
        return Unusable(f"a file of more than {MOST_DECODED >> 20} MiB")
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:16]
    try:
        info = soundfile.info(path)
        seconds = info.duration
        if not RATES[0] <= info.samplerate <= RATES[1]:
            return Unusable(f"{info.samplerate} Hz is no rate of a recording", digest)
        if seconds > LONGEST:  # before it is decoded
            return Unusable(f"{seconds:.0f} s long, at most {LONGEST:.0f} s are an utterance", digest)
        samples, source_rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        return Unusable(f"unreadable: {error.error_string}", digest)
    except TypeError:  # what soundfile says of a file called .raw
        return Unusable("unreadable: samples without a header", digest)
    notes = ["mixed to mono"] if samples.shape[1] > 1 else []
    wav = samples.mean(axis=1)
    seconds = len(wav) / source_rate
    reason = _unusable(wav, seconds)
    if reason:
        return Unusable(reason, digest)
    if np.mean(np.abs(wav) >= 0.999) > 0.001:
        notes.append("clipped")
    if source_rate != rate:
        wav = soxr.resample(wav, source_rate, rate)
        notes.append(f"resampled from {source_rate} Hz")
    return Recording(np.ascontiguousarray(wav, dtype=np.float32), rate, digest, source_rate, tuple(notes))


def _unusable(wav: np.ndarray, seconds: float) -> str:
    if not np.isfinite(wav).all():
        return "samples that are not finite"
    if seconds < SHORTEST:
        return f"{seconds * 1000:.0f} ms long, at least {SHORTEST * 1000:.0f} ms needed"
    if float(np.max(np.abs(wav))) < 1e-4:
        return "silent"
    return ""
