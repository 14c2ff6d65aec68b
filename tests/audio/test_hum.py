"""Mains hum is no voice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sovits_lab.audio.files import save_audio
from sovits_lab.audio.hum import hums, without_hum
from sovits_lab.audio.pitch import f0
from sovits_lab.audio.spec import AudioSpec
from sovits_lab.preparation.features import Source, analyse

RATE, HOP = 16_000, 320


def speech(pitch: float, seconds: float = 3.0, noise: float = 1e-3) -> np.ndarray:
    """A harmonic tone that rises and falls, with pauses, in a little noise."""
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.1 * np.sin(3 * time))) / RATE
    tone = sum(np.sin(k * phase) / k for k in range(1, 9)) * 0.1
    spoken = np.sin(2 * np.pi * time / 1.5) > -0.5  # half a second of silence in every second and a half
    return np.asarray(tone * spoken + noise * np.random.default_rng(0).standard_normal(len(time)))


def hum(tone: float, wav: np.ndarray, level: float = 0.02) -> np.ndarray:
    return np.asarray(wav + level * np.sin(2 * np.pi * tone * np.arange(len(wav)) / RATE))


@pytest.mark.parametrize("tone", [50.0, 60.0])
def test_the_pitch_of_a_voice_over_hum_is_the_voices(tone: float) -> None:
    wav = hum(tone, speech(115.0))
    assert hums(wav, RATE) == [tone]
    found = f0(wav.astype(np.float32), RATE, HOP)
    voiced = found[found > 0]
    assert np.median(voiced) == pytest.approx(115, rel=0.05)
    assert np.mean(voiced < 75) < 0.1


@pytest.mark.parametrize("pitch", [50.0, 60.0, 115.0, 240.0])
@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_a_voice_without_hum_stays_as_it_is_however_deep(pitch: float, noise: float) -> None:
    wav = speech(pitch, noise=noise)
    assert hums(wav, RATE) == [] and without_hum(wav, RATE) is wav


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.3])
def test_what_is_too_short_to_tell_stays_as_it_is(seconds: float) -> None:
    wav = hum(60.0, speech(115.0, seconds))
    assert without_hum(wav, RATE) is wav


@pytest.mark.parametrize("trim", [False, True])
def test_a_model_learns_from_recordings_without_hum(tmp_path: Path, trim: bool) -> None:
    clean = speech(115.0).astype(np.float32)
    save_audio(tmp_path / "a.wav", hum(60.0, clean).astype(np.float32), RATE)
    save_audio(tmp_path / "b.wav", clean, RATE)
    spec = AudioSpec(RATE, hop=HOP)
    humming, quiet = (analyse(Source(tmp_path / name, trim, ()), spec) for name in ("a.wav", "b.wav"))
    assert hums(humming.wav, RATE) == []
    assert np.median(humming.f0[humming.f0 > 0]) == pytest.approx(np.median(quiet.f0[quiet.f0 > 0]), rel=0.02)
    low = slice(50, 70)  # a bin for each Hz
    powers = [np.square(np.abs(np.fft.rfft(made.wav, n=RATE)))[low].sum() for made in (humming, quiet)]
    assert powers[0] < 10 * powers[1] + 1e-6 * np.square(np.abs(np.fft.rfft(hum(60.0, clean), n=RATE)))[low].sum()
