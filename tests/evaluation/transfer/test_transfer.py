"""Transfer against real speech: a perfect system reaches the ceiling, a flat one nothing, a failed output less."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from evaluation.real_speech.signature import NAMES, measure_signature
from evaluation.scoring.samples import Sample, read_samples
from evaluation.transfer.command import main, measure_excess, measure_transfer, read_margins
from evaluation.transfer.signature import measure_changes, measure_likeness, real_scale
from evaluation.transfer.stage import TransferTrial
from evaluation.transfer.strength import Point, monotonicity
from evaluation.validity.planted_audio import voice
from sovits_lab.reporting import Silent
from sovits_lab.types import InputError

RATE = 16000
PITCH = {"neutral": 0.0, "sad": -4.0, "angry": 6.0}  # semitones


def speech(folder: Path, speaker: int, text: int, emotion: str, share: float = 1.0, seed: int = 0) -> Path:
    """A made recording whose pitch moves by `share` of its emotion's shift, and whose length follows."""
    path = folder / f"{speaker}-{text}-{emotion}-{share:g}-{seed}.wav"
    if not path.is_file():
        rng = np.random.default_rng([speaker, text, len(emotion), seed])
        f0 = (110 + 25 * speaker) * 2 ** (share * PITCH[emotion] / 12) * rng.normal(1, 0.01)
        wav = voice(f0, 1.0 + 0.03 * speaker, [(text + i) % 4 for i in range(3)], rng)
        soundfile.write(path, wav[: int(0.8 * len(wav) * 2 ** (-share * PITCH[emotion] / 24))], RATE)
    return path


def samples_of(folder: Path, share: float, strengths: tuple[float, ...] = (1.0,)) -> list[Sample]:
    """Outputs of a system that goes `share` of the way: every speaker, three texts, three emotions."""
    made = []
    for speaker in range(5):
        for text in range(3):
            for emotion in PITCH:
                for strength in strengths if emotion != "neutral" else (1.0,):
                    style = (speaker + 1 + text % 3) % 5
                    made.append(
                        Sample(
                            id=f"{speaker}-{text}-{emotion}-{strength:g}",
                            wav=speech(folder, speaker, text, emotion, share * strength, seed=1),
                            text=f"text {text}",
                            speaker=f"s{speaker}",
                            emotion=emotion,
                            strength=strength,
                            style_reference=speech(folder, style, (text + 1) % 3, emotion),
                            style_speaker=f"s{style}",
                            truth=speech(folder, speaker, text, emotion),
                            truth_neutral=speech(folder, speaker, text, "neutral"),
                        )
                    )
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("speech")


def test_a_perfect_system_reaches_the_ceiling_and_a_flat_one_does_not(folder: Path) -> None:
    perfect = measure_transfer(samples_of(folder, 1.0), None)
    flat = measure_transfer(samples_of(folder, 0.0), None)
    for one in perfect.agreements:
        assert one.cosine.estimate > one.ceiling.estimate - 0.1 > 0.3
        assert 0.7 < one.slope.estimate < 1.2, "another take's noise flattens it: 0.80 and 0.97"
        assert one.system["F0"] == pytest.approx(PITCH[one.emotion], abs=0.7)
    assert all(abs(one.slope.estimate) < 0.3 for one in flat.agreements)
    ours, theirs = ({c.emotion: c for c in report.cells if c.timbre == c.style == "all"} for report in (perfect, flat))
    chance = 100 / len(PITCH)
    assert ours["angry"].accuracy.above(chance) and ours["angry"].ceiling.estimate > 2 * chance
    assert theirs["angry"].accuracy.estimate <= chance
    assert ours["angry"].gain.estimate > theirs["angry"].gain.estimate + 0.1


def test_a_failed_output_is_scored_as_neutral_and_counted(folder: Path) -> None:
    samples = samples_of(folder, 1.0)
    broken = [replace(one, wav=None) if one.emotion == "sad" and one.text == "text 0" else one for one in samples]
    report = measure_transfer(broken, None)
    sad = next(c for c in report.cells if (c.timbre, c.style, c.emotion) == ("all", "all", "sad"))
    assert (sad.failed, sad.accuracy.n) == (5, 15)
    assert sad.accuracy.estimate <= 67
    slope = next(one.slope.estimate for one in report.agreements if one.emotion == "sad")
    assert slope == pytest.approx(2 / 3, abs=0.15)
    assert any("5 failed outputs" in note for note in report.notes)


def test_strength_is_found_monotone_only_where_it_is(folder: Path) -> None:
    report = measure_transfer(samples_of(folder, 1.0, (0.0, 0.5, 1.0)), None)
    trend = report.trends["sad: share of the real change"]
    assert not isinstance(trend, str)
    assert trend.tau.estimate > 0.8 and trend.page_p is not None and trend.page_p < 0.01
    assert isinstance(measure_transfer(samples_of(folder, 1.0), None).trends["sad: probability heard"], str)


def test_noise_over_strength_has_no_trend() -> None:
    rng = np.random.default_rng(0)
    points = [
        Point(f"s{s}", f"t{t}", "x", strength, float(rng.normal()))
        for s in range(6)
        for t in range(6)
        for strength in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    found = monotonicity("noise", points)
    assert not isinstance(found, str)
    assert found.test.p > 0.05 and found.page_p is not None and found.page_p > 0.05
    lost = monotonicity("noise", [replace(one, value=None) for one in points])
    assert not isinstance(lost, str) and lost.failed == 180 and lost.tau.estimate == 0


def test_signature_of_a_known_shift_in_units() -> None:
    rng = np.random.default_rng(0)
    low, high = (measure_signature(voice(f0, 1.0, [0, 1, 2], rng)) for f0 in (120.0, 240.0))
    assert high[0] - low[0] == pytest.approx(12.0, abs=0.5)
    assert low[4] == pytest.approx(np.log(0.6), abs=0.01)
    assert np.isnan(measure_signature(np.zeros(8000, dtype=np.float32))[:4]).all()


def test_agreement_of_real_speakers_with_themselves_is_complete() -> None:
    rng = np.random.default_rng(1)
    speaker = np.repeat([f"s{i}" for i in range(4)], 6)
    emotion = np.tile(["neutral", "sad", "angry"], 8)
    text = np.tile(np.repeat(["a", "b"], 3), 4)
    shift = np.array([{"neutral": np.zeros(5), "sad": -np.ones(5), "angry": np.arange(5.0)}[e] for e in emotion])
    features = shift + rng.normal(0, 0.01, (24, len(NAMES)))
    found = measure_changes(features, speaker, emotion, text)
    for one in measure_likeness(found, found, real_scale(features, speaker)):
        assert one.cosine.estimate > 0.99 and one.slope.estimate == pytest.approx(1, abs=0.05)
    half = replace(found, change=found.change / 2)
    assert measure_likeness(half, found, real_scale(features, speaker))[0].slope.estimate == pytest.approx(
        0.5, abs=0.05
    )


def test_scores_add_who_won_and_the_error_over_the_truth(folder: Path) -> None:
    samples = samples_of(folder, 1.0)
    rows = []
    for one in samples:
        rows += [
            {"id": one.id, "metric": "similarity", "value": 0.8, "judge": "j", "of": "output"},
            {"id": one.id, "metric": "similarity_style_speaker", "value": 0.6, "judge": "j", "of": "output"},
            {"id": one.id, "metric": "wer", "value": 0.2, "judge": "w", "of": "output"},
            {"id": one.id, "metric": "wer", "value": 0.05, "judge": "w", "of": "truth"},
        ]
    assert read_margins(rows)[samples[0].id] == pytest.approx(0.2)
    assert measure_excess(samples, rows)["wer (w)"].estimate == pytest.approx(0.15)


def test_command_and_its_refusals(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = folder / "samples.jsonl"
    samples = samples_of(folder, 1.0, (0.0, 0.5, 1.0))
    fields = ("wav", "style_reference", "truth", "truth_neutral")

    def record(one: Sample) -> dict:
        plain = {"id": one.id, "text": one.text, "speaker": one.speaker, "emotion": one.emotion,
                 "strength": one.strength, "style_speaker": one.style_speaker}  # fmt: skip
        return plain | {name: getattr(one, name).name for name in fields}

    manifest.write_text("".join(json.dumps(record(one)) + "\n" for one in samples), encoding="utf-8")
    assert main([f"samples={manifest}", f"out={tmp_path}"]) == 0
    text = (tmp_path / "transfer.md").read_text(encoding="utf-8")
    assert "nan" not in text.replace("nance", "").lower() and (tmp_path / "strength.png").is_file()
    json.loads((tmp_path / "transfer.json").read_text(encoding="utf-8"))
    assert "Signature" in capsys.readouterr().out
    TransferTrial().run({"samples": folder}, tmp_path / "stage", Silent())
    assert (tmp_path / "stage" / "transfer.md").read_text(encoding="utf-8") == text
    neutral = [one for one in read_samples(manifest) if one.emotion == "neutral"]
    with pytest.raises(InputError, match="no transfer to measure"):
        measure_transfer(neutral, None)
    bare = [replace(one, truth=None, truth_neutral=None, style_reference=None) for one in samples]
    with pytest.raises(InputError, match="real recordings"):
        measure_transfer(bare, None)
    with pytest.raises(InputError, match="samples=: got nothing"):
        main([])
