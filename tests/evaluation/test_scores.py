"""The scoring stage on runs whose truth is known."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from evaluation.scoring.estimates import Estimate, find_estimate
from evaluation.scoring.samples import read_samples, select_headline
from evaluation.scoring.scorer import AudioFiles
from evaluation.suite.stage import ScoreRun
from sovits_lab.reporting import Silent
from sovits_lab.types import InputError
from tests.evaluation.voices import Echo, read_items, run_folder, save, voice, write_items

ECHO = {"_target_": "tests.evaluation.voices.Echo", "_partial_": True}


class Pitchfork:
    """A speaker judge for tests: knows made-up speakers by their long-term spectrum, without weights."""

    def __init__(self) -> None:
        from evaluation.scoring.judge_card import JudgeCard

        self.card = JudgeCard(name="spectrum", version="1", construct="speaker", rate=16000, threshold=0.5)

    def embed(self, wavs) -> np.ndarray:
        from evaluation.prosody.alignment import cepstra

        vectors = np.stack([cepstra(wav).mean(axis=0) for wav in wavs])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def release(self) -> None:
        """Nothing."""


def score(folder, out, **more):
    out.mkdir(exist_ok=True)
    stage = ScoreRun(
        speaker={"_target_": "tests.evaluation.test_scores.Pitchfork"},
        recognisers=[{"name": "echo", "stage": "samples", "load": ECHO, "self_graded": True}],
        **more,
    )
    stage.run({"samples": folder}, out, Silent())
    scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    return scores, [Estimate(**one) for one in scores["figures"]]


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    folder = run_folder(tmp_path_factory.mktemp("samples"), reached=0.8, strengths=(0.0, 0.5, 1.0))
    np.savez(
        folder / "style_vectors.npz",
        vectors=np.random.default_rng(0).normal(size=(64, 4)) + 6 * np.tile(np.eye(4), (16, 1)),
        emotion=np.tile(["a", "b", "c", "d"], 16),
        speaker=np.repeat(["w", "x", "y", "z"], 16),
        text=np.tile(np.repeat(["1", "2", "3", "4"], 4), 4),
        level=-20 - 5 * np.tile([0.0, 0.0, 1.0, 1.0], 16),  # says which half of the emotions it is
    )
    return score(folder, tmp_path_factory.mktemp("scores"))


def test_known_shifts_come_out_with_intervals(scored):
    _, figures = scored
    for group in ("target", "seen", "all"):
        f0, level = (find_estimate(figures, name, group, "sad") for name in ("f0_shift", "level_shift"))
        assert f0.value == pytest.approx(-4.0, abs=0.3)
        assert f0.truth == pytest.approx(-5.0, abs=0.3)
        assert level.value == pytest.approx(-5.6, abs=0.3)
        assert f0.low <= f0.value <= f0.high
        assert find_estimate(figures, "f0_share", group, "sad").value == pytest.approx(0.8, abs=0.05)
        assert find_estimate(figures, "level_share", group, "sad").value == pytest.approx(0.8, abs=0.05)
        assert find_estimate(figures, "duration_ratio", group, "sad").value == pytest.approx(1.68 / 1.2, rel=0.03)
        assert find_estimate(figures, "duration_share", group, "sad").value == pytest.approx(1.68 / 1.8, rel=0.03)


def test_phone_errors_stand_beside_the_true_recording(scored):
    _, figures = scored
    found = find_estimate(figures, "per.echo", "target", "sad")
    assert found.self_graded
    assert found.value == found.truth  # the echo hears the same in everything
    assert found.n == 8
    # right in the first phone of one of the four texts, wrong elsewhere
    assert found.value == pytest.approx(7 / 8)


def test_the_curve_has_every_strength(scored):
    _, figures = scored
    points = [one for one in figures if one.strength is not None and one.name == "f0_shift" and one.group == "target"]
    assert [one.strength for one in points] == [0.0, 0.5, 1.0]
    assert [one.value for one in points] == sorted((one.value for one in points), reverse=True)


def test_what_moves_with_every_strength_is_monotone(tmp_path):
    """The planted F0 follows strength; where one output stays at the one before, its sentence is not monotone."""
    folder = run_folder(tmp_path / "s", strengths=(0.0, 0.5, 1.0))
    _, figures = score(folder, tmp_path / "o")
    assert find_estimate(figures, "strength_monotone.f0", "target", "sad").value == 1.0
    items = read_items(folder)
    first = next(i for i in items if i["strength"] == 0.5 and i["role"] == "target")
    same = next(i for i in items if (i["speaker"], i["text"], i["emotion"], i["strength"]) ==
                (first["speaker"], first["text"], "sad", 1.0))  # fmt: skip
    write_items(folder, [{**i, "wav": same["wav"]} if i["id"] == first["id"] else i for i in items])
    _, figures = score(folder, tmp_path / "p")
    found = find_estimate(figures, "strength_monotone.f0", "target", "sad")
    assert found.value == pytest.approx(1 - 1 / found.n)


def test_a_curve_compares_the_same_sentences(tmp_path):
    """A sentence that was not spoken at every strength is no point of the curve."""
    folder = run_folder(tmp_path / "s", strengths=(0.0, 0.5, 1.0))
    items = [i for i in read_items(folder) if not (i["text"] == "one two" and i["strength"] == 0.5)]
    write_items(folder, items)
    _, figures = score(folder, tmp_path / "o")
    counts = {one.strength: one.n for one in figures if one.name == "level_shift" and one.strength is not None}
    assert counts == {0.0: 6, 0.5: 6, 1.0: 6}


def test_style_probes_find_the_planted_emotion_and_no_speaker(scored):
    _, figures = scored
    assert find_estimate(figures, "style_emotion").value > 0.95
    assert find_estimate(figures, "style_emotion_level_alone").value == pytest.approx(0.5)
    assert find_estimate(figures, "style_speaker_leak").value < 0.5
    assert find_estimate(figures, "style_speaker_leak").truth == 0.25


def test_the_speed_of_one_sentence_at_a_time_stands_beside_that_of_a_batch(tmp_path):
    folder = run_folder(tmp_path / "s")
    items = [{**one, "alone_seconds": 0.6} if number % 4 == 0 else one for number, one in enumerate(read_items(folder))]
    write_items(folder, items)
    _, figures = score(folder, tmp_path / "o")
    assert find_estimate(figures, "rtf").value == pytest.approx(0.3 / 1.2)
    assert find_estimate(figures, "rtf_alone").value == pytest.approx(0.6 / 1.2)


def test_headline_takes_full_strength(tmp_path):
    samples = read_samples(run_folder(tmp_path, strengths=(0.5, 0.9, 1.5)) / "samples.jsonl")
    assert {one.strength for one in select_headline(samples) if one.emotion == "sad"} == {0.9}


def test_failures_are_worst_and_counted(tmp_path):
    folder = run_folder(tmp_path / "s")
    items = read_items(folder)
    broken = [item for item in items if item["emotion"] == "sad" and item["speaker"] == "ann"][:2]
    broken[0].update(wav=None, flags=["runaway"])
    (folder / broken[1]["wav"]).write_bytes(b"not a sound")
    write_items(folder, items)
    scores, figures = score(folder, tmp_path / "o")
    for name in ("per.echo", "similarity", "f0_shift"):
        found = find_estimate(figures, name, "target", "sad")
        assert found.n == 8, "a failed output stays in the count"
        assert found.missing == 2
    assert find_estimate(figures, "speaker_top1", "target", "sad").value == pytest.approx(6 / 8)
    assert find_estimate(figures, "f0_share", "target", "sad").value == pytest.approx(0.8 * 6 / 8, abs=0.05)
    assert (
        find_estimate(figures, "similarity", "target", "sad").observed
        > find_estimate(figures, "similarity", "target", "sad").value
    )
    assert scores["failures"]["runaway"] == 1
    assert any("unreadable" in reason for reason in scores["failures"])
    assert find_estimate(figures, "stopped").value == pytest.approx(31 / 32)


def test_an_unreported_breakdown_is_found(tmp_path):
    folder = run_folder(tmp_path / "s")
    items = read_items(folder)
    import soundfile

    soundfile.write(folder / items[0]["wav"], voice("ann", 4.0), 16000)
    _, figures = score(folder, tmp_path / "o")
    assert find_estimate(figures, "unreported_breakdown").value == pytest.approx(1 / 32)


@pytest.mark.parametrize(
    ("strength", "seconds", "broken"), [(0.0, 0.85, 0), (1.0, 0.85, 1), (0.0, 2.5, 1), (1.0, 2.5, 0)]
)
def test_how_long_it_should_be_follows_the_strength(tmp_path, strength, seconds, broken):
    """Neutral lasts 1.2 s, sad 1.8 s."""
    folder = run_folder(tmp_path / "s", strengths=(0.0, 1.0))
    one = next(i for i in read_items(folder) if i["emotion"] == "sad" and i["strength"] == strength)
    import soundfile

    soundfile.write(folder / one["wav"], voice("ann", seconds), 16000)
    _, figures = score(folder, tmp_path / "o")
    assert find_estimate(figures, "unreported_breakdown").value == pytest.approx(broken / 48)


def test_f0_of_noise_is_gated(tmp_path):
    folder = run_folder(tmp_path / "s")
    items = read_items(folder)
    import soundfile

    noise = 0.05 * np.random.default_rng(0).standard_normal(28000)
    for item in items:
        if item["emotion"] == "sad" and item["speaker"] == "ann":
            soundfile.write(folder / item["wav"], noise, 16000)
    _, figures = score(folder, tmp_path / "o")
    assert find_estimate(figures, "f0_gate_passed", "target", "sad").value == pytest.approx(0.5)
    found = find_estimate(figures, "f0_shift", "target", "sad")
    assert found.n == 4
    assert "gated" in found.reason


def test_no_number_is_nan(scored):
    scores, _ = scored
    text = json.dumps(scores)
    assert "NaN" not in text
    for one in scores["figures"]:
        assert one["value"] is not None or one["reason"], one
        assert one["judge"], "no score without its judge"


def test_bars_say_reached_or_not(tmp_path):
    folder = run_folder(tmp_path / "s")
    bars = [
        {"figure": "f0_share", "group": "target", "emotion": "sad", "at_least": 0.75},
        {"figure": "f0_share", "group": "target", "emotion": "sad", "at_least": 0.95},
        {"figure": "nothing", "at_most": 1.0},
    ]
    scores, _ = score(folder, tmp_path / "o", bars=bars)
    assert [bar["reached"] for bar in scores["bars"]] == [True, False, False]
    assert scores["bars"][2]["value"] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"speaker": ""}, "field speaker"),
        ({"strength": "strong"}, "field strength"),
        ({"id": "ann0-sad-1.0"}, "no earlier line"),
    ],
)
def test_bad_manifests_name_the_line(tmp_path, change, message):
    folder = run_folder(tmp_path)
    items = read_items(folder)
    items[5].update(change)
    write_items(folder, items)
    with pytest.raises(InputError, match=message) as caught:
        read_samples(folder / "samples.jsonl")
    assert "line 6" in str(caught.value)


def test_further_scorers_come_by_their_nodes(tmp_path):
    folder = run_folder(tmp_path / "s")
    _, figures = score(folder, tmp_path / "o", scorers=[{"_target_": "evaluation.quality.scorer.SoundScorer"}])
    assert find_estimate(figures, "silence").n == 32


def test_judges_that_work_at_once_say_what_they_say_one_by_one(tmp_path):
    folder = run_folder(tmp_path / "s")
    sound = [{"_target_": "evaluation.quality.scorer.SoundScorer"}]
    one, _ = score(folder, tmp_path / "one", scorers=sound)
    two, _ = score(folder, tmp_path / "two", scorers=sound, judges_at_once=2)
    rows = [(tmp_path / name / "measurements.jsonl").read_text("utf-8") for name in ("one", "two")]
    assert rows[0] == rows[1] and rows[0].count("\n") > 500
    assert one | {"speed": None} == two | {"speed": None}


def test_a_wrong_key_of_a_bar_is_named():
    with pytest.raises(InputError, match="at_leats"):
        ScoreRun(bars=[{"figure": "rtf", "at_leats": 1}])


@pytest.mark.parametrize(
    ("wav", "expected"),
    [
        (np.zeros(16000, dtype=np.float32), "silent"),
        (np.full(160, 0.1, dtype=np.float32), "10 ms"),
        (np.full(16000, math.nan, dtype=np.float32), "not finite"),
    ],
)
def test_unusable_audio_gives_its_reason(tmp_path, wav, expected):
    import soundfile

    soundfile.write(tmp_path / "a.wav", wav, 16000, subtype="FLOAT")
    assert expected in AudioFiles()(tmp_path / "a.wav").reason


def test_half_an_hour_is_no_utterance(tmp_path):
    import soundfile

    soundfile.write(tmp_path / "long.wav", np.full(1800 * 1000, 0.1, dtype=np.float32), 1000)
    assert "1800 s long" in AudioFiles()(tmp_path / "long.wav").reason


def test_voices_are_enrolled_from_training_recordings_neutral_first(tmp_path):
    """Eight clips at most, neutral ones first, nothing from the test split; strangers of the same sex are the floor."""
    from lhotse import CutSet, MonoCut, Recording, SupervisionSegment

    from evaluation.speaker.enrolment import read_corpus_clips, read_corpus_sexes

    cuts = []
    plan = [("sad", "train", 1.0)] * 3 + [("neutral", "train", 1.5)] * 7 + [("neutral", "test", 2.0)] * 2
    for number, (emotion, split, seconds) in enumerate(plan):
        save(tmp_path / f"{number}.wav", voice("ann", seconds))
        recording = Recording.from_file(tmp_path / f"{number}.wav", recording_id=str(number))
        custom = {"emotion": emotion, "split": split, "sex": "f"}
        told = SupervisionSegment(
            str(number), str(number), 0, recording.duration, text="a", speaker="ann", custom=custom
        )
        cuts.append(MonoCut(str(number), 0, recording.duration, 0, recording=recording, supervisions=[told]))
    CutSet.from_cuts(cuts).to_file(tmp_path / "cuts.jsonl.gz")
    clips = read_corpus_clips(tmp_path / "cuts.jsonl.gz", 16000, {"ann", "nobody"})
    assert [round(len(clip) / 16000, 1) for clip in clips["ann"]] == [1.5] * 7 + [1.0]
    assert clips["nobody"] == []
    assert read_corpus_sexes(tmp_path / "cuts.jsonl.gz") == {"ann": "f"}


def test_stereo_and_other_rates_are_brought_in_with_a_note(tmp_path):
    import soundfile

    mono = voice("ann")
    soundfile.write(tmp_path / "a.wav", np.stack([mono, mono], axis=1), 24000)
    clip = AudioFiles()(tmp_path / "a.wav")
    assert clip.rate == 16000
    assert clip.notes == ("mixed to mono", "resampled from 24000 Hz")


def test_echo_is_a_recogniser():
    from evaluation.judges import PhoneRecogniser

    assert isinstance(Echo(None), PhoneRecogniser)


def test_share_intervals_know_their_limits():
    from evaluation.scoring.estimates import share_interval

    speakers, texts = ["a", "a", "b", "b"], ["1", "2", "1", "2"]
    found = share_interval([-4, -4.2, -3.8, -4], [-5, -5, -5, -5], speakers, texts)
    assert found.estimate == pytest.approx(0.8)
    assert found.low <= 0.8 <= found.high
    assert "no pairs" in share_interval([], [], [], []).note
    assert "zero" in share_interval([1, 1], [1, -1], ["a", "b"], ["1", "2"]).note
    assert "one speaker and one sentence" in share_interval([1.0], [2.0], ["a"], ["1"]).note
