"""Conversions on trial: what keeps the emotion has the source's score, what flattens it falls to chance."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from evaluation.conversion.command import main
from evaluation.conversion.emotion_kept import ComparedClips, compare_emotions, scaled_by_voice
from evaluation.conversion.pairs import COLUMNS, read_pairs, voices_of
from evaluation.conversion.tables import emotion_figures, judged_figures
from evaluation.prosody.scorer import ProsodyScorer
from evaluation.real_speech.clips import LabelledClip
from evaluation.scoring.scorer import AudioFiles, score_all
from sovits_lab.reporting import Silent
from sovits_lab.types import InputError
from tests.evaluation.voices import RATE, voice

EMOTIONS = {"neutral": (0.0, 1.2), "sad": (-4.0, 1.7), "angry": (6.0, 0.9)}  # semitones, seconds


@pytest.fixture(scope="module")
def spoken(tmp_path_factory) -> Path:
    """Recordings of four voices in three emotions, and pairs of them."""
    folder = tmp_path_factory.mktemp("spoken")
    for name in ("ann", "bob", "cat", "dan"):
        for emotion, (semitones, seconds) in EMOTIONS.items():
            for text in range(2):
                wav = voice(name, seconds, semitones, seed=text)
                soundfile.write(folder / f"{name}-{emotion}-{text}.wav", wav, RATE)
    rows = [
        (f"{who}-{emotion}-0.wav", who, target, f"{target}-neutral-1.wav", "zero", emotion, f"{who}-neutral-1.wav")
        for who, target in (("ann", "bob"), ("bob", "cat"))
        for emotion in EMOTIONS
    ]
    with (folder / "pairs.tsv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter="\t").writerows([(*COLUMNS, "emotion", "source_reference"), *rows])
    return folder


def converted(spoken: Path, out: Path, flat: bool):
    """Stand for a system: the target's own recording of that emotion, or its neutral one whatever the emotion."""
    samples = read_pairs(spoken / "pairs.tsv", out)
    out.mkdir()
    for one in samples.all:
        emotion = "neutral" if flat else one.emotion
        wav, _ = soundfile.read(spoken / f"{one.speaker}-{emotion}-0.wav", dtype="float32")
        soundfile.write(one.wav, wav, RATE)
    return samples


def real(spoken: Path) -> list[LabelledClip]:
    return [LabelledClip(path, *path.stem.split("-")) for path in sorted(spoken.glob("*-*-*.wav"))]


def test_pairs_have_both_ways_and_each_source_once(spoken, tmp_path):
    samples = read_pairs(spoken / "pairs.tsv", tmp_path)
    assert len(samples.conversions) == 6 and len(samples.resynthesis) == 6
    assert voices_of(samples.conversions)[0] == ("ann", "bob") and voices_of(samples.resynthesis)[0] == ("ann", "ann")
    assert all(one.truth.name == f"{one.style_speaker}-{one.emotion}-0.wav" for one in samples.conversions)
    assert samples.resynthesis[0].speaker_reference.name == "ann-neutral-1.wav"


def test_a_pair_of_a_speaker_with_itself_is_a_resynthesis(spoken, tmp_path):
    (spoken / "self.tsv").write_text("\t".join(COLUMNS) + "\nann-sad-0.wav\tann\tann\tann-sad-1.wav\tx\n")
    samples = read_pairs(spoken / "self.tsv", tmp_path)
    assert not samples.conversions and samples.resynthesis[0].speaker == "ann"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("gone.wav\tann\tbob\tbob-sad-0.wav\tx", "pair 1, source"),
        ("ann-sad-0.wav\tann\tbob\tgone.wav\tx", "pair 1, reference"),
        ("", "got no pairs"),
    ],
)
def test_bad_pairs_are_refused_by_name(spoken, row, words):
    (spoken / "bad.tsv").write_text("\t".join(COLUMNS) + f"\n{row}", encoding="utf-8")
    with pytest.raises(InputError, match=words):
        read_pairs(spoken / "bad.tsv", spoken)


def test_emotion_kept_is_the_sources_and_flattened_is_not(spoken, tmp_path):
    kept = emotion_figures(converted(spoken, tmp_path / "kept", False), real(spoken))
    flat = emotion_figures(converted(spoken, tmp_path / "flat", True), real(spoken))
    assert kept[0].arms["source"].estimate > 0.9  # planted: pitch tells the emotions of every voice
    assert kept[1].arms["conversion"].estimate > 0.9
    assert flat[0].arms["conversion"].estimate < 0.67 and flat[1].arms["conversion"].estimate < 0.7


def test_features_of_the_voice_alone_are_at_chance():
    rng = np.random.default_rng(0)
    voices = [v for v in "abcd" for _ in range(6)]
    emotions = [e for _ in "abcd" for e in ("sad", "happy") * 3]
    level = np.array([10.0 * "abcd".index(v) for v in voices])
    real = scaled_by_voice(ComparedClips(np.stack([level, level], 1), voices, emotions, ["t"] * 24))
    made = ComparedClips(rng.normal(size=(4, 2)), ["x"] * 4, ["sad"] * 4, ["u"] * 4)
    found = compare_emotions(made, made, real, ["a"] * 4, ["b"] * 4)
    assert found.output.estimate == pytest.approx(0.5) and found.share.estimate == pytest.approx(1.0)


def test_table_has_the_three_arms(spoken, tmp_path):
    samples = converted(spoken, tmp_path / "wavs", False)
    table, _ = score_all([ProsodyScorer()], samples.all, AudioFiles(), Silent())
    figures = {one.name: one for one in judged_figures(samples, table)}
    own = figures["F0 correlation with the source"].arms["own voice"]
    assert own.estimate == pytest.approx(1.0, abs=1e-3) and own.n == 6


def test_command_scores_recordings_of_another_system(spoken, tmp_path, capsys):
    converted(spoken, tmp_path / "wavs", False)
    words = [
        f"pairs={spoken / 'pairs.tsv'}",
        f"out={tmp_path}",
        "converted=true",
        "~judges.speaker",
        "~judges.words",
        "~judges.quality",
    ]
    assert main(words) == 0
    assert "F0 correlation" in capsys.readouterr().out
    made = json.loads((tmp_path / "conversion.json").read_text(encoding="utf-8"))
    share = next(one for one in made["figures"] if "share" in one["name"])
    assert share["arms"]["conversion"]["estimate"] > 0.9


def test_a_missing_folder_of_recordings_is_refused(spoken, tmp_path):
    words = [f"pairs={spoken / 'pairs.tsv'}", f"out={tmp_path}", "converted=true", "~judges.speaker", "~judges.words"]
    with pytest.raises(InputError, match="12 of 12 output files are missing"):
        main([*words, "~judges.quality"])
