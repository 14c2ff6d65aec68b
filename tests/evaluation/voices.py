"""Voices for tests: harmonic sounds with a known pitch, level and length, and runs made of them."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile

RATE = 16000
FORMANTS = {"ann": (700, 1200, 2600), "bob": (450, 900, 2300), "cat": (800, 1700, 3000), "dan": (350, 2000, 2800)}
PITCH = {"ann": 210.0, "bob": 110.0, "cat": 240.0, "dan": 130.0}


@lru_cache(maxsize=512)
def voice(
    speaker: str, seconds: float = 1.2, semitones: float = 0.0, decibels: float = 0.0, seed: int = 0
) -> np.ndarray:
    """A vowel-like sound of a made-up speaker, [T] float32: three formants, slow vibrato, two pauses."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    pitch = PITCH[speaker] * 2 ** (semitones / 12) * (1 + 0.02 * np.sin(2 * np.pi * 2 * time / seconds))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    wav = np.zeros_like(time)
    for k in range(1, int(7000 / pitch.max())):
        gain = sum(np.exp(-(((k * pitch.mean() - f) / 180) ** 2)) for f in FORMANTS[speaker]) + 0.02
        wav += gain * np.sin(k * phase)
    syllables = 0.15 + np.abs(np.sin(np.pi * 3 * time / seconds))
    wav = wav * syllables
    wav *= 0.1 / np.sqrt(np.mean(wav**2)) * 10 ** (decibels / 20)
    return (wav + 1e-4 * rng.standard_normal(len(wav))).astype(np.float32)


def save(path: Path, wav: np.ndarray, rate: int = RATE) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wav, rate)
    return path.name


TEXTS = ("one two", "three four", "five six", "seven eight")
SAD = {"seconds": 1.8, "semitones": -5.0, "decibels": -7.0}


def run_folder(folder: Path, reached: float = 0.8, strengths: tuple[float, ...] = (1.0,)) -> Path:
    """A samples folder: four speakers (two targets), four texts, neutral and sad (`reached` of the true way)."""
    items = []
    for speaker in FORMANTS:
        role = "target" if speaker in ("ann", "bob") else "emotional"
        for number, text in enumerate(TEXTS):
            key = f"{speaker}{number}"
            save(folder / f"{key}_true_neutral.wav", voice(speaker, seed=number))
            save(folder / f"{key}_true_sad.wav", voice(speaker, seed=number, **SAD))
            common = {
                "text": text, "phones": text.split(), "language": "en", "speaker": speaker, "role": role,
                "speaker_reference": f"{speaker}0_true_neutral.wav",
                "style_speaker": "cat" if speaker != "cat" else "dan",
                "truth_neutral": f"{key}_true_neutral.wav", "seed": 1, "flags": [],
                "synthesis_seconds": 0.3, "audio_seconds": 1.2,
            }  # fmt: skip
            save(folder / f"{key}_neutral.wav", voice(speaker, seed=number + 50))
            items.append(
                {**common, "id": f"{key}-neutral", "wav": f"{key}_neutral.wav", "emotion": "neutral", "strength": 1.0}
                | {"truth": f"{key}_true_neutral.wav"}
            )
            for strength in strengths:
                moved = {k: (v - 1.2 if k == "seconds" else v) * reached * strength for k, v in SAD.items()}
                moved["seconds"] += 1.2
                save(folder / f"{key}_sad{strength}.wav", voice(speaker, seed=number + 90, **moved))
                items.append(
                    {**common, "id": f"{key}-sad-{strength}", "wav": f"{key}_sad{strength}.wav", "emotion": "sad"}
                    | {"strength": strength, "truth": f"{key}_true_sad.wav"}
                )
    write_items(folder, items)
    return folder


def write_items(folder: Path, items: list[dict]) -> None:
    (folder / "samples.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")


def read_items(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "samples.jsonl").read_text(encoding="utf-8").splitlines()]


class Echo:
    """A recogniser for tests: hears two phones in everything, the right ones in none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def transcribe(self, wavs: list[np.ndarray], rate: int) -> list[list[str]]:
        assert rate == RATE
        return [["one", "wrong"] for _ in wavs]
