"""The sounds of a listening test: matched in loudness, damaged on purpose, spliced with instructions; FLAC."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr

from evaluation.listening.controls import DAMAGED, INSTRUCTION
from evaluation.listening.trials import ANCHOR, Stimulus
from evaluation.scoring.recording import Recording, read_recording
from evaluation.validity.degradations import RATE as NARROW
from evaluation.validity.degradations import pink
from sovits_lab.files import write_whole
from sovits_lab.types import got

RATE = 24000
LOUDNESS = -23.0  # LUFS, EBU R 128
PEAK = 0.89  # -1 dB: louder sounds lower the loudness of all
BLOCK = 0.4  # seconds that the loudness gate needs
ANCHOR_HZ = 3500.0  # ITU-R BS.1534-3, low anchor
LEAD = 0.8  # seconds of the clip before the voice of a trap
VOICES = {"en": "en-us", "zh": "cmn"}


class MatchedSounds(NamedTuple):
    """What was written: the loudness that every sound has, and files in another language by name."""

    loudness: float
    spoken: dict[str, dict[str, str]]


def measure_loudness(wav: np.ndarray, rate: int) -> float:
    """Measure the loudness of mono sound [T] in LUFS (ITU-R BS.1770-4); short sounds are heard as their own loop."""
    import pyloudnorm

    least = int(np.ceil(BLOCK * rate)) + 1
    whole = np.tile(wav, -(-least // len(wav))) if len(wav) < least else wav
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(pyloudnorm.Meter(rate).integrated_loudness(whole.astype(np.float64)))


def match_loudness(wavs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Bring all sounds at 24 kHz to one loudness; if one would be clipped, all are softer by as much.

    Raises:
        InputError: a sound in which nothing is heard.
    """
    made = {}
    for name, wav in wavs.items():
        loudness = measure_loudness(wav, RATE)
        if not np.isfinite(loudness):
            raise got(f"sound {name}, loudness", loudness, "an audible recording")
        made[name] = wav * 10 ** ((LOUDNESS - loudness) / 20)
    peak = max((float(np.abs(wav).max()) for wav in made.values()), default=0.0)
    gain = min(1.0, PEAK / peak) if peak > 0 else 1.0
    return {name: (wav * gain).astype(np.float32) for name, wav in made.items()}


def write_sounds(stimuli: dict[str, Stimulus], folder: Path, instructions: dict[str, dict[str, str]]) -> MatchedSounds:
    """Write every stimulus of a test as FLAC at 24 kHz.

    Args:
        stimuli: by file name.
        folder: of the sounds.
        instructions: by language and kind, what the voice of a trap says.

    Raises:
        InputError: a sound that cannot be read, or a language without a voice.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wavs, spoken = {}, dict[str, dict[str, str]]()
    for name, one in stimuli.items():
        wav = _read(one)
        kind, _, what = one.treatment.partition(" ")
        if kind == INSTRUCTION:
            for number, (language, texts) in enumerate(sorted(instructions.items())):
                file = name if number == 0 else f"{name[:-1]}{'g' if name[-1] != 'g' else 'h'}{number}"
                spoken.setdefault(language, {})[name] = file
                wavs[file] = _spliced(wav, texts[what], language)
        else:
            wavs[name] = _treated(wav, kind)
    matched = match_loudness(wavs)
    for name, wav in matched.items():
        write_flac(folder / f"{name}.flac", wav, RATE)
    first = next(iter(matched.values()), None)
    return MatchedSounds(LOUDNESS if first is None else measure_loudness(first, RATE), spoken)


def write_flac(path: Path, wav: np.ndarray, rate: int) -> None:
    """Write sound [T] or [T, channels] as 16-bit FLAC under its final name once it is whole."""
    memory = io.BytesIO()
    soundfile.write(memory, wav, rate, format="FLAC", subtype="PCM_16")
    write_whole(path, memory.getvalue())


def _read(one: Stimulus) -> np.ndarray:
    clip = read_recording(one.path, RATE)
    if not isinstance(clip, Recording):
        raise got(f"{one.path}, sound of {one.system}", clip.reason, "a recording that can be played")
    return clip.wav


def _treated(wav: np.ndarray, kind: str) -> np.ndarray:
    if kind == ANCHOR:
        from scipy.signal import butter, sosfiltfilt

        return sosfiltfilt(butter(8, ANCHOR_HZ, fs=RATE, output="sos"), wav)
    if kind == DAMAGED:
        narrow = pink(soxr.resample(wav, RATE, NARROW), np.random.default_rng(len(wav)), 0.0)
        return soxr.resample(narrow, NARROW, RATE)
    return wav


def _spliced(wav: np.ndarray, text: str, language: str) -> np.ndarray:
    """The beginning of the clip, then a voice that says what to answer (P.808, trapping questions)."""
    from sovits_lab.text.espeak_library import synthesise

    if language not in VOICES:
        raise got("language of a listening test", language, f"one of {', '.join(VOICES)}")
    speech = synthesise(text, VOICES[language], {"rate": 140, "volume": 100, "pitch": 50, "range": 50, "word_gap": 0})
    voice = soxr.resample(speech.samples.astype(np.float32) / 32768, speech.sample_rate, RATE)
    head = wav[: int(LEAD * RATE)]
    gain = np.sqrt(np.mean(np.square(head)) / max(1e-12, float(np.mean(np.square(voice)))))
    return np.concatenate([head, np.zeros(RATE // 3, np.float32), voice * gain])


def write_headphone_check(folder: Path, rounds: int, seed: int) -> tuple[int, ...]:
    """Write the screening of Woods et al. (2017): three 200 Hz tones, one softer by 6 dB, another in opposite phase.

    Over loudspeakers the one in opposite phase cancels and seems softest; over headphones the soft one is. Returns
    which is softest in each round, 0 to 2.
    """
    rng, answers = np.random.default_rng(seed), []
    folder.mkdir(parents=True, exist_ok=True)
    t = np.arange(int(0.6 * RATE)) / RATE
    fade = np.minimum(1.0, np.minimum(t, t[::-1]) / 0.05)
    tone = (0.25 * np.sin(2 * np.pi * 200 * t) * fade).astype(np.float32)
    pause = np.zeros((int(0.35 * RATE), 2), np.float32)
    for number in range(rounds):
        soft, opposite, _ = (int(i) for i in rng.permutation(3))
        parts: list[np.ndarray] = []
        for place in range(3):
            left = tone * (0.5 if place == soft else 1.0)
            right = -left if place == opposite else left
            parts += [np.stack([left, right], axis=1), pause]
        write_flac(folder / f"headphones{number}.flac", np.concatenate(parts[:-1]), RATE)
        answers.append(soft)
    return tuple(answers)
