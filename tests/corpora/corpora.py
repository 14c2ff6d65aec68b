"""What the corpus tests share: a silent reporter, short recordings, a tiny toy corpus."""

from pathlib import Path
from typing import Any

import numpy as np

from sovits_lab.audio.files import save_audio
from sovits_lab.corpora.toy import ToyCorpus

RATE = 16_000


class Quiet:
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int, str]] = []

    def progress(self, done: int, total: int, unit: str) -> None:
        self.seen.append((done, total, unit))


def recording(path: Path, seconds: float = 0.6, rate: int = RATE, level: float = 0.3) -> Path:
    """A short tone in a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(seconds * rate)) / rate
    save_audio(path, (level * np.sin(2 * np.pi * 220 * time)).astype(np.float32), rate)
    return path


def tiny_toy(**changes: Any) -> ToyCorpus:
    """Two emotional voices, a target, a held-out voice; two emotions."""
    both = ["neutral", "sad"]
    settings: dict[str, Any] = {
        "roles": {
            "emotional": role(["f3", "m5"], emotions=both, train=2, test_speakers=1),
            "target": role(["m1"], emotions=["neutral"], train=3, test_speakers=1),
            "heldout": role(["pablo"], emotions=[], train=0, test_speakers=1),
        },
        "emotions": {
            "neutral": {"rate": 170, "pitch": 50, "range": 50, "word_gap": 0, "gain_db": 0},
            "sad": {"rate": 130, "pitch": 28, "range": 15, "word_gap": 3, "gain_db": -6},
        },
        "jitter": {"rate": 6, "pitch": 4, "range": 4, "word_gap": 0, "gain_db": 1},
        "sizes": {"pool": 10, "valid": 1, "test": 2},
    }
    return ToyCorpus(**{**settings, **changes})


def role(voices: list[str], emotions: list[str], train: int, test_speakers: int) -> dict[str, Any]:
    return {
        "voices": voices,
        "speakers": len(voices),
        "test_speakers": test_speakers,
        "emotions": emotions,
        "train": train,
        "valid": 0,
    }
