"""`synthesize` with converted bundles of all four versions: released files to a wav, or one line and no file."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import torch

from sovits_lab.__main__ import main
from sovits_lab.checkpoints.upstream_bundle import convert
from sovits_lab.checkpoints.upstream_file import read_upstream
from sovits_lab.conditioning.eres2net import ERes2NetV2
from tests.checkpoints.upstream_models import (
    VERSIONS,
    save_upstream,
    small_gpt_node,
    small_sovits_node,
    upstream_state,
)
from tests.content.encoders import write_encoder

WIDTH = 16  # of the small encoder


def small_model(node, name):
    from sovits_lab.checkpoints.bundle import build

    torch.manual_seed(0)
    model = build(node)
    if name == "sovits":
        model.quantizer.initialised.fill_(1)
        model.quantizer.codebook.normal_()
    else:
        torch.nn.init.constant_(model.out.weight[-1], 0.3)  # the end becomes likely once it is allowed
    return upstream_state(model)


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """What a bundle needs beyond itself: content encoder, speaker network, a clip."""
    folder = tmp_path_factory.mktemp("outside")
    write_encoder(folder / "hubert", "hubert", normalise=False)
    torch.manual_seed(0)
    torch.save(ERes2NetV2((1, 1, 1, 1), channels=8, expansion=2).state_dict(), folder / "sv.ckpt")
    rng = np.random.default_rng(0)
    soundfile.write(folder / "clip.wav", 0.1 * rng.standard_normal(32_000 * 3), 32_000)
    return folder


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    for version in VERSIONS:
        node = small_sovits_node(version)
        node["content"]["channels"] = node["quantizer"]["dimensions"] = node["prior"]["content_channels"] = WIDTH
        node["head"]["channels"] = 64  # five halvings
        if "speaker_channels" in node["reference"]:
            node["reference"]["speaker_channels"] = 8 * 8 * 2 * 10
        gpt_node = small_gpt_node(512 if version == "v1" else 732) | {"codes": 17}
        states = [small_model(gpt_node, "gpt"), small_model(node, "sovits")]
        gpt = save_upstream(folder / f"{version}.ckpt", states[0], config={"model": {"head": 16}})
        sovits = save_upstream(folder / f"{version}.pth", states[1])
        convert(read_upstream(gpt), read_upstream(sovits), folder / version)
    return folder


def words(bundles, outside, version, path, **more):
    values = {"bundle": bundles / version, "text": "Hello there.", "language": "en", "speaker": outside / "clip.wav"}
    values |= {"speaker_text": "A clip.", "content": outside / "hubert", "out": path}
    if "pro" in version:
        values["speaker_network"] = outside / "sv.ckpt"
    return ["synthesize", *(f"{key}={value}" for key, value in (values | more).items() if value is not None)]


@pytest.mark.parametrize("version", VERSIONS)
def test_text_to_a_file(bundles, outside, version, tmp_path, capsys):
    status = main(words(bundles, outside, version, tmp_path / "x.wav", text="Hello there. And " + "again " * 60 + "."))
    assert status in (0, 3), capsys.readouterr().err
    wav, rate = soundfile.read(tmp_path / "x.wav")
    assert rate == 32_000 and len(wav) > 11 * 1280 and np.abs(wav).max() > 0
    assert "first sound after" in capsys.readouterr().out and [p.name for p in tmp_path.iterdir()] == ["x.wav"]


def test_a_stream_and_its_pipe_give_the_same_samples(bundles, outside, tmp_path, capsysbinary):
    for out in (tmp_path / "x.wav", "-"):
        assert main(words(bundles, outside, "v2proplus", out, chunk="8", seed="3")) == 0
    piped = np.frombuffer(capsysbinary.readouterr().out.split(b"\n", 1)[1], "<i2")
    wav, _ = soundfile.read(tmp_path / "x.wav", dtype="int16")
    assert len(piped) == len(wav) and np.abs(piped.astype(int) - wav).max() <= 1


@pytest.mark.parametrize(
    ("version", "changes", "named"),
    [
        ("v2", {"content": None}, "content: got nothing, expected chinese-hubert-base"),
        ("v2", {"speaker_text": None}, "speaker_text: got nothing"),
        ("v2pro", {"speaker_network": None}, "speaker_network: got nothing, expected weights of ERes2NetV2"),
        ("v2", {"content": "/nowhere"}, "content encoder"),
        ("v2pro", {"speaker_network": "/nowhere"}, "/nowhere"),
        ("v2", {"reference": "a.wav"}, "key: got 'reference'"),
        ("v2", {"emotion": "sad"}, "this voice does not support emotion: trained without"),
        ("v2", {"language": "fr"}, "language: got 'fr'"),
        ("v1", {"language": "ko", "text": "안녕"}, "language: got 'ko'"),
        ("v2", {"text": "..."}, "text: got"),
        ("v2", {"speaker": "/nowhere.wav"}, "/nowhere.wav"),
        ("v2", {"top_k": "0"}, "top_k: got 0"),
        ("v2", {"temperature": "hot"}, "temperature: got 'hot'"),
        ("v2", {"out": "-"}, "out: got '-'"),
        ("v2", {"chunk": "8", "rate": "2"}, "rate: got 2.0, expected 1 beside chunk"),
        ("v2", {"chunk": "8", "text": "[rate:0.8]Yes.[/rate]"}, "rate: got 0.8, expected 1 beside chunk"),
        ("v2", {"precision": "fp8"}, "precision: got 'fp8'"),
        ("v2", {"bert": "/nowhere", "text": "你好", "language": "zh"}, "text encoder"),
    ],
)
def test_mistakes_are_one_line(bundles, outside, tmp_path, capsys, version, changes, named):
    assert main(words(bundles, outside, version, tmp_path / "x.wav", **changes)) == 2
    said = capsys.readouterr().err
    assert named in said and said.count("\n") == 1 and not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["missing", "shape", "nan", "hostile"])
def test_damaged_speaker_networks_are_refused(bundles, outside, tmp_path, capsys, damage):
    state = torch.load(outside / "sv.ckpt", weights_only=True)
    if damage == "missing":
        del state["bn1.weight"]
    elif damage == "shape":
        state["bn1.weight"] = torch.ones(3)
    else:
        state["bn1.weight"] = state["bn1.weight"] * float("nan") if damage == "nan" else print
    torch.save(state, tmp_path / "sv.ckpt")
    out = tmp_path / "x.wav"
    assert main(words(bundles, outside, "v2pro", out, speaker_network=tmp_path / "sv.ckpt")) == 2
    said = capsys.readouterr().err
    assert "sv.ckpt" in said and ("refused" if damage == "hostile" else "bn1.weight") in said and not out.exists()


def test_an_encoder_of_another_width_is_named(bundles, outside, tmp_path, capsys):
    torch.save(ERes2NetV2((1, 1, 1, 1), channels=16, expansion=2).state_dict(), tmp_path / "sv.ckpt")
    assert main(words(bundles, outside, "v2pro", tmp_path / "x.wav", speaker_network=tmp_path / "sv.ckpt")) == 2
    assert "speaker network: got 'features of width 2560', expected 1280" in capsys.readouterr().err
