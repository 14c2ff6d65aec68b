"""One tiny voice for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from sovits_lab.audio.files import save_audio
from sovits_lab.inference.synthesizer import Synthesizer
from tests.inference.voices import clip, write_voice


@pytest.fixture(scope="session")
def voice_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voice(tmp_path_factory.mktemp("voice"))


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`low.wav` and `high.wav`, usable references."""
    folder = tmp_path_factory.mktemp("clips")
    save_audio(folder / "low.wav", clip(1.0, 110), 16_000)
    save_audio(folder / "high.wav", clip(1.4, 240), 16_000)
    return folder


@pytest.fixture(scope="session")
def synthesizer(voice_folder: Path) -> Synthesizer:
    return Synthesizer.load(voice_folder)
