"""Our loader of Resemblyzer's weights computes what the package computes."""

from __future__ import annotations

import json
from pathlib import Path

import librosa
import numpy as np
import pytest
import torch

from evaluation.judges.resemblyzer import MelPower, Resemblyzer, loudness_raised, window_starts
from sovits_lab.types import InputError
from tests.evaluation.voices import voice

REFERENCE = json.loads((Path(__file__).parent / "resemblyzer_reference.json").read_text(encoding="utf-8"))


def reference_signal() -> np.ndarray:
    """The signal of which the package itself (0.1.4, librosa front end) gave the stored values."""
    time = np.arange(int(3.3 * 16000)) / 16000
    pitch = 120 + 30 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / 16000
    wav = sum(np.sin(k * phase) / k for k in range(1, 20)) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time)) * 0.1
    return (wav + 0.003 * np.random.default_rng(3).standard_normal(len(time))).astype(np.float32)


@pytest.fixture(scope="module")
def judge() -> Resemblyzer:
    try:
        return Resemblyzer()
    except InputError as error:
        pytest.skip(str(error))


def test_mel_equals_librosa_and_the_stored_frame():
    wav = reference_signal()
    mel = MelPower()(torch.from_numpy(wav)).numpy()
    theirs = librosa.feature.melspectrogram(y=wav, sr=16000, n_fft=400, hop_length=160, n_mels=40).T
    assert mel.shape == theirs.shape == (331, 40)
    np.testing.assert_allclose(mel, theirs, atol=1e-5 * theirs.max())
    np.testing.assert_allclose(mel[100], REFERENCE["mel_row_100"], rtol=1e-3, atol=1e-6)


def test_embedding_equals_the_package(judge):
    windows = torch.stack(judge.windows(reference_signal()))
    mean = judge.network(windows).mean(0)
    np.testing.assert_allclose((mean / mean.norm()).detach().numpy(), REFERENCE["embedding"], atol=1e-5)


def test_windows_cover_short_and_long_recordings():
    assert window_starts(100) == [0]
    assert window_starts(25600) == [0]
    assert window_starts(52800) == [0, 77, 154]


def test_batching_does_not_change_a_vector(judge):
    clips = [voice("ann", 2.5), voice("bob", 0.7), voice("cat", 4.0)]
    together = judge.embed(clips)
    alone = np.concatenate([judge.embed([clip]) for clip in clips])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


def test_loudness_only_goes_up():
    quiet, loud = voice("ann", decibels=-40), voice("ann")
    assert np.sqrt(np.mean(loudness_raised(quiet) ** 2)) == pytest.approx(10 ** (-30 / 20), rel=1e-3)
    assert loudness_raised(loud) is loud


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.pt.*pretrained\.pt"):
        Resemblyzer(weights=tmp_path / "nowhere.pt")
