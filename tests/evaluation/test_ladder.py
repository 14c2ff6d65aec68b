"""Known damage does what its name says, and the ladder tells a deaf judge from a hearing one."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.prosody.measurement import measure_prosody
from evaluation.scoring.judge_card import JudgeCard
from evaluation.scoring.measurements import Measurement
from evaluation.scoring.recording import read_recording
from evaluation.scoring.samples import Sample
from evaluation.scoring.scorer import Scorer
from evaluation.validity.degradations import LADDER, NOISES
from evaluation.validity.ladder import format_ladder, run_ladder
from sovits_lab.reporting import Silent
from sovits_lab.types import InputError
from tests.evaluation.voices import save, voice

BY_NAME = {one.name: one for one in LADDER}


def damaged(name: str) -> np.ndarray:
    return BY_NAME[name].apply(voice("ann", 1.5), np.random.default_rng(0))


def test_lengths():
    size = len(voice("ann", 1.5))
    assert len(damaged("cut 15 %")) == pytest.approx(0.85 * size, abs=2)
    assert len(damaged("repeat 15 %")) == pytest.approx(1.15 * size, abs=2)
    assert len(damaged("truncate 25 %")) == pytest.approx(0.75 * size, abs=2)
    assert len(damaged("tempo 1.3")) == pytest.approx(size / 1.3, rel=0.02)
    assert np.array_equal(damaged("clean"), voice("ann", 1.5))


@pytest.mark.parametrize("snr", NOISES)
def test_noise_has_its_level(snr):
    wav = voice("ann", 1.5)
    noise = damaged(f"pink {snr} dB") - wav
    assert 10 * np.log10(np.mean(wav**2) / np.mean(noise**2)) == pytest.approx(snr, abs=0.01)


def test_pitch_and_band():
    plain = measure_prosody(voice("ann", 1.5)).f0_median
    assert measure_prosody(damaged("pitch +4 st").astype(np.float32)).f0_median - plain == pytest.approx(4, abs=0.3)
    spectrum = np.abs(np.fft.rfft(damaged("low-pass 2 kHz")))
    edge = int(2500 / 8000 * len(spectrum))
    assert spectrum[edge:].max() < 0.01 * spectrum.max()


class Listener(Scorer):
    """Hears how far a clip is from a harmonic sound, or, when deaf, nothing at all."""

    parts = ("output",)

    def __init__(self, deaf: bool) -> None:
        self.deaf = deaf
        self.card = JudgeCard(name="deaf" if deaf else "ear", version="1", construct="intelligibility", rate=16000)

    def score(self, samples, audio, to):
        for one in samples:
            wav = audio(one.wav).wav.astype(np.float64)
            power = np.abs(np.fft.rfft(wav)) ** 2
            flatness = np.exp(np.mean(np.log(power + 1e-9))) / np.mean(power)
            value = float(hash(one.id) % 100) if self.deaf else -float(flatness)
            to.add(Measurement(one.id, "alignment", value, self.card.name))


def test_a_hearing_judge_is_valid_and_a_deaf_one_is_not(tmp_path):
    samples = []
    for speaker in ("ann", "bob"):
        for number in range(2):
            save(tmp_path / f"{speaker}{number}.wav", voice(speaker, 1.5, seed=number))
            samples.append(Sample(f"{speaker}{number}", tmp_path / f"{speaker}{number}.wav", "one two", speaker))
    content = run_ladder(samples, [Listener(False), Listener(True)], tmp_path, 4, Silent())
    valid = {v["judge"]: v["monotone over noise"] for v in content["verdicts"] if "judge" in v}
    assert valid["ear"]
    noise = next(
        v for v in content["verdicts"] if v.get("damage") == "pink 0 dB" and v["construct"] == "intelligibility"
    )
    assert "alignment (ear)" in noise["caught by"]
    text = format_ladder(content)
    assert "other voice" in text
    assert "falls with noise" in text
    assert read_recording(tmp_path / "clips" / "0-clean.flac", 16000).seconds == pytest.approx(1.5)


def test_one_clip_is_no_ladder(tmp_path):
    save(tmp_path / "a.wav", voice("ann"))
    with pytest.raises(InputError, match="at least 2"):
        run_ladder([Sample("a", tmp_path / "a.wav", "one", "ann")], [], tmp_path, 5, Silent())
