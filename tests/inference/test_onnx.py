"""A voice as graphs: they say what the voice says, at any length, whole and in 8 bits."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import sovits_lab.__main__ as library
from sovits_lab.inference import onnx_export
from sovits_lab.inference.onnx_graphs import RealFourier, held_by_distance
from sovits_lab.inference.request import Request
from sovits_lab.inference.synthesizer import Synthesizer
from sovits_lab.inference.utterances import utterances_of
from sovits_lab.models.heads.spectral import InverseStft, hold_pitch, minimum_phase
from sovits_lab.types import InputError
from tests.inference.voices import write_voice

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

from sovits_lab.inference.onnx_voice import OnnxVoice  # noqa: E402

TEXTS = ("Cold.", "Nobody asked her.")
LOUDEST = 0.02  # share of the loudest sample: phases of high harmonics differ by what float32 rounds of the pitch


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voice(tmp_path_factory.mktemp("parallel"), labels=3, parallel=True)


@pytest.fixture(scope="module")
def folder(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """By the command in a process of its own: checked annotations know no sizes that are symbols."""
    out = tmp_path_factory.mktemp("onnx") / "whole"
    command = [sys.executable, "-W", "ignore", "-m", "sovits_lab", "export", str(bundle), "format=onnx", f"out={out}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "speech.onnx" in done.stdout and not done.stderr
    return out


def spoken(bundle: Path, text: str, emotion: str) -> tuple[np.ndarray, tuple[str, ...], np.ndarray]:
    """What torch says, its phones, and the noise that it drew."""
    request = Request(text, "bob", emotion=emotion, seed=3, temperature=0.0, top_k=1)  # as the graph: the likeliest
    with Synthesizer.load(bundle) as ours:
        utterance, *more = utterances_of(request, ours.clips, ours.limits)
        assert not more
        speech = ours.speak_all([request])[0]
    size = len(speech.wav)
    return speech.wav, utterance.phones, torch.empty(1, size).normal_(generator=_draws(utterance.seed)).numpy()


def _draws(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("emotion", ["neutral", "sad"])
def test_the_graphs_say_what_torch_says(bundle: Path, folder: Path, text: str, emotion: str) -> None:
    wav, phones, noise = spoken(bundle, text, emotion)
    said = OnnxVoice(folder).say(phones, "bob", emotion, noise=noise)
    assert said.shape == wav.shape
    assert np.abs(said - wav).max() < LOUDEST * np.abs(wav).max()


def test_another_speaker_emotion_or_seed_is_heard(folder: Path) -> None:
    voice = OnnxVoice(folder)
    said = [voice.speak(TEXTS[0], *asked) for asked in (("bob",), ("ann",), ("bob", "sad"), ("bob", "neutral", 1))]
    assert all(said[0].shape != one.shape or np.abs(said[0] - one).max() > 1e-4 for one in said[1:])
    assert np.array_equal(voice.speak(TEXTS[0], "bob"), said[0])


def test_what_cannot_be_said_is_refused(folder: Path, tmp_path: Path) -> None:
    voice = OnnxVoice(folder)
    for asked, message in (
        ({"phones": ()}, "phones: got 'none', expected at least one"),
        ({"phones": ("!?",)}, "phone: got '!\\?', expected one of the voice's symbols"),
        ({"phones": ("AA1",), "speaker": "eve"}, "speaker: got 'eve', expected one of ann, bob"),
        ({"phones": ("AA1",), "emotion": "glad"}, "emotion: got 'glad', expected one of neutral, sad"),
        ({"phones": ("AA1",) * 400}, "expected at most 60 tokens; cut the text"),
        ({"phones": ("AA1",), "seed": -1}, "seed: got -1, expected a whole number"),
    ):
        with pytest.raises(ValueError, match=message):
            voice.say(**asked)  # type: ignore[arg-type]
    (tmp_path / "voice.json").write_text((folder / "voice.json").read_text())
    with pytest.raises(ValueError, match=r"expected durations.onnx, speech.onnx and voice.json in it"):
        OnnxVoice(tmp_path)


def test_a_damaged_export_is_one_line(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    graph, facts = tmp_path / "copy" / "speech.onnx", tmp_path / "copy" / "voice.json"
    graph.write_bytes(graph.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"speech\.onnx: got .*expected a graph that onnxruntime reads") as caught:
        OnnxVoice(graph.parent)
    assert "\n" not in str(caught.value)
    facts.write_text(json.dumps({"sample_rate": 16000}))
    with pytest.raises(InputError, match=r"voice\.json: got 'no samples_per_token'"):
        OnnxVoice(graph.parent)


def test_eight_bits_keep_what_fits_into_them(folder: Path) -> None:
    onnx = pytest.importorskip("onnx")
    rng = np.random.default_rng(0)
    steps = rng.integers(-127, 128, (40, 50))
    steps[:, 0] = 127
    rows = (steps * rng.uniform(0.1, 1, (40, 1))).astype(np.float32)
    plain = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["h"]), onnx.helper.make_node("MatMul", ["h", "v"], ["y"])],
        "two",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 40])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 40])],
        [onnx.numpy_helper.from_array(rows, "w"), onnx.numpy_helper.from_array(np.ascontiguousarray(rows.T), "v")],
    )
    x = rng.standard_normal((1, 40)).astype(np.float32)
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.disable_quant_qdq", "1")  # as `OnnxVoice`: 8 bits are room alone
    said = []
    for small in (False, True):
        if small:
            onnx_export._in_8_bits(onnx, plain)
        model = onnx.helper.make_model(plain, opset_imports=[onnx.helper.make_opsetid("", onnx_export.OPSET)])
        model.ir_version = 10
        onnx.checker.check_model(model)
        said.append(onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, {"x": x})[0])
    assert np.allclose(said[0], said[1], rtol=1e-4)  # rows of one matrix, columns of the other
    assert len(model.SerializeToString()) < 2 * 40 * 50 * 1.3


def test_files_say_nothing_of_the_machine_that_wrote_them(folder: Path) -> None:
    root = str(Path(onnx_export.__file__).parents[2]).encode()
    assert all(root not in path.read_bytes() for path in folder.iterdir())


def test_fourier_in_real_numbers_is_that_of_torch() -> None:
    torch.manual_seed(0)
    real, complex_one = RealFourier(64, 20), InverseStft(64, 20)
    wav = torch.randn(1, 20 * 9)
    a, b = real.analyse(F.pad(wav, (32, 32)))
    expected = complex_one.analyse(wav).transpose(1, 2)
    assert torch.allclose(torch.complex(a, b), expected, atol=1e-5)
    shaped = expected * torch.rand(1, 10, 33)
    back = real.synthesise(shaped.real, shaped.imag)[:, 32 : 32 + 180]
    assert torch.allclose(back, complex_one(shaped.transpose(1, 2), 180), atol=1e-5)
    magnitudes = torch.randn(1, 10, 33)
    turned = minimum_phase(magnitudes.transpose(1, 2)).transpose(1, 2)
    assert torch.allclose(real.minimum_phase(magnitudes), turned, atol=1e-5)


def test_pitch_is_held_as_in_training() -> None:
    torch.manual_seed(0)
    for share in (0.0, 0.1, 0.5, 1.0):
        f0 = torch.where(torch.rand(1, 40) < share, 80 + 100 * torch.rand(1, 40), torch.zeros(1, 40))
        assert torch.equal(held_by_distance(f0), hold_pitch(f0))


def test_other_voices_and_missing_packages_are_one_line(
    bundle: Path, voice_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    def told(*words: str) -> str:
        assert library.main(["export", *words, f"out={tmp_path / 'out'}"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert "SemanticGpt" in (line := told(str(voice_folder), "format=onnx")) and "gpt=parallel" in line
    assert "deploy" in told(str(bundle), "format=onnx", "deploy=true")
    assert "small" in told(str(bundle), "format=upstream", "small=true")
    (tmp_path / "out").mkdir()
    assert "a new folder" in told(str(bundle), "format=onnx")

    monkeypatch.setitem(sys.modules, "onnx", None)
    assert "pip install 'sovits-lab[onnx]'" in told(str(bundle), "format=onnx")


def test_what_feeds_the_graphs_is_plain(folder: Path) -> None:
    facts = json.loads((folder / "voice.json").read_text())
    assert list(facts["speakers"]) == ["ann", "bob"] and list(facts["emotions"]) == ["neutral", "sad"]
    assert facts["samples_per_token"] == 640 and len(facts["symbols"]) == 76
