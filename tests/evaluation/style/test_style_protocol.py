"""The protocol finds what was planted, refuses what cannot be tested, and leaves no gap without a reason."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from evaluation.real_speech.clips import read_corpus
from evaluation.style.command import find_clips, main
from evaluation.style.extract import label_clips, load_clips
from evaluation.style.protocol import markdown, run_protocol, write_report
from evaluation.style.retrieval import retrieval
from evaluation.style.stage import StyleTrial
from evaluation.style.trial import try_vectors
from evaluation.style.variance import variance_share
from evaluation.style.vectors import StyleVectors, load_vectors, make_labels, save_vectors
from evaluation.style.verdict import judge
from evaluation.validity import planted_vectors as plants
from evaluation.validity.planted import PLAN, audio_controls, shuffled_control, vector_controls
from sovits_lab.reporting import Silent
from sovits_lab.types import InputError

FAST = replace(PLAN, resamples=200, permutations=49, cluster_seeds=1, cluster_starts=2)


@pytest.fixture(scope="module")
def design() -> plants.PlantedDesign:
    return plants.make_design(speakers=6, emotions=4, texts=3)


def test_planted_vectors_come_out() -> None:
    controls = list(vector_controls(plants.make_design(speakers=8, emotions=5, texts=3), plan=FAST))
    assert len(controls) == 7
    assert [one for one in controls if not one.passed] == []


def test_planted_audio_comes_out(design: plants.PlantedDesign) -> None:
    assert [one for one in audio_controls(design, plan=FAST) if not one.passed] == []


def test_shuffled_labels_are_found_in_one_seed_of_twenty(design: plants.PlantedDesign) -> None:
    assert all(one.passed for one in shuffled_control(design, seeds=40, permutations=59))


def test_abx_permutation_sees_emotion_and_not_noise(design: plants.PlantedDesign) -> None:
    plan = replace(FAST, abx_permutations=39)
    assert try_vectors(plants.emotion_code(design), plan).p["abx_emotion"] == pytest.approx(1 / 40)
    assert try_vectors(plants.random_code(design, seed=3), plan).p["abx_emotion"] > 0.05


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (lambda d: d.speaker < 1, "speakers: got 1"),
        (lambda d: d.speaker < 3, "speakers: got 3"),
        (lambda d: d.emotion < 1, "emotions: got 1"),
        (lambda d: (d.emotion != 2) | (d.speaker == 0), "speakers of emotion 'happiness'"),
    ],
)
def test_too_little_is_refused(design: plants.PlantedDesign, keep, message: str) -> None:
    style = plants.random_code(design).pick(np.flatnonzero(keep(design)))
    with pytest.raises(InputError, match=message):
        try_vectors(style, FAST)


def test_wrong_vectors_are_refused(design: plants.PlantedDesign) -> None:
    with pytest.raises(InputError, match="NaN"):
        StyleVectors("broken", np.full((len(design.labels), 2), np.nan), design.labels)
    with pytest.raises(InputError, match="one row per label"):
        StyleVectors("short", np.zeros((3, 2)), design.labels)
    with pytest.raises(InputError, match="'speaker'"):
        make_labels(2, emotion=["a", "b"])


def test_gaps_have_reasons_and_the_report_is_json(design: plants.PlantedDesign, tmp_path: Path) -> None:
    """Vectors with speaker and emotion alone: no text, sex, language or level, and every gap says so."""
    bare = make_labels(len(design.labels), speaker=design.labels.speaker, emotion=design.labels.emotion)
    style = StyleVectors("bare", plants.emotion_code(design).vectors, bare)
    report = run_protocol([style], [], FAST, say=lambda line: None, absent=["no audio"])
    written = write_report(report, [style], tmp_path, pictures=False)
    text = (tmp_path / "style.md").read_text(encoding="utf-8")
    assert "nan" not in text.lower()
    assert "texts are not given" in text and "no audio" in text
    told = json.loads((tmp_path / "style.json").read_text(encoding="utf-8"))
    assert told["verdicts"][0]["only_loudness"] is None
    assert told["verdicts"][0]["reasons"]["only_loudness"] == "levels are not given"
    assert json.loads((tmp_path / "verdicts.jsonl").read_text(encoding="utf-8"))["verdict"]["emotion_carries"] is True
    assert len(written) == 3


def test_loudness_bar_comes_with_the_levels(design: plants.PlantedDesign) -> None:
    report = run_protocol([plants.loudness_code(design)], [], FAST, say=lambda line: None)
    assert not report.verdicts[0].emotion_carries
    assert report.verdicts[0].only_loudness
    assert "Level alone separates the emotions of this corpus" in markdown(report)


def test_npz_round_trip_and_no_pickle(design: plants.PlantedDesign, tmp_path: Path) -> None:
    style = plants.emotion_code(design)
    save_vectors(tmp_path / "mine.npz", style)
    (again,) = load_vectors(tmp_path / "mine.npz")
    assert np.array_equal(again.vectors, style.vectors) and np.array_equal(again.labels.text, style.labels.text)
    np.savez(tmp_path / "objects.npz", vectors=style.vectors, speaker=style.labels.speaker.astype(object))
    with pytest.raises(InputError, match="unicode arrays"):
        load_vectors(tmp_path / "objects.npz")
    with pytest.raises(InputError, match=r"an \.npz file"):
        load_vectors(tmp_path / "absent.npz")


def test_variance_is_split_exactly_on_a_full_design(design: plants.PlantedDesign) -> None:
    labels = design.labels
    points = np.eye(4)[design.emotion] - 0.25
    assert variance_share("emotion", points, labels.emotion, labels.speaker, 19).r2 == pytest.approx(1.0)
    assert variance_share("speaker", points, labels.speaker, labels.emotion, 19).r2 == pytest.approx(0.0)
    assert variance_share("text", points * 0, labels.text, labels.speaker).note


def test_retrieval_is_perfect_for_emotion_and_chance_for_noise(design: plants.PlantedDesign) -> None:
    ideal = retrieval((design.emotion[:, None] != design.emotion).astype(float), design.emotion, design.speaker)
    assert ideal.r_precision.estimate == 100 and ideal.map_at_r.estimate == 100
    tied = retrieval(np.zeros((len(design.emotion),) * 2), design.emotion, design.speaker)
    assert tied.r_precision.estimate == pytest.approx(tied.chance, abs=4)


def test_retrieval_agrees_with_torchmetrics(design: plants.PlantedDesign) -> None:
    import torch
    from torchmetrics.retrieval import RetrievalRPrecision

    d = np.random.default_rng(0).random((len(design.emotion),) * 2)
    ours = retrieval(d, design.emotion, design.speaker).r_precision.estimate
    rows, columns = np.nonzero(design.speaker[:, None] != design.speaker)
    metric = RetrievalRPrecision()
    metric.update(
        torch.from_numpy(-d[rows, columns]),
        torch.from_numpy(design.emotion[rows] == design.emotion[columns]),
        indexes=torch.from_numpy(rows),
    )
    assert ours == pytest.approx(100 * float(metric.compute()), abs=1e-4)


def write_corpus(folder: Path, broken: int = 0) -> Path:
    """Four speakers, three emotions (level and pitch), two takes of noise bursts, as files with a manifest."""
    rng = np.random.default_rng(0)
    rows = []
    for speaker in range(4):
        for emotion in range(3):
            for take in range(2):
                name = f"{speaker}{emotion}{take}.wav"
                t = np.arange(8000) / 16000
                wav = np.sin(2 * np.pi * (100 + 20 * speaker) * 2 ** (emotion / 4) * t) * 0.05 * 2**emotion
                soundfile.write(folder / name, (wav + rng.normal(0, 1e-3, t.size)).astype(np.float32), 16000)
                rows.append({"path": name, "speaker": f"s{speaker}", "emotion": f"e{emotion}", "text": f"t{take}"})
    for row in rows[:broken]:
        row["path"] = "absent.wav"
    with (folder / "manifest.tsv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter="\t")
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_command_on_a_corpus_and_its_cache(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus = write_corpus(tmp_path)
    quick = ["resamples=50", "permutations=19", "abx_permutations=0", "pictures=false", f"out={tmp_path / 'out'}"]
    assert main([f"corpus={corpus}", *quick]) == 0
    first = capsys.readouterr().out
    assert "prosody, normalised audio: 24 clips" in first
    assert main([f"corpus={corpus}", *quick]) == 0
    second = capsys.readouterr().out
    assert "24 clips" not in second
    verdicts = [json.loads(line)["verdict"] for line in second.splitlines() if line.startswith("{")]
    assert {"level", "mel statistics", "prosody"} <= {one["encoder"] for one in verdicts}


def test_vectors_find_their_clips_by_label(tmp_path: Path) -> None:
    clips = read_corpus(write_corpus(tmp_path))
    order = [3, 0, 7, 12]
    chosen = label_clips([clips[i] for i in order])
    assert find_clips(chosen, clips) == [clips[i] for i in order]
    assert find_clips(label_clips(clips), clips) == clips
    with pytest.raises(InputError, match="got 2, expected exactly one"):
        find_clips(chosen, [*clips, clips[3]])


def test_stage_tries_the_vectors_of_a_run(tmp_path: Path) -> None:
    clips = read_corpus(write_corpus(tmp_path))
    style = StyleVectors("ours", np.random.default_rng(0).normal(size=(len(clips), 4)), label_clips(clips))
    save_vectors(tmp_path / "samples" / "style_vectors.npz", style)
    stage = StyleTrial(pictures=False, resamples=50, permutations=19, abx_permutations=0)
    stage.run({"samples": tmp_path / "samples", "corpus": tmp_path}, tmp_path / "out", Silent())
    told = json.loads((tmp_path / "out" / "style.json").read_text(encoding="utf-8"))
    assert {"style_vectors", "level", "prosody"} <= {trial["encoder"] for trial in told["trials"]}
    with pytest.raises(InputError, match=r"style_vectors\.npz"):
        stage.run({"corpus": tmp_path}, tmp_path / "out", Silent())


def test_a_lost_clip_is_named_and_many_are_refused(tmp_path: Path) -> None:
    heard = load_clips(read_corpus(write_corpus(tmp_path, broken=1)))
    assert len(heard.sounds) == 23 and "absent.wav" in heard.left_out[0]
    with pytest.raises(InputError, match="usable clips"):
        load_clips(read_corpus(write_corpus(tmp_path, broken=5)))
    with pytest.raises(InputError, match=r"manifest\.tsv"):
        read_corpus(tmp_path / "nowhere")


@pytest.mark.parametrize("argument", ["colour=red", "vectors", "resamples=many", "pictures=perhaps"])
def test_wrong_arguments_are_one_error(argument: str) -> None:
    with pytest.raises(InputError):
        main([argument])
    with pytest.raises(InputError, match="at least one"):
        main([])


@pytest.mark.slow
def test_pictures_are_written(design: plants.PlantedDesign, tmp_path: Path) -> None:
    style = plants.emotion_code(design)
    report = run_protocol([style], [], FAST, say=lambda line: None)
    written = write_report(report, [style], tmp_path)
    assert {path.name for path in written} >= {"plane.png", "maps-one-hot_emotion_+_noise.png"}
    assert all(path.stat().st_size > 0 for path in written)


def test_judge_without_bars_says_so(design: plants.PlantedDesign) -> None:
    assert "chance only" in judge(try_vectors(plants.emotion_code(design), FAST)).reasons["emotion_carries"]
