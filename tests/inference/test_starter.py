"""The voice that is spoken with where none is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evaluation.intelligibility.errors import count_errors
from evaluation.judges.faster_whisper import FasterWhisper
from evaluation.scoring.normalisers import NORMALISERS
from sovits_lab import Synthesizer
from sovits_lab.audio.files import load_audio
from sovits_lab.inference import starter
from sovits_lab.inference.command import main
from sovits_lab.inference.export_command import main as export_main
from sovits_lab.inference.request import is_broken
from sovits_lab.inference.starter import only_speaker
from sovits_lab.types import InputError
from sovits_lab.weights import CATALOGUE
from sovits_lab.weights.locate import find_place

MOST_ERRORS = 0.15  # of the words


def test_without_a_starter_voice_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(starter, "STARTER", tmp_path)
    with pytest.raises(InputError, match=r"lacks the starter voice.*experiment=starter_voice"):
        main(["text=Hello there.", f"out={tmp_path / 'x.wav'}"])
    with pytest.raises(InputError, match="lacks the starter voice"):
        Synthesizer.load()


def test_a_voice_with_several_speakers_wants_a_name(voice_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="speaker: got None, expected one of ann, bob, or a clip"):
        main([f"bundle={voice_folder}", "text=Hello there.", f"out={tmp_path / 'x.wav'}"])
    assert not (tmp_path / "x.wav").exists()


def test_a_language_that_the_voice_does_not_read_is_named() -> None:
    with Synthesizer.load() as voice, pytest.raises(InputError, match="a language that this voice reads: its English"):
        voice.speak("你好，世界", "heart")


@pytest.mark.parametrize("text", ["Ich weiß nicht, wo der Bahnhof ist.", "Nie wiem, gdzie jest dworzec."])
def test_another_language_is_spoken_and_remarked(text: str) -> None:
    with Synthesizer.load() as voice:
        assert "foreign" in voice.speak(text, seed=1).flags
        assert voice.speak("Where is the station?", seed=1).flags == ()


def test_the_only_speaker_is_taken() -> None:
    assert only_speaker(["ann"]) == "ann"
    with pytest.raises(InputError, match="a clip of somebody"):
        only_speaker([])


def test_every_control_of_the_card_speaks() -> None:
    """None leaves the voice silent, broken or as it was, and what slows it slows it."""
    text = "The train leaves in twenty minutes."
    with Synthesizer.load() as voice:
        plain, sad = voice.speak(text, seed=1), voice.speak(text, emotion="sad", seed=1)
        for scale in (0.5, 1.5, 2.0):  # what this voice answers at once is extrapolated too
            guided = voice.speak(text, emotion="sad", guidance=scale, seed=1)
            assert (
                guided.flags == ()
                and len(guided.wav) > len(plain.wav)
                and (len(guided.wav) > len(sad.wav)) == (scale > 1)
            )
        others = [
            {"rate": 0.6}, {"rate": 1.7}, {"pitch_shift": 5}, {"energy_shift": -6},
            {"emotion": {"sad": 0.5, "angry": 0.5}}, {"emotion": "angry", "strength": 1.6},
        ]  # fmt: skip
        for controls in others:
            said = voice.speak(text, seed=1, **controls)
            assert said.flags == () and not is_broken(said.flags) and not np.array_equal(said.wav, plain.wav)


SAID = ("The train leaves in twenty minutes.", "Please turn off the lights before you leave.")


def test_the_starter_voice_speaks_at_any_strength(tmp_path: Path) -> None:
    weights = starter.STARTER / "model.safetensors"
    assert weights.stat().st_size < 15e6
    with Synthesizer.load() as voice:
        spoken = [voice.speak(SAID[1], emotion="sad", strength=strength) for strength in (0.0, 0.5, 1.0)]
    tones = [float(np.median(each.f0[each.f0 > 0])) for each in spoken]
    assert tones[0] > tones[1] > tones[2]
    assert not any(is_broken(each.flags) for each in spoken)


@pytest.mark.skipif(find_place(CATALOGUE["whisper-base"]) is None, reason="no weights whisper-base")
def test_whisper_understands_the_starter_voice(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    judge = FasterWhisper("whisper-base", ["en"])
    rates = []
    for number, text in enumerate(SAID):
        out = tmp_path / f"{number}.wav"
        assert main([f"text={text}", f"out={out}"]) == 0
        heard = judge.transcribe([load_audio(out, 16_000)], "en")[0]
        words, found = (NORMALISERS["lab"].units(each, "en") for each in (text, heard))
        rates.append(count_errors(words, found).rate)
    assert np.mean(rates) <= MOST_ERRORS


def test_a_run_of_ours_is_refused_as_a_voice_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "bundle").symlink_to(starter.STARTER)
    with pytest.raises(InputError, match="kind: got 'voice', expected upstream"):
        export_main([str(tmp_path), "format=upstream"])
