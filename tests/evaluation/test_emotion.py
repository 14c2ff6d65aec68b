"""The emotion scorer: intended emotions are recognised, the judged speaker never taught the judge."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.emotion.scorer import EmotionScorer
from evaluation.judges.emotion2vec import Emotion2vec
from evaluation.judges.emotion_probe import RealSpeechProbe
from evaluation.scoring.judge_card import JudgeCard
from evaluation.scoring.samples import read_samples
from evaluation.suite.run_estimates import find_figure
from evaluation.suite.score_samples import score_samples
from sovits_lab.reporting import Silent
from sovits_lab.types import InputError
from tests.evaluation.voices import read_items, run_folder, write_items


def test_planted_sadness_is_heard_and_its_absence_too(tmp_path):
    folder = run_folder(tmp_path / "s", reached=1.0)
    samples = read_samples(folder / "samples.jsonl")
    content = score_samples(samples, [EmotionScorer(RealSpeechProbe())], tmp_path / "o", Silent())
    assert find_figure(content["figures"], "emotion_recognised")["value"] > 0.7
    assert find_figure(content["figures"], "emotion_recognised")["truth"] > 0.7
    flat = run_folder(tmp_path / "f", reached=0.0)
    content = score_samples(
        read_samples(flat / "samples.jsonl"), [EmotionScorer(RealSpeechProbe())], tmp_path / "o2", Silent()
    )
    assert find_figure(content["figures"], "emotion_recognised", "all", "sad")["value"] < 0.3


class Spy:
    """Remembers whom it must not have learned from."""

    def __init__(self) -> None:
        self.card = JudgeCard(name="spy", version="1", construct="emotion", rate=16000)
        self.without = set()

    def prepare(self, samples):
        return ""

    def probabilities(self, wavs, without, speaker):
        self.without.add(without)
        return [{"sad": 0.6, "angry": 0.4} for _ in wavs]

    def release(self):
        """Nothing."""


def test_speakers_are_held_out_and_unknown_emotions_have_a_reason(tmp_path):
    folder = run_folder(tmp_path / "s")
    items = read_items(folder)
    items[0]["wav"] = None
    write_items(folder, items)
    spy = Spy()
    content = score_samples(read_samples(folder / "samples.jsonl"), [EmotionScorer(spy)], tmp_path / "o", Silent())
    assert frozenset({"ann", "cat"}) in spy.without
    assert find_figure(content["figures"], "emotion_recognised", "all", "sad")["value"] == 1.0
    neutral = find_figure(content["figures"], "emotion_recognised", "target", "neutral")
    assert (neutral["n"], neutral["missing"], neutral["value"]) == (1, 1, 0.0)
    rows = (Path(tmp_path) / "o" / "measurements.jsonl").read_text(encoding="utf-8")
    assert "does not know this emotion" in rows


def test_emotion2vec_names_what_is_missing():
    with pytest.raises(InputError, match="funasr"):
        Emotion2vec("anywhere")


def test_probe_needs_recordings(tmp_path):
    samples = read_samples(run_folder(tmp_path) / "samples.jsonl")
    bare = [type(one)(**{**vars(one), "truth": None, "truth_neutral": None}) for one in samples]
    with pytest.raises(InputError, match="real recordings"):
        RealSpeechProbe().prepare(bare)
