"""Planted audio: vowels of made voices whose emotions differ in loudness alone, or in pitch alone.

A source of harmonics goes through three resonances; speakers differ in pitch and resonances, texts in the resonances'
order over time. It is a signal with a known truth, not speech.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.signal import lfilter

from evaluation.real_speech.clips import RATE, TARGET_DBFS
from evaluation.real_speech.prosody_vector import measure_prosody_vector
from evaluation.style.baselines import mel_statistics
from evaluation.style.vectors import StyleVectors, make_labels
from evaluation.validity.planted_vectors import PlantedDesign
from sovits_lab.audio.energy import level_dbfs

Emotion = Literal["loudness", "pitch"]
VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (660, 1720, 2410))  # Peterson & Barney 1952
SECONDS = 0.6


def voice(f0: float, stretch: float, vowels: list[int], rng: np.random.Generator) -> np.ndarray:
    """Synthesise vowels [T]: jittered harmonics of `f0` through resonances scaled by `stretch`."""
    samples = int(SECONDS * RATE)
    drift = np.cumsum(rng.normal(0, 0.0005, samples))
    phase = 2 * np.pi * np.cumsum(f0 * (1 + drift)) / RATE
    source = sum(np.sin(k * phase) / k for k in range(1, int(3500 / f0)))
    source = np.asarray(source) + rng.normal(0, 0.01, samples)
    parts = []
    for vowel, part in zip(vowels, np.array_split(source, len(vowels)), strict=True):
        for centre in VOWELS[vowel]:
            radius = np.exp(-np.pi * 90 / RATE)
            angle = 2 * np.pi * centre * stretch / RATE
            part = lfilter([1 - radius], [1, -2 * radius * np.cos(angle), radius**2], part)
        parts.append(part)
    wav = np.concatenate(parts)
    return (0.1 * wav / np.sqrt(np.mean(wav**2))).astype(np.float32)


def planted_recordings(
    design: PlantedDesign, kind: Emotion, seed: int = 0
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Synthesise raw and level-normalised waveforms of a design whose emotions differ in `kind` alone."""
    rng = np.random.default_rng(seed)
    speakers = int(design.speaker.max()) + 1
    pitch, stretch = rng.uniform(100, 200, speakers), rng.uniform(0.9, 1.15, speakers)
    words = [rng.integers(0, len(VOWELS), 3).tolist() for _ in range(int(design.text.max()) + 1)]
    raw, normalised = [], []
    for who, what, text in zip(design.speaker, design.emotion, design.text, strict=True):
        # both codes have the same spread in every speaker: 3 semitones or 6 dB from one emotion to the next
        factor = 2 ** (3 * int(what) / 12) if kind == "pitch" else 1.0
        gain = 6.0 * int(what) - 18.0 if kind == "loudness" else rng.normal(-6, 2)
        wav = voice(pitch[who] * factor * rng.normal(1, 0.02), stretch[who], words[text], rng)
        raw.append((wav * 10 ** ((gain + rng.normal(0, 1)) / 20)).astype(np.float32))
        normalised.append((wav * 10 ** ((TARGET_DBFS - level_dbfs(wav)) / 20)).astype(np.float32))
    return raw, normalised


def planted_audio(design: PlantedDesign, kind: Emotion, seed: int = 0) -> dict[str, StyleVectors]:
    """Measure level, mel statistics and prosody of the planted recordings, by "name audio"."""
    raw, normalised = planted_recordings(design, kind, seed)
    level = np.array([level_dbfs(wav) for wav in raw])
    named = {name: getattr(design.labels, name) for name in ("speaker", "emotion", "text", "sex", "take")}
    labels = make_labels(level.size, **named, level=level)
    found = {"level raw": StyleVectors("level", level[:, None], labels, "raw")}
    for name, encode in (("mel statistics", mel_statistics), ("prosody", measure_prosody_vector)):
        for audio, wavs in (("raw", raw), ("normalised", normalised)):
            found[f"{name} {audio}"] = StyleVectors(name, np.stack([encode(w) for w in wavs]), labels, audio)
    return found
