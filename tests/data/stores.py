"""Small feature stores for tests: a few voices of noise and tone, aligned or not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sovits_lab.audio.baseline import Baseline
from sovits_lab.audio.spec import AudioSpec
from sovits_lab.audio.spectrogram import log_mel
from sovits_lab.data.store import FeatureStore, StoreWriter, Utterance

SPEC = AudioSpec(n_mels=10)
SYMBOLS = ("_", "a", "b", "c", "d")
EMOTIONS = ("neutral", "sad")


def voice(seed: int, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Waveform and F0 [L] of a harmonic tone with some noise and a pause."""
    rng = np.random.default_rng(seed)
    pitch = np.full(frames, rng.uniform(90, 250), dtype=np.float32)
    pitch[frames // 2 : frames // 2 + 3] = 0
    phase = 2 * np.pi * np.cumsum(np.repeat(pitch, SPEC.hop)) / SPEC.sample_rate
    wav = sum(np.sin(k * phase) / k for k in range(1, 6)) * 0.15 * (np.repeat(pitch, SPEC.hop) > 0)
    return (wav + 0.01 * rng.normal(size=len(wav))).astype(np.float32), pitch


def write_store(
    folder: Path, aligned: bool = True, speakers: Sequence[str] = ("ann", "bob"), each: int = 3, split: str = "train"
) -> FeatureStore:
    """`each` utterances of every speaker and emotion."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    rows, made, start = [], [], 0
    for speaker in speakers:
        for emotion in EMOTIONS:
            for number in range(each):
                frames = 2 * int(rng.integers(20, 32))
                phones = tuple(rng.choice(SYMBOLS[1:], size=int(rng.integers(3, 7))))
                edges = np.sort(rng.choice(np.arange(1, frames), size=len(phones) - 1, replace=False))
                durations = tuple(int(d) for d in np.diff([0, *edges, frames])) if aligned else ()
                name = f"{speaker}-{emotion}-{number}"
                rows.append(Utterance(name, speaker, emotion, "emotional", split, name, "en", start, frames,
                                      tuple(str(p) for p in phones), durations))  # fmt: skip
                made.append(voice(start, frames))
                start += frames
    writer = StoreWriter(folder, SPEC.hop, SPEC.n_mels, start, SPEC.frames_per_second)
    for row, (wav, pitch) in zip(rows, made, strict=True):
        writer.put(row.start, log_mel(wav, SPEC).T, pitch, wav)
    writer.close(rows, SYMBOLS, dict.fromkeys(speakers, Baseline(150.0, -5.0, 0.1, -4.8)))
    return FeatureStore(folder)
