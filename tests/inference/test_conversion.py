"""Voices turned into others: the whole and the stream are one, seams are faded, and speakers are mixed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from sovits_lab import Synthesizer
from sovits_lab.__main__ import main
from sovits_lab.audio.pitch import f0
from sovits_lab.audio.spectrogram import log_mel
from sovits_lab.checkpoints.bundle import write_bundle
from sovits_lab.checkpoints.networks import OuterNetworks
from sovits_lab.conditioning.reference import NoReference
from sovits_lab.inference import conversion
from sovits_lab.inference.conversion import Conversion
from sovits_lab.inference.conversion_sources import conversion_of, native_tokens, read_source
from sovits_lab.inference.conversion_windows import ConversionWindows, windows
from sovits_lab.inference.convert_voice_command import tidied
from sovits_lab.inference.loading import load_voice
from sovits_lab.inference.mixing import add_mixed_voice, mix_vectors, slerp
from sovits_lab.pipeline import memory
from sovits_lab.types import InputError
from tests.checkpoints.upstream_models import fresh_bundle, small_gpt_node, small_sovits_node
from tests.inference.test_released import content
from tests.inference.voices import clip, write_voice

WINDOWS = ConversionWindows(0.8, 0.4, 0.2)


def coded(wav, rate):
    """Stands for a tokenizer: the loudness of every 40 ms."""
    frames = wav[: len(wav) // (rate // 25) * (rate // 25)].reshape(-1, rate // 25)
    return torch.from_numpy((np.abs(frames).mean(1) * 40).astype(np.int64).clip(0, 7))


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    return write_voice(tmp_path_factory.mktemp("native"))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "a.wav"
    soundfile.write(path, clip(3.3, 150.0), 16_000)
    return path


def converted(folder, source, **more) -> tuple[Conversion, np.ndarray]:
    made = conversion_of(load_voice(folder), source, "bob", coded, windows=WINDOWS, **more)
    return made, made.convert(clip(3.3, 150.0), 16_000)


def test_whole_is_as_long_as_the_source_and_the_same_again(native, source):
    _, wav = converted(native, source)
    assert abs(len(wav) - 3.3 * 16_000) <= 640 and np.isfinite(wav).all() and wav.std() > 0
    assert np.array_equal(wav, converted(native, source)[1])


def test_stream_is_the_whole(native, source):
    made, wav = converted(native, source)
    whole = clip(3.3, 150.0)
    blocks = iter(np.array_split(whole, 37))
    pieces = list(made.stream(blocks, 16_000, made.prosody_of(whole, 16_000)))
    assert len(pieces) == 5 and np.abs(np.concatenate(pieces) - wav).max() <= 1e-4


def test_first_piece_comes_before_the_end(native, source):
    made, _ = converted(native, source)
    taken = []

    def blocks():
        for block in np.array_split(clip(3.3, 150.0), 33):
            taken.append(len(block))
            yield block

    next(made.stream(blocks(), 16_000))
    assert sum(taken) / 16_000 <= WINDOWS.latency + 0.1 + 1e-6


@pytest.mark.parametrize(("pitch", "hertz"), [("keep", 150.0), ("transpose", 110.0)])
def test_pitch_is_that_of_the_source_or_in_the_targets_range(native, source, pitch, hertz):
    asked = []
    made, _ = converted(native, source, pitch=pitch)
    render = made.voice.sovits.render

    def heard(planned, mask, prosody, generator=None):
        asked.append(prosody.f0)
        return render(planned, mask, prosody, generator)

    made.voice.sovits.render = heard
    made.convert(clip(3.3, 150.0), 16_000)
    voiced = torch.cat([x.flatten() for x in asked])
    assert float(voiced[voiced > 0].median()) == pytest.approx(hertz, rel=0.05)
    assert f0(clip(1.0, 150.0), 16_000, 320).max() == pytest.approx(150, rel=0.05)


def test_a_style_and_an_emotion_are_refused_and_a_label_is_taken(native, source):
    with pytest.raises(InputError, match="expected one of them"):
        converted(native, source, style=source, emotion="sad")
    assert not np.array_equal(converted(native, source, emotion="sad")[1], converted(native, source)[1])
    with pytest.raises(InputError, match="text=WORDS"):
        conversion_of(load_voice(native), source, "bob")


def test_a_voice_that_hears_no_style_converts_and_one_of_labels_takes_them(tmp_path, source):
    plain = write_voice(tmp_path / "plain", {"_target_": f"{NoReference.__module__}.NoReference"}, style=1)
    assert converted(plain, source)[1].std() > 0
    with pytest.raises(InputError, match="does not support"):
        converted(plain, source, emotion="sad")
    nothing = {"_target_": f"{NoReference.__module__}.NoReference"}
    labelled = write_voice(tmp_path / "labelled", nothing, style=1, labels=3)
    assert not np.array_equal(converted(labelled, source, emotion="sad")[1], converted(labelled, source)[1])
    with pytest.raises(InputError, match="style"):
        converted(labelled, source, style=source)


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_released_bundle_converts_without_a_transcript(tmp_path, source, version):
    torch.manual_seed(0)
    bundle = fresh_bundle({"gpt": small_gpt_node() | {"codes": 17}, "sovits": small_sovits_node(version)})
    write_bundle(tmp_path / "bundle", bundle.parts, bundle.facts)
    voice = load_voice(tmp_path / "bundle", networks=OuterNetworks(content=content))
    made = conversion_of(voice, source, source, windows=ConversionWindows(1.6, 0.4, 0.2))
    wav = made.convert(clip(3.3, 150.0, 32_000), 32_000)
    assert abs(len(wav) / voice.sample_rate - 3.3) < 0.05 and np.isfinite(wav).all()


def test_without_a_tokenizer_the_voice_lays_its_own_saying_upon_the_source(native, source):
    made = conversion_of(load_voice(native), source, "bob", text="The river is cold.")
    wav = made.convert(clip(3.3, 150.0), 16_000)
    assert abs(len(wav) - 3.3 * 16_000) <= 640 and wav.std() > 0
    with pytest.raises(InputError, match=r"at most the 0\.8 s of a window"):
        conversion_of(load_voice(native), source, "bob", text="The river is cold.", windows=WINDOWS)


def test_a_recogniser_tells_the_words_of_each_window_of_a_long_recording(native, source):
    heard = []

    def transcribe(wav, language):
        heard.append((len(wav) / 16_000, language))
        return ["The river is cold.", "", "...", "It was a bell."][(len(heard) - 1) % 4]

    voice = load_voice(native)
    made = conversion_of(voice, source, "bob", windows=WINDOWS, transcribe=transcribe, language="en")
    long = clip(3.3, 150.0)
    wav = made.convert(long, 16_000)
    assert abs(len(wav) - len(long)) <= 640 and np.isfinite(wav).all()
    cut = list(windows(iter([long]), 16_000, WINDOWS))
    assert [seconds for seconds, _ in heard] == [len(one.wav) / 16_000 for one in cut] and len(cut) == 5
    assert {language for _, language in heard} == {"en"}
    middles = np.cumsum([one.own for one in cut]) - np.array([one.own for one in cut]) / 2
    own = [wav[round(16_000 * (at - 0.1)) :][: 16_000 // 5] for at in middles]
    assert [bool(part.any()) for part in own] == [True, False, False, True, True]  # nothing is said where none is heard
    with pytest.raises(InputError, match="text and recogniser: got both"):
        conversion_of(voice, source, "bob", text="Hello.", transcribe=transcribe)
    with_tokens = conversion_of(voice, source, "bob", coded, windows=WINDOWS, transcribe=transcribe)
    said = [len(with_tokens.content_of(long[:16_000], 16_000).phones) for _ in range(4)]
    assert sorted(said)[:2] == [1, 1] and min(sorted(said)[2:]) > 5


def test_silence_and_a_text_too_long_for_the_recording_are_refused(native, source, tmp_path):
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(32_000, np.float32), 16_000)
    with pytest.raises(InputError, match=r"silence\.wav: got silence, .* expected speech"):
        read_source(path, 16_000)
    assert len(read_source(source, 16_000)) == len(clip(3.3, 150.0))
    with pytest.raises(InputError, match=r"expected what is said in the 3\.3 s of"):
        conversion_of(load_voice(native), source, "bob", text="The river is cold today. " * 9)
    heard = []
    made = conversion_of(
        load_voice(native), source, "bob", windows=WINDOWS, transcribe=lambda wav, _: heard.append(wav) or "you"
    )
    wav = np.concatenate([clip(0.8, 150.0), np.zeros(32_000, np.float32)])
    assert not made.convert(wav, 16_000)[-16_000:].any() and len(heard) < 3  # a recogniser imagines words in silence


def test_a_long_recording_is_measured_in_stretches_as_it_is_on_the_whole(native, source, monkeypatch):
    made, _ = converted(native, source)
    wav = np.concatenate([clip(5.0, 120.0), 0.5 * clip(4.0, 180.0)])
    whole = made.prosody_of(wav, 16_000)
    monkeypatch.setattr(conversion, "STRETCH_SECONDS", 2.0)
    sizes = []
    monkeypatch.setattr(conversion, "log_mel", lambda part, spec: sizes.append(len(part)) or log_mel(part, spec))
    parts = made.prosody_of(wav, 16_000)
    assert len(sizes) == 5 and max(sizes) <= 32_000
    assert parts.f0 == pytest.approx(whole.f0, rel=0.01) and parts.level == pytest.approx(whole.level, abs=0.05)


def test_freed_memory_is_returned_now_and_then_and_pieces_stay_as_they_are(monkeypatch):
    returned = []
    monkeypatch.setattr(memory, "return_freed_memory", lambda: returned.append(True))
    given = [np.full(3, i, np.float32) for i in range(4)]
    assert all(a is b for a, b in zip(tidied(iter(given)), given, strict=True)) and not returned
    monkeypatch.setattr(memory, "TIDY", -1.0)
    assert len(list(tidied(iter(given)))) == 4 and len(returned) == 4


def test_a_folder_that_does_not_exist_is_refused_before_anything_is_converted(source, capsys):
    assert main(["convert-voice", f"source={source}", "text=Hello.", "out=nowhere/x.wav"]) == 2
    assert "in a folder that exists" in capsys.readouterr().err


def test_native_tokenizer_is_heard_through_its_bundle(tmp_path):
    with pytest.raises(InputError, match="bundle"):
        native_tokens(tmp_path)


def test_slerp_keeps_the_sphere_and_ends_at_its_ends():
    a, b = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0])
    assert torch.allclose(slerp(a, b, 0.0), a) and torch.allclose(slerp(a, b, 1.0), b, atol=1e-6)
    assert float(slerp(a, b, 0.3).norm()) == pytest.approx(1)
    assert torch.allclose(mix_vectors({"a": a, "b": b}, {"a": 3, "b": 1}, "line"), torch.tensor([0.75, 0.25, 0.0]))
    assert float(mix_vectors({"a": a, "b": b}, {"a": 1, "b": 1}, "sphere").norm()) == pytest.approx(1)


def test_mixed_voice_speaks_under_its_name_with_its_recipe(native, tmp_path):
    base = shutil.copytree(native, tmp_path / "base")
    (base / "DATA_CARD.md").write_text("CC BY-NC 4.0")
    add_mixed_voice(base, tmp_path / "mixed", "carla", {"ann": 3, "bob": 1}, "sphere")
    assert (tmp_path / "mixed" / "DATA_CARD.md").read_text() == "CC BY-NC 4.0"
    recipe = json.loads((tmp_path / "mixed" / "bundle.json").read_text())["speakers"]["carla"]["recipe"]
    assert recipe == {"weights": {"ann": 0.75, "bob": 0.25}, "way": "sphere"}
    made = Synthesizer.load(Path(tmp_path / "mixed"))
    assert made.voice.speaker("carla").baseline.f0 == pytest.approx(0.75 * 200 + 0.25 * 110)
    assert len(made.speak("Hello.", "carla").wav)
    with pytest.raises(InputError, match="ann, bob"):
        add_mixed_voice(native, tmp_path / "other", "dora", {"nobody": 1})
