"""Clips in every form that a user has, and what is said of them."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from sovits_lab import Synthesizer
from sovits_lab.inference.clips import AudioArray, content_of, read_clip
from sovits_lab.inference.references import KEPT
from sovits_lab.inference.request import Request, SpeechLimits
from sovits_lab.inference.synthesizer import checked_batch, checked_requests
from sovits_lab.types import InputError
from tests.inference.voices import clip

TEXT = "The river is cold."


def test_a_clip_is_a_file_its_bytes_or_an_array(synthesizer: Synthesizer, clips: Path) -> None:
    path = clips / "low.wav"
    wav, rate = soundfile.read(path, dtype="float32")
    forms: list[Any] = [path, str(path), path.read_bytes(), AudioArray(wav, rate), AudioArray(wav.tolist(), rate)]
    for role in ("speaker", "style", "prosody"):
        made = [synthesizer.speak(TEXT, **{"speaker": "ann", role: form}) for form in forms]  # type: ignore[arg-type]
        assert all(np.array_equal(made[0].wav, one.wav) for one in made)
    both = synthesizer.speak(TEXT, "ann", [path.read_bytes(), AudioArray(wav, rate)])
    np.testing.assert_allclose(both.wav, synthesizer.speak(TEXT, "ann", path).wav, atol=1e-5)


def test_a_clip_that_changed_under_its_name_is_heard_anew(synthesizer: Synthesizer, tmp_path: Path) -> None:
    path, made = tmp_path / "a.wav", []
    for hertz in (110, 240, 110):
        soundfile.write(path, clip(1.0, hertz), 16_000)
        made.append(synthesizer.speak(TEXT, path, style=path).wav)
    assert np.array_equal(made[0], made[2]) and not np.array_equal(made[0], made[1])


def test_the_cache_is_bounded(voice_folder: Path) -> None:
    voice = Synthesizer.load(voice_folder)
    for i in range(KEPT + 9):
        voice.clips._mels.get(str(i), lambda: None)  # type: ignore[arg-type, return-value]
    assert len(voice.clips._mels) == KEPT


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 24_000, 48_000])
def test_other_rates_and_stereo_are_taken_with_a_remark(synthesizer: Synthesizer, tmp_path: Path, rate: int) -> None:
    wav = clip(1.0, 150, rate)
    soundfile.write(tmp_path / "a.wav", np.stack([wav, 0.5 * wav], axis=1), rate)
    for role in ("speaker", "style", "prosody"):
        said = synthesizer.speak(TEXT, **{"speaker": "ann", role: tmp_path / "a.wav"})  # type: ignore[arg-type]
        assert "mixed_down" in said.flags and ("low_rate" in said.flags) == (rate < 16_000)
    heard = read_clip("clip", tmp_path / "a.wav", 16_000, 0.5, 30)
    mono = read_clip("clip", AudioArray(0.75 * wav, rate), 16_000, 0.5, 30)
    np.testing.assert_allclose(heard.wav, mono.wav, atol=1e-4)
    assert mono.remarks == (("low_rate",) if rate < 16_000 else ())


@pytest.mark.parametrize("coding", ["GSM610", "IMA_ADPCM", "MS_ADPCM", "ALAW", "ULAW", "G721_32", "PCM_24", "DOUBLE"])
def test_a_wave_file_of_any_coding_is_heard(tmp_path: Path, coding: str) -> None:
    wav = clip(1.0, 150, 8_000)
    soundfile.write(tmp_path / "a.wav", wav, 8_000, format="WAV" if coding != "G721_32" else "AU", subtype=coding)
    heard = read_clip("clip", tmp_path / "a.wav", 16_000, 0.5, 30)
    assert abs(len(heard.wav) - 16_000) < 700  # codings of blocks fill up the last
    assert (
        np.corrcoef(heard.wav[:15_000], read_clip("clip", AudioArray(wav, 8_000), 16_000, 0.5, 30).wav[:15_000])[0, 1]
        > 0.5
    )


def test_a_name_that_is_too_long_is_one_short_line(synthesizer: Synthesizer) -> None:
    with pytest.raises(InputError, match="too long") as caught:
        synthesizer.speak(TEXT, f"{'x' * 5000}.wav")
    assert len(str(caught.value)) < 1500


def test_a_remark_is_no_fault(synthesizer: Synthesizer, clips: Path) -> None:
    wav, rate = soundfile.read(clips / "low.wav", dtype="float32")
    for seed in range(20):
        plain = synthesizer.speak(TEXT, clips / "low.wav", seed=seed)
        stereo = synthesizer.speak(TEXT, AudioArray(np.stack([wav, wav], axis=1), rate), seed=seed)
        assert stereo.is_broken == plain.is_broken and set(stereo.flags) == {*plain.flags, "mixed_down"}


def test_speech_as_soft_as_an_inaudible_clip_is_flagged(synthesizer: Synthesizer, clips: Path) -> None:
    wav, rate = soundfile.read(clips / "low.wav", dtype="float32")
    for seed in range(200):
        said = synthesizer.speak(TEXT, clips / "low.wav", seed=seed)
        if (said.f0 > 0).sum() > 12:
            break
    assert "soft" not in said.flags
    soft = synthesizer.speak(TEXT, AudioArray(wav * np.float32(0.002), rate), seed=seed)
    assert "soft" in soft.flags and soft.is_broken
    assert "soft" not in synthesizer.speak(TEXT, clips / "low.wav", seed=seed, energy_shift=-40).flags


WAV = clip()
BAD: dict[str, tuple[Any, str]] = {
    "integers": (AudioArray((WAV * 9999).astype(np.int16), 16_000), "floats in"),
    "words": (AudioArray(["a"], 16_000), "numbers, T or T x channels"),
    "none": (AudioArray(np.zeros(0), 16_000), "at least one"),
    "turned": (AudioArray(np.stack([WAV, WAV]), 16_000), "samples first"),
    "rate": (AudioArray(WAV, 0), "whole number of Hz"),
    "slow": (AudioArray(WAV, 4_000), "4000 Hz.*at least 8000 Hz"),
    "nan": (AudioArray(np.where(np.arange(len(WAV)) == 5, np.nan, WAV), 16_000), "NaN"),
    "silent": (AudioArray(0 * WAV, 16_000), "silence"),
    "no audio": (b"not audio at all" * 1000, r"16000 bytes.*cannot be read as audio"),
    "bare array": (WAV, "an audio file, its bytes, or an AudioArray"),
    "empty bytes": (b"", "an audio file, its bytes"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("role", ["speaker", "style", "prosody"])
def test_a_clip_that_cannot_be_used_is_one_short_line(synthesizer: Synthesizer, name: str, role: str) -> None:
    given, match = BAD[name]
    request = Request(TEXT, "ann")
    object.__setattr__(request, role, given)  # past the type checker
    with pytest.raises(InputError, match=match) as caught:
        synthesizer.speak_all([request])
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250


def test_a_list_with_a_file_in_it_is_not_printed(synthesizer: Synthesizer) -> None:
    data = io.BytesIO()
    soundfile.write(data, clip(), 16_000, format="WAV")
    request = Request(TEXT, "ann")
    object.__setattr__(request, "style", [data.getvalue(), 5])  # past the type checker
    with pytest.raises(InputError, match=r"style: got .*characters\)") as caught:
        synthesizer.speak_all([request])
    assert len(str(caught.value)) < 250


def test_equal_content_is_known_whatever_its_form(clips: Path) -> None:
    path = clips / "low.wav"
    assert content_of(path) == content_of(str(path)) == content_of(path.read_bytes())
    assert content_of(AudioArray(WAV, 16_000)) != content_of(AudioArray(WAV, 8_000))


def test_a_synthesizer_closes(voice_folder: Path) -> None:
    with Synthesizer.load(voice_folder) as voice:
        assert len(voice.speak(TEXT, "ann", seed=6).wav)
    voice.close()
    for ask in (lambda: voice.speak(TEXT, "ann"), lambda: voice.voice):
        with pytest.raises(InputError, match="after close"):
            ask()


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_synthesizer_is_not_sent_to_another_process(way: Callable[[Any], Any], synthesizer: Synthesizer) -> None:
    with pytest.raises(TypeError, match="load the bundle in each process"):
        way(synthesizer)


def test_misuse_is_an_input_error(synthesizer: Synthesizer) -> None:
    def failing(text: str, context: Any) -> Any:
        raise KeyError("mood")

    asked = Request(TEXT, "ann")
    calls: list[tuple[Any, str]] = [
        (lambda: synthesizer.speak_all([asked], batch=0), "batch: got 0"),
        (lambda: checked_batch(1.5), "batch: got 1.5"),
        (lambda: checked_requests("ab"), "requests: got 'ab', expected a list of Request"),
        (lambda: checked_requests(asked), "requests: got .*expected a list"),
        (lambda: checked_requests([asked, "b"]), "request 1: got 'b'"),
        (lambda: checked_requests(None), "requests: got None"),
        (lambda: synthesizer.speak(TEXT, "ann", emotion_from=failing), "emotion_from: the callable failed.*KeyError"),
    ]
    for call, match in calls:
        with pytest.raises(InputError, match=match) as caught:
            call()
        assert "\n" not in str(caught.value)
    assert synthesizer.speak_all([]) == []


def test_more_speech_than_allowed_is_refused_before_it_is_spoken(
    synthesizer: Synthesizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = Synthesizer(synthesizer.voice, limits=SpeechLimits(seconds=2.0))
    monkeypatch.setattr("sovits_lab.inference.synthesizer.generate_tokens", lambda *_: pytest.fail("spoke"))
    with pytest.raises(InputError, match=r"text: got 'at least [0-9]+ s of speech', expected at most 2 s"):
        short.speak(TEXT * 20, "ann")
    for wrong in ({"seconds": 0.0}, {"letters": 2}):
        with pytest.raises(InputError, match="limits"):
            SpeechLimits(**wrong)  # type: ignore[arg-type]


def test_the_first_request_needs_no_librosa(voice_folder: Path) -> None:
    code = (
        "import sys; from sovits_lab import Synthesizer; "
        f"Synthesizer.load({str(voice_folder)!r}).speak('Yes.', 'ann'); "
        "assert 'librosa' not in sys.modules and 'scipy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
