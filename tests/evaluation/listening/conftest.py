"""Two small systems with sounds: tones instead of voices, so that a test takes no synthesiser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from evaluation.listening.folder import ListeningDesign, plan_test, write_test
from evaluation.listening.kinds import ListeningArm
from evaluation.listening.trials import KINDS, ListeningPlan
from evaluation.scoring.samples import Sample

RATE = 16000
EMOTIONS = {"neutral": (1.0,), "sad": (0.33, 0.67, 1.0)}
SMALL = ListeningDesign(KINDS, listeners=6, each=6, repeats=1, gold=1, traps=1, headphones=2)


def tone(path: Path, hertz: float, seconds: float = 0.5, gain: float = 0.2) -> Path:
    t = np.arange(int(seconds * RATE)) / RATE
    soundfile.write(path, (gain * np.sin(2 * np.pi * hertz * t)).astype(np.float32), RATE)
    return path


def make_arm(folder: Path, label: str, base: float) -> ListeningArm:
    folder.mkdir(parents=True, exist_ok=True)
    samples = []
    for v in range(3):
        truth = tone(folder / f"truth{v}.wav", 300 + 20 * v)
        for s in range(4):
            for emotion, strengths in EMOTIONS.items():
                for strength in strengths:
                    name = f"v{v}s{s}{emotion}{strength}"
                    path = tone(folder / f"{name}.wav", base + 40 * v + 7 * s + 20 * strength, gain=0.05 + 0.05 * v)
                    samples.append(
                        Sample(
                            name,
                            path,
                            f"sentence {s}",
                            f"voice {v}",
                            emotion,
                            strength=strength,
                            truth=truth,
                            truth_neutral=truth,
                        )
                    )
    return ListeningArm(label, samples, folder)


@pytest.fixture(scope="session")
def arms(tmp_path_factory: pytest.TempPathFactory) -> list[ListeningArm]:
    folder = tmp_path_factory.mktemp("arms")
    return [make_arm(folder / name, name, base) for name, base in (("alpha", 200.0), ("beta", 400.0))]


@pytest.fixture(scope="session")
def written(arms: list[ListeningArm], tmp_path_factory: pytest.TempPathFactory) -> tuple[ListeningPlan, Path]:
    out = tmp_path_factory.mktemp("listening") / "test-of-two"
    return write_test(plan_test(arms, SMALL), out, SMALL, server=True), out
