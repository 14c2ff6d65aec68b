"""Converting, exporting, and refusing what is wrong."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from sovits_lab.__main__ import main
from sovits_lab.checkpoints.bundle import build
from sovits_lab.checkpoints.speaker_file import read_speaker_network
from sovits_lab.checkpoints.upstream_bundle import convert, export, load_bundle
from sovits_lab.checkpoints.upstream_file import HParams, plain, read_upstream
from sovits_lab.conditioning.conditions import given
from sovits_lab.types import InputError
from tests.checkpoints.upstream_models import (
    VERSIONS,
    save_upstream,
    small_gpt,
    small_sovits,
    small_sovits_node,
    upstream_state,
)

HEADERS = {"v1": None, "v2": None, "v2pro": b"05", "v2proplus": b"06"}


def small_files(folder, version, half=True, posterior=False):
    cast = (lambda t: t.half()) if half else (lambda t: t)
    sovits = {k: cast(v) for k, v in upstream_state(small_sovits(version), posterior).items()}
    gpt = {f"model.{k}": cast(v) for k, v in upstream_state(small_gpt(512 if version == "v1" else 732)).items()}
    return (
        save_upstream(folder / "gpt.ckpt", gpt, config={"model": {"head": 16}}),
        save_upstream(folder / "sovits.pth", sovits, HEADERS[version]),
    )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("posterior", [False, True])
def test_round_trip_is_bit_exact(tmp_path, version, posterior):
    gpt, sovits = (read_upstream(p) for p in small_files(tmp_path, version, posterior=posterior))
    assert sovits.version.lower() == version
    convert(gpt, sovits, tmp_path / "bundle")
    for path, source in zip(sorted(export(tmp_path / "bundle", tmp_path / "out")), (gpt, sovits), strict=True):
        again = read_upstream(path).tensors
        assert again.keys() == source.tensors.keys()
        for key, value in again.items():
            assert value.dtype == source.tensors[key].dtype == torch.float16
            assert torch.equal(value, source.tensors[key])


def test_bundle_speaks_as_the_module_did(tmp_path):
    model = small_sovits("v2pro")
    files = small_files(tmp_path, "v2pro", half=False, posterior=True)
    convert(*(read_upstream(p) for p in files), tmp_path / "bundle")
    loaded = load_bundle(tmp_path / "bundle").parts["sovits"]
    tokens, phones = torch.randint(16, (1, 6)), torch.randint(732, (1, 5))
    wavs = []
    for m in (model, loaded):
        voice = m.reference.average([torch.ones(1, 1025, 9)], [torch.ones(1, 20)])
        wavs.append(m.stream(tokens, phones, given(speaker=voice), noise=0.0).wav)
    assert torch.equal(*wavs)


def test_deployed_export_has_upstreams_header_and_no_posterior(tmp_path):
    convert(None, read_upstream(small_files(tmp_path, "v2proplus", posterior=True)[1]), tmp_path / "bundle")
    (path,) = export(tmp_path / "bundle", tmp_path / "out", deploy=True)
    assert path.read_bytes()[:2] == b"06"
    assert not [k for k in read_upstream(path).tensors if k.startswith("enc_q")]


@pytest.mark.parametrize(
    ("version", "deploy", "said"), [("v2pro", False, True), ("v2pro", True, False), ("v2", False, False)]
)
def test_an_export_without_its_header_is_said(tmp_path, capsys, version, deploy, said):
    convert(None, read_upstream(small_files(tmp_path, version, posterior=True)[1]), tmp_path / "bundle")
    assert (
        main(
            [
                "export",
                f"bundle={tmp_path / 'bundle'}",
                "format=upstream",
                f"out={tmp_path / 'out'}",
                f"deploy={deploy}",
            ]
        )
        == 0
    )
    assert ("deploy=true writes the header" in capsys.readouterr().out) == said


def test_hparams_become_plain_values():
    inner, outer = HParams(), HParams()
    inner.__dict__.update(n_heads=2, version="v2", pretrained_s2G="/home/someone/s2G.pth")
    outer.__dict__.update(model=inner, rates=(1, 2), nothing=None)
    expected = {"model": {"n_heads": 2, "version": "v2", "pretrained_s2G": None}, "rates": [1, 2], "nothing": None}
    assert plain(outer) == expected


def test_pickled_configuration_class_is_read(tmp_path, monkeypatch):
    """Upstream stores an instance of `utils.HParams`, a class that does not exist here."""
    import sys
    import types

    module = types.ModuleType("utils")
    module.HParams = type("HParams", (), {"__module__": "utils"})
    monkeypatch.setitem(sys.modules, "utils", module)
    config = module.HParams()
    config.model = module.HParams()
    config.model.n_heads = 2
    path = save_upstream(tmp_path / "a.pth", upstream_state(small_sovits("v2")), config=config)
    monkeypatch.delitem(sys.modules, "utils")
    assert read_upstream(path).config == {"model": {"n_heads": 2}}


class Hostile:
    def __reduce__(self):
        import os

        return os.mkdir, (str(Hostile.target),)


def test_hostile_file_is_refused_and_nothing_runs(tmp_path):
    Hostile.target = tmp_path / "executed"
    for i, content in enumerate([{"weight": Hostile()}, {"weight": {}, "config": Hostile()}, Hostile()]):
        path = tmp_path / f"{i}.pth"
        torch.save(content, path, pickle_protocol=2 + i)
        with warnings.catch_warnings(), pytest.raises(InputError, match="refused"):
            warnings.simplefilter("error")  # one line is all that is said
            read_upstream(path)
    assert not Hostile.target.exists()


def damaged(name, tensors):
    """One kind of damage each; returns the tensors and the key that the message must name."""
    key = "enc_p.proj.bias"
    if name == "missing":
        return {k: v for k, v in tensors.items() if k != key}, key
    if name == "missing layer":
        return {k: v for k, v in tensors.items() if k != "dec.ups.3.weight_v"}, "dec.ups.3.weight_v"
    if name == "surplus":
        return {**tensors, "enc_p.never": torch.zeros(1)}, "enc_p.never"
    if name == "shape":
        return {**tensors, key: torch.zeros(3)}, "(3,)"
    if name == "nan":
        return {**tensors, key: tensors[key] * float("nan")}, key
    if name == "whole numbers":
        return {**tensors, key: tensors[key].long()}, key
    if name == "sparse":
        return {**tensors, key: tensors[key].to_sparse()}, key
    if name == "foreign symbols":
        return {**tensors, "enc_p.text_embedding.weight": torch.zeros(500, 8)}, "322 or 732 rows"
    return {**tensors, key: "text"}, key


ODD = ("whole numbers", "sparse", "foreign symbols")


@pytest.mark.parametrize("damage", ["missing", "missing layer", "surplus", "shape", "nan", "not a tensor", *ODD])
def test_damaged_tensors_are_named(tmp_path, damage):
    tensors, named = damaged(damage, upstream_state(small_sovits("v2")))
    path = save_upstream(tmp_path / "a.pth", tensors)
    with pytest.raises(InputError) as error:
        convert(None, read_upstream(path), tmp_path / "bundle")
    assert named in str(error.value) and "a.pth" in str(error.value)
    assert not (tmp_path / "bundle").exists()


def test_truncated_and_foreign_files(tmp_path):
    path = small_files(tmp_path, "v2")[1]
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"PK\x03\x04", b"99" + whole[2:], b"hello world"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"sovits\.pth"):
            read_upstream(path)


def test_rotten_bytes_are_found(tmp_path):
    path = small_files(tmp_path, "v2", half=False)[1]
    data = bytearray(path.read_bytes())
    place = data.find(upstream_state(small_sovits("v2"))["dec.conv_pre.weight"].numpy().tobytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="checksum"):
        read_upstream(path)


@pytest.mark.parametrize("change", [{"upstream": [1]}, {"parts": {"alien": {}}}, {"symbols": "v9"}, {"version": None}])
def test_export_of_a_spoilt_bundle_writes_nothing(tmp_path, change):
    convert(None, read_upstream(small_files(tmp_path, "v2")[1]), tmp_path / "bundle")
    record = tmp_path / "bundle" / "bundle.json"
    facts = json.loads(record.read_text()) | change
    record.write_text(json.dumps({k: v for k, v in facts.items() if v is not None}))
    with pytest.raises(InputError, match=next(iter(change))):
        export(tmp_path / "bundle", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_header_must_agree_with_the_tensors(tmp_path):
    path = save_upstream(tmp_path / "a.pth", upstream_state(small_sovits("v2")), b"05")
    with pytest.raises(InputError, match="header"):
        read_upstream(path)


def test_pairs_must_share_a_symbol_table(tmp_path):
    gpt = small_files(tmp_path, "v1")[0]
    sovits = save_upstream(tmp_path / "v2.pth", upstream_state(small_sovits("v2")))
    with pytest.raises(InputError, match="symbol table"):
        convert(read_upstream(gpt), read_upstream(sovits), tmp_path / "bundle")


def test_files_in_each_others_place_are_told_apart(tmp_path):
    gpt, sovits = (read_upstream(path) for path in small_files(tmp_path, "v2"))
    for pair in ((sovits, gpt), (gpt, gpt), (sovits, sovits)):
        with pytest.raises(InputError, match=r"got 'missing', expected a stage [12]"):
            convert(*pair, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_a_gpt_must_not_know_more_tokens_than_there_are_codes(tmp_path):
    node = small_sovits_node("v2")
    node["quantizer"]["codes"] = 15  # of 16 tokens and an end
    gpt, _ = small_files(tmp_path, "v2")
    sovits = save_upstream(tmp_path / "few.pth", upstream_state(build(node)))
    with pytest.raises(InputError, match=r"tokens: got 16, expected at most the 15 codes of few\.pth"):
        convert(read_upstream(gpt), read_upstream(sovits), tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_command_line(tmp_path, capsys):
    gpt, sovits = small_files(tmp_path, "v2")
    bundle = tmp_path / "bundle"
    assert main(["convert", "--gpt", str(gpt), "--sovits", str(sovits), "--out", str(bundle)]) == 0
    assert main(["export", str(bundle), "--format", "upstream", "--out", str(tmp_path / "out")]) == 0
    assert main(["convert", "--gpt", str(tmp_path / "no.ckpt"), "--out", str(tmp_path / "b2")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("read", [read_upstream, read_speaker_network])
def test_a_file_without_an_end_is_refused_before_it_is_read(read: Any) -> None:
    with pytest.raises(InputError, match="/dev/zero: got 'a device or a pipe', expected an ordinary file"):
        read(Path("/dev/zero"))
