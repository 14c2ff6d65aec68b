"""Text and references to speech: reproducible, independent of the batch, and clear about wrong input."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sovits_lab import Synthesizer
from sovits_lab.inference.synthesizer import Request
from sovits_lab.models.contracts import Bounds
from sovits_lab.types import InputError
from tests.inference.voices import clip

TEXT = "The river is cold."


def test_it_speaks(synthesizer: Synthesizer, clips: Path) -> None:
    speech = synthesizer.speak(TEXT, clips / "low.wav", style=clips / "high.wav", strength=0.8, seed=3)
    assert speech.wav.dtype == np.float32 and np.abs(speech.wav).max() <= 1 and speech.sample_rate == 16_000
    assert len(speech.wav) == 640 * len(speech.tokens) and len(speech.f0) == 2 * len(speech.tokens)
    assert speech.phones and speech.seconds > 0


def test_the_same_request_is_the_same_waveform(voice_folder: Path, synthesizer: Synthesizer, clips: Path) -> None:
    request = Request(TEXT, clips / "low.wav", clips / "high.wav", seed=5)
    first = synthesizer.speak_all([request])[0]
    assert np.array_equal(first.wav, Synthesizer.load(voice_folder).speak_all([request])[0].wav)
    other = synthesizer.speak(TEXT, clips / "low.wav", clips / "high.wav", seed=6)
    assert first.tokens != other.tokens


def test_the_rest_of_the_batch_changes_nothing(synthesizer: Synthesizer, clips: Path) -> None:
    requests = [
        Request("Yes.", "ann", emotion="sad", seed=1),
        Request(TEXT, clips / "low.wav", clips / "high.wav", seed=2),
        Request("A much longer sentence than the others, with a pause.", "bob", seed=3),
        Request(TEXT, "bob", clips / "low.wav", strength=0.5, seed=2),
    ]
    together = synthesizer.speak_all(requests)
    pairs = synthesizer.speak_all(requests[::-1], batch=2)[::-1]
    for request, a, b in zip(requests, together, pairs, strict=True):
        alone = synthesizer.speak_all([request])[0]
        assert a.tokens == b.tokens == alone.tokens and a.flags == b.flags == alone.flags
        assert np.array_equal(a.wav, alone.wav) and np.array_equal(b.wav, alone.wav)


def test_speaking_leaves_the_global_generator_alone(synthesizer: Synthesizer) -> None:
    import torch

    torch.manual_seed(0)
    wanted = torch.rand(3)
    torch.manual_seed(0)
    synthesizer.speak(TEXT, "ann", seed=9)
    assert torch.equal(torch.rand(3), wanted)


def test_strength_goes_from_neutral_to_the_style_and_beyond(synthesizer: Synthesizer, clips: Path) -> None:
    def style(strength: float) -> np.ndarray:
        return synthesizer.style(Request(TEXT, "ann", clips / "high.wav", strength=strength)).sovits["style"].numpy()

    neutral = synthesizer.voice.emotion("neutral").sovits["style"].numpy()
    np.testing.assert_allclose(style(0), neutral, atol=1e-6)
    np.testing.assert_allclose(style(0.5), (neutral + style(1)) / 2, atol=1e-6)
    np.testing.assert_allclose(style(2) - neutral, 2 * (style(1) - neutral), atol=1e-5)


def test_neither_style_nor_emotion_is_neutral(synthesizer: Synthesizer) -> None:
    plain, said = synthesizer.speak(TEXT, "ann"), synthesizer.speak(TEXT, "ann", emotion="neutral")
    assert np.array_equal(plain.wav, said.wav)


@pytest.mark.parametrize(("guard", "flag"), [(Bounds(0.0, 0.1, 2), "runaway"), (Bounds(50.0, 60.0, 0), "truncated")])
def test_what_the_guard_saw_is_reported(synthesizer: Synthesizer, guard: Bounds, flag: str) -> None:
    guarded = Synthesizer(synthesizer.voice, guard)
    said = [guarded.speak(TEXT, "ann", seed=seed) for seed in range(8)]
    assert any(speech.flags == (flag,) for speech in said)
    assert all(speech.flags for speech in said if flag == "truncated" or not speech.tokens)


@pytest.mark.parametrize("text", ["你好! " + TEXT, TEXT + " [emotion:sad]你好[/emotion]"])
def test_words_that_nobody_can_say_are_flagged(synthesizer: Synthesizer, text: str) -> None:
    plain, said = synthesizer.speak(TEXT, "ann"), synthesizer.speak(text, "ann")
    assert "unread" in said.flags and "unread" not in plain.flags
    assert len(said.phones) >= len(plain.phones)


def broken(folder: Path, name: str) -> Path:
    """A reference with one defect."""
    path = folder / f"{name}.wav"
    wav, rate = clip(), 16_000
    if name == "unreadable":
        path.write_bytes(b"RIFF but no more")
        return path
    if name == "zero":
        wav = wav[:0]
    elif name == "short":
        wav = wav[:1600]
    elif name == "nan":
        wav = np.where(np.arange(len(wav)) == 7, np.nan, wav)
    elif name == "silent":
        wav = 0 * wav
    elif name == "slow_rate":
        rate = 4_000
    elif name == "long":
        wav = np.tile(wav, 600)
    if name != "missing":
        soundfile.write(path, wav, rate, subtype="FLOAT" if name == "nan" else "PCM_16")
    return path


BROKEN = {
    "missing": "nothing there",
    "unreadable": "cannot be read as audio",
    "zero": "0 samples",
    "short": r"0\.10 s.*0\.5 to 30 s",
    "nan": "NaN",
    "silent": "silence.*expected speech",
    "slow_rate": r"4000 Hz.*at least 8000 Hz",
    "long": r"600\.0 s.*at most 30 s",
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("role", ["speaker", "style"])
def test_a_reference_that_cannot_be_used_is_named(
    synthesizer: Synthesizer, tmp_path: Path, name: str, role: str
) -> None:
    path = broken(tmp_path, name)
    with pytest.raises(InputError, match=BROKEN[name]) as caught:
        synthesizer.speak(TEXT, **{"speaker": "ann", role: path})
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_noise_is_no_speaker(synthesizer: Synthesizer, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "hiss.wav", 0.05 * np.random.default_rng(0).normal(size=16_000), 16_000)
    with pytest.raises(InputError, match=r"hiss\.wav: got .hardly any voiced frame"):
        synthesizer.speak(TEXT, tmp_path / "hiss.wav")


@pytest.mark.parametrize(
    ("request_", "match"),
    [
        (Request("", "ann"), "text"),
        (Request("   ", "ann"), "text"),
        (Request("...!", "ann"), "text"),
        (Request(TEXT, "carl"), r"speaker: got 'carl', expected an audio file or one of ann, bob"),
        (Request(TEXT, "ann", emotion="joyous"), r"emotion: got 'joyous', expected one of neutral, sad"),
        (Request(TEXT, "ann", "b.wav", "sad"), "style and emotion: got both"),
        (Request(TEXT, "ann", emotion="sad", strength=-1.0), "strength"),
        (Request(TEXT, "ann", emotion="sad", strength=float("nan")), "strength"),
        (Request(TEXT, "ann", emotion="sad", strength=1e30), "strength: got 1e\\+30, expected a number from 0 to 10"),
        (Request(TEXT, "ann", rate=0.0), "rate: got 0.0"),
        (Request(TEXT, "ann", rate=float("nan")), "rate: got nan"),
        (Request(TEXT, "ann", language="fi"), r"language.*fi.*en"),
    ],
)
def test_a_request_that_cannot_be_met_is_named(synthesizer: Synthesizer, request_: Request, match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        synthesizer.speak_all([request_])
    assert "\n" not in str(caught.value)


def test_a_bundle_must_be_a_voice(tmp_path: Path, voice_folder: Path) -> None:
    with pytest.raises(InputError, match="bundle"):
        Synthesizer.load(tmp_path)
    with pytest.raises(InputError, match=r"kind: got 'gpt', expected voice"):
        Synthesizer.load(voice_folder.parents[1] / "gpt" / "bundle")
    shutil.copytree(voice_folder, tmp_path / "other")
    record = json.loads((tmp_path / "other" / "bundle.json").read_text())
    record["models"]["gpt"]["channels"] = 32  # a bundle of another variant
    (tmp_path / "other" / "bundle.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"gpt/.*expected shape"):
        Synthesizer.load(tmp_path / "other")
    del record["speakers"]
    (tmp_path / "other" / "bundle.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="no key speakers"):
        Synthesizer.load(tmp_path / "other")


def test_a_voice_of_another_version_is_named(tmp_path: Path, voice_folder: Path) -> None:
    shutil.copytree(voice_folder, tmp_path / "old")
    facts = json.loads((tmp_path / "old" / "bundle.json").read_text())
    facts["models"]["gpt"]["style_sites"]["parts"] = ["prior"]
    (tmp_path / "old" / "bundle.json").write_text(json.dumps(facts))
    with pytest.raises(InputError, match=r"old: no models of this version .*style_sites\.parts: got 'prior'"):
        Synthesizer.load(tmp_path / "old")


def test_a_voice_with_the_older_names_speaks_the_same(
    tmp_path: Path, voice_folder: Path, synthesizer: Synthesizer
) -> None:
    shutil.copytree(voice_folder, tmp_path / "old")
    facts = json.loads((tmp_path / "old" / "bundle.json").read_text())
    for node in facts["models"].values():
        if sites := node.pop("style_sites", None):
            node["site"] = {**sites, "_target_": sites["_target_"].replace("StyleSites", "Site")}
    assert "site" in facts["models"]["gpt"]
    (tmp_path / "old" / "bundle.json").write_text(json.dumps(facts))
    older = Synthesizer.load(tmp_path / "old").speak("Yes.", "bob", seed=1)
    assert np.array_equal(older.wav, synthesizer.speak("Yes.", "bob", seed=1).wav)


def test_a_run_folder_is_as_good_as_its_bundle(tmp_path: Path, voice_folder: Path, synthesizer: Synthesizer) -> None:
    (tmp_path / "bundle").symlink_to(voice_folder)
    assert np.array_equal(Synthesizer.load(tmp_path).speak("Yes.", "bob").wav, synthesizer.speak("Yes.", "bob").wav)
