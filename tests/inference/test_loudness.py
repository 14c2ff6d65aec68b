"""A conversion is as loud as its voice speaks, however soft the head that says it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from sovits_lab.audio.spec import AudioSpec
from sovits_lab.inference.conversion import Conversion
from sovits_lab.inference.conversion_sources import conversion_of
from sovits_lab.inference.conversion_windows import ConversionWindows
from sovits_lab.inference.loading import load_voice
from sovits_lab.inference.loudness import LevelSoFar, VoicedLevels, voiced_levels
from sovits_lab.models.heads.contract import Prosody
from tests.inference.test_conversion import coded
from tests.inference.voices import clip, write_voice

RATE = 16_000


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "a.wav"
    soundfile.write(path, clip(3.3, 150.0), RATE)
    return path


@pytest.fixture
def made(tmp_path: Path, source: Path) -> Conversion:
    voice = load_voice(write_voice(tmp_path / "voice"))
    return conversion_of(voice, source, "bob", coded, windows=ConversionWindows(0.8, 0.4, 0.2))


def blurred(made: Conversion, softer: float) -> list[Prosody]:
    """Make the head softer than it is asked to be; return the list of what it is asked."""
    asked: list[Prosody] = []
    render = made.voice.sovits.render

    def rendered(planned: Any, mask: Any, prosody: Prosody, generator: Any = None) -> Any:
        asked.append(prosody)
        spoken = render(planned, mask, prosody, generator)
        return spoken._replace(wav=softer * spoken.wav)

    made.voice.sovits.render = rendered  # type: ignore[method-assign]
    return asked


def test_how_soft_the_head_is_does_not_matter(made: Conversion) -> None:
    whole = clip(3.3, 150.0)
    plain = made.convert(whole, RATE)
    blurred(made, 0.3)
    soft = made.convert(whole, RATE)
    assert np.abs(plain).max() > 0.01 and np.abs(soft - plain).max() < 0.01 * np.abs(plain).max()


def test_voiced_frames_have_the_voices_own_level_around_which_the_source_moves(made: Conversion) -> None:
    asked = blurred(made, 0.3)
    wavs: list[np.ndarray] = []
    own = made._own
    object.__setattr__(made, "_own", lambda window, wav: wavs.append(wav) or own(window, wav))
    whole = clip(3.3, 150.0)
    made.convert(whole, RATE)
    energies = torch.cat([one.energy[one.f0 > 0] for one in asked])
    assert made.speaker.baseline is not None
    assert float((2 * energies).exp().mean().log() / 2) == pytest.approx(made.speaker.baseline.level, abs=0.15)
    total = LevelSoFar()
    for wav, one in zip(wavs, asked, strict=True):
        levels = voiced_levels(wav, made.voice.spec, one)
        assert levels is not None
        total.add(levels)
    assert abs(total.gain) < 0.06, "half a decibel"


def test_the_gain_is_that_of_everything_said_so_far() -> None:
    level = LevelSoFar()
    assert level.gain == 0.0
    level.add(VoicedLevels(asked=-3.0, made=-3.5, frames=100))
    assert level.gain == pytest.approx(0.5)
    level.add(VoicedLevels(asked=-3.0, made=-3.0, frames=100))
    assert 0.0 < level.gain < 0.5
    silent = Prosody(torch.zeros(1, 50), torch.full((1, 50), -11.5))
    assert voiced_levels(np.zeros(RATE, np.float32), AudioSpec(n_mels=20), silent) is None
