"""Voices by their reference encoder: one that hears nothing says so, one that hears speaks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from sovits_lab import Synthesizer
from sovits_lab.types import InputError
from tests.inference.voices import clip, write_voice

BODY = {"_target_": "sovits_lab.conditioning.conv_gru.ConvGruReference", "mels": 20, "channels": [8, 12], "stride": 2,
        "hidden": 12}  # fmt: skip
GST = {"_target_": "sovits_lab.conditioning.gst.GstReference", "body": BODY, "tokens": 4, "heads": 2, "out_channels": 6}


@pytest.fixture
def sad(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "sad.wav", clip(), 16_000)
    return tmp_path / "sad.wav"


def test_a_voice_without_style_speaks_neutrally_and_refuses_a_style(tmp_path: Path, sad: Path) -> None:
    none = {"_target_": "sovits_lab.conditioning.reference.NoReference"}
    voice = Synthesizer.load(write_voice(tmp_path, none, 1))
    assert np.isfinite(voice.speak("Yes.", "ann").wav).all() and not voice.voice.takes_style
    with pytest.raises(InputError, match=r"style: got .*sad\.wav.*without a reference encoder"):
        voice.speak("Yes.", "ann", style=sad)
    with pytest.raises(InputError, match=r"emotion: got 'sad'.*without a reference encoder"):
        voice.speak("Yes.", "ann", emotion="sad")
    assert voice.speak("Yes.", "ann", emotion="neutral").phones


def test_a_voice_of_style_tokens_hears_a_style(tmp_path: Path, sad: Path) -> None:
    voice = Synthesizer.load(write_voice(tmp_path, GST, 6))
    seed = next(i for i in range(40) if len(voice.speak("Yes.", "ann", seed=i).wav))
    styled, plain = voice.speak("Yes.", "ann", style=sad, seed=seed), voice.speak("Yes.", "ann", seed=seed)
    assert voice.voice.takes_style and not np.array_equal(styled.wav, plain.wav)
