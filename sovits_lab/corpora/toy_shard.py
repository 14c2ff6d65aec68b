"""`python -m sovits_lab.corpora.toy_shard`: one speaker of the toy corpus, spoken in a process of its own.

espeak-ng's output depends on what the process spoke before. One fresh process for each speaker, with its utterances in
the planned order, makes the audio a function of the plan alone, whatever the number of processes. A job comes as JSON
on stdin, the result leaves as JSON on stdout.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from sovits_lab.audio.files import resample, save_audio
from sovits_lab.audio.trim import trim_silence
from sovits_lab.text.espeak import speak
from sovits_lab.types import InputError

PEAK = 0.98


@dataclass(frozen=True)
class Line:
    """One utterance to speak: espeak-ng's settings, level against the speaker's neutral one, file to write."""

    text: str
    rate: float
    pitch: float
    range: float
    word_gap: float
    gain_db: float
    neutral: bool
    path: str


@dataclass(frozen=True)
class ShardJob:
    """All utterances of one speaker."""

    voice: str
    sample_rate: int
    level_dbfs: float
    lines: list[Line]


@dataclass(frozen=True)
class Spoken:
    """What was written: size, and (symbol, start, duration) of each phone in seconds."""

    samples: int
    phones: list[tuple[str, float, float]]


def speak_job(job: ShardJob) -> list[Spoken]:
    """Synthesise, resample, trim, level and write every line; the phone times follow the trimming."""
    clips, spoken = [], []
    for line in job.lines:
        wav, phones = _say(line, job)
        clips.append(wav)
        spoken.append(Spoken(len(wav), phones))
    gains = _gains(clips, job)
    for wav, gain, line in zip(clips, gains, job.lines, strict=True):
        save_audio(Path(line.path), (wav * gain).astype(np.float32), job.sample_rate)
    return spoken


def _say(line: Line, job: ShardJob) -> tuple[np.ndarray, list[tuple[str, float, float]]]:
    voice = f"en-us+{job.voice}"
    speech = speak(line.text, voice=voice, rate=line.rate, pitch=line.pitch, range=line.range, word_gap=line.word_gap)
    wav = resample(speech.wav, speech.sample_rate, job.sample_rate)
    times = [phone.start / speech.sample_rate for phone in speech.phones] + [speech.end / speech.sample_rate]
    cut = trim_silence(wav, job.sample_rate)
    # A first or last phone may be quieter than the trimmer's threshold: it is speech all the same.
    first = int(min(cut.start, times[0]) * job.sample_rate)
    last = round(max(cut.end, times[-1]) * job.sample_rate)
    shifted = [time - first / job.sample_rate for time in times]
    phones = [
        (phone.symbol, round(start, 5), round(end - start, 5))
        for phone, start, end in zip(speech.phones, shifted, shifted[1:], strict=False)
    ]
    return wav[first:last], phones


def _gains(clips: list[np.ndarray], job: ShardJob) -> list[float]:
    """Linear gain of each clip: neutral speech at `level_dbfs`, emotions relative to it, the speaker's peak below 1.

    The same offset is taken from all clips of a speaker when the loudest would clip, so that emotions keep their
    distance in level.
    """
    neutral = [clip for clip, line in zip(clips, job.lines, strict=True) if line.neutral] or clips
    power = np.mean(np.concatenate(neutral).astype(np.float64) ** 2)
    base = 10 ** (job.level_dbfs / 20) / np.sqrt(power)
    gains = [base * 10 ** (line.gain_db / 20) for line in job.lines]
    peak = max(float(np.abs(clip).max()) * gain for clip, gain in zip(clips, gains, strict=True))
    return [float(gain * min(1.0, PEAK / peak)) for gain in gains]


def main() -> int:
    """Run the job on stdin; a user's mistake is one line on stderr and exit status 2."""
    raw = json.load(sys.stdin)
    job = ShardJob(**{**raw, "lines": [Line(**line) for line in raw["lines"]]})
    try:
        spoken = speak_job(job)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    json.dump([asdict(item) for item in spoken], sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
