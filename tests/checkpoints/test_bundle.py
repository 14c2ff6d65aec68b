"""Bundles: bit for bit there and back, nothing foreign is built, every defect is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from sovits_lab.checkpoints.bundle import allowed_class, build, load_parts, read_facts, write_bundle
from sovits_lab.conditioning.conv_gru import ConvGruReference
from sovits_lab.types import InputError
from tests.models import small

NODE: dict[str, Any] = {
    "_target_": "sovits_lab.conditioning.conv_gru.ConvGruReference",
    "mels": 10, "channels": [8, 12], "hidden": 12, "out_channels": 5,
}  # fmt: skip
FACTS = {"kind": "speaker", "model": NODE, "name": "é 漢"}


@pytest.fixture
def model() -> ConvGruReference:
    made = build(NODE)
    small.shaken(made)
    return made


@pytest.fixture
def bundle(tmp_path: Path, model: ConvGruReference) -> Path:
    write_bundle(tmp_path / "b", {"speaker": model}, FACTS)
    return tmp_path / "b"


def spoil(bundle: Path, **changes: torch.Tensor | None) -> None:
    """Replace, add or (None) drop tensors."""
    path = bundle / "model.safetensors"
    tensors: dict[str, Any] = {**load_file(path), **changes}
    save_file({k: v for k, v in tensors.items() if v is not None}, path)


def refuse(bundle: Path, match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        load_parts(bundle, {"speaker": build(NODE)})
    assert "\n" not in str(caught.value) and str(bundle) in str(caught.value)


def test_round_trip_is_bit_exact(bundle: Path, model: ConvGruReference) -> None:
    facts = read_facts(bundle, "speaker", ("model", "name"))
    assert facts == {"format": 1, **FACTS}
    loaded = build(facts["model"])
    load_parts(bundle, {"speaker": loaded})
    ours, theirs = model.state_dict(), loaded.state_dict()
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)
    mel, mask = torch.randn(1, 10, 9), torch.ones(1, 9, dtype=torch.bool)
    assert torch.equal(model(mel, mask), loaded.eval()(mel, mask))


def test_it_is_a_folder_of_two_plain_files(bundle: Path) -> None:
    assert sorted(p.name for p in bundle.iterdir()) == ["bundle.json", "model.safetensors"]
    assert sorted(p.name for p in bundle.parent.iterdir()) == ["b"], "nothing half-written stays"


def test_weights_may_be_read_by_whoever_may_read_the_record(bundle: Path) -> None:
    modes = {path.name: path.stat().st_mode for path in bundle.iterdir()}
    assert modes["model.safetensors"] == modes["bundle.json"]


def test_a_stage_that_was_killed_after_writing_writes_again(bundle: Path, model: ConvGruReference) -> None:
    (bundle.parent / ".b.123.partial").mkdir()
    write_bundle(bundle, {"speaker": model}, {**FACTS, "name": "second"})
    assert read_facts(bundle, "speaker")["name"] == "second"
    assert sorted(p.name for p in bundle.parent.iterdir()) == ["b"]


def test_what_is_no_bundle_is_never_replaced(tmp_path: Path, model: ConvGruReference) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("dear")
    with pytest.raises(InputError, match="cannot be written"):
        write_bundle(tmp_path / "mine", {"speaker": model}, FACTS)
    assert [p.name for p in tmp_path.rglob("*")] == ["mine", "thesis.txt"]


@pytest.mark.parametrize(
    "target",
    [
        "os.system", "builtins.eval", "subprocess.Popen", "torch.load", "torch.nn.Linear", "pickle.Unpickler",
        "sovits_lab.checkpoints.bundle.write_bundle", "sovits_lab.inference.synthesizer.Synthesizer",
        "sovits_lab.audio.files.Path", "sovits_lab.audio.files.os", "sovits_lab.audio.files.save_audio",
        "sovits_lab.audio.files.__builtins__", "sovits_lab.models._private.Thing", "sovits_lab.nn.masks.torch.load",
        "sovits_lab.modelsx.Thing", "sovits_lab.models.nothing.Here", "sovits_lab.nn.transformer.Missing",
        "", ".", "sovits_lab.nn.", None, 7, ["sovits_lab.nn.transformer.Attention"],
    ],
)  # fmt: skip
def test_nothing_but_our_classes_is_built(target: object) -> None:
    with pytest.raises(InputError, match="_target_"):
        allowed_class(target)
    with pytest.raises(InputError, match="_target_"):
        build({"_target_": target, "x": 1})
    with pytest.raises(InputError, match="_target_"):
        build({**NODE, "mels": {"_target_": target}})


@pytest.mark.parametrize("change", [{"colour": 3}, {"hidden": "wide"}, {"hidden": -4}, {"channels": None}])
def test_arguments_that_do_not_fit_are_named(change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"ConvGruReference|reference\.hidden: got -4"):
        build({**NODE, **change})


def test_values_known_only_now_reach_the_classes_that_ask() -> None:
    node = {
        "_target_": "sovits_lab.content.ctc.CtcTokenizer", "channels": 8, "layers": [1, 1, 1],
        "quantizer": {"_target_": "sovits_lab.quantization.finite_scalar.FiniteScalarQuantizer", "levels": [4, 3]},
    }  # fmt: skip
    assert build(node, phones=11, unknown=1).ctc.out_features == 12


def test_weights_that_do_not_fit_are_named(bundle: Path) -> None:
    spoil(bundle, **{"speaker/out.bias": None})
    refuse(bundle, r"no out\.bias")


def test_surplus_weights_are_named(bundle: Path) -> None:
    spoil(bundle, **{"speaker/extra": torch.zeros(2)})
    refuse(bundle, "unknown extra")


def test_weights_of_a_foreign_part_are_named(bundle: Path) -> None:
    spoil(bundle, **{"judge/weight": torch.zeros(2)})
    refuse(bundle, "judge/weight")


def test_bits_of_integers_are_no_weights(bundle: Path) -> None:
    spoil(bundle, **{"speaker/out.bias": torch.ones(5).view(torch.int32)})
    refuse(bundle, r"out\.bias: got 'int32', expected one of float32")


def test_a_wrong_shape_is_named(bundle: Path) -> None:
    spoil(bundle, **{"speaker/out.bias": torch.zeros(6)})
    refuse(bundle, r"out\.bias: got \(6,\), expected shape \(5,\)")


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_no_numbers_are_named(bundle: Path, value: float) -> None:
    spoil(bundle, **{"speaker/out.bias": torch.full((5,), value)})
    refuse(bundle, r"out\.bias: got 'NaN or infinity'")


@pytest.mark.parametrize("damage", ["cut", "missing", "pickle"])
def test_a_damaged_file_of_weights_is_named(bundle: Path, damage: str) -> None:
    path = bundle / "model.safetensors"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "missing":
        path.unlink()
    else:
        torch.save({"speaker/out.bias": torch.zeros(5)}, path)
    refuse(bundle, "nothing there" if damage == "missing" else "cannot be read")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{", "not readable JSON"),
        ("[1]", "a JSON object"),
        (json.dumps({"format": 2, "kind": "speaker"}), r"format: got 2"),
        (json.dumps({"format": 1, "kind": "voice"}), r"kind: got 'voice', expected speaker"),
        (json.dumps({"format": 1, "kind": "speaker"}), "no key model"),
    ],
)
def test_a_wrong_record_is_named(bundle: Path, text: str, match: str) -> None:
    (bundle / "bundle.json").write_text(text)
    with pytest.raises(InputError, match=match):
        read_facts(bundle, "speaker", ("model",))


def test_a_folder_without_a_record_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"bundle: got .*expected a folder with bundle\.json"):
        read_facts(tmp_path / "nowhere", "voice")


@pytest.mark.parametrize("there_before", [False, True])
def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, model: ConvGruReference, monkeypatch: pytest.MonkeyPatch, there_before: bool
) -> None:
    folder = tmp_path / "b"
    if there_before:
        write_bundle(folder, {"speaker": model}, FACTS)
    write_text = Path.write_text

    def full(path: Path, *given: Any, **more: Any) -> int:
        write_text(path, "{")
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(InputError, match=r"b: cannot be written \(.*No space left"):
        write_bundle(folder, {"speaker": model}, {**FACTS, "name": "new"})
    assert [p.name for p in tmp_path.iterdir()] == (["b"] if there_before else [])
    if there_before:
        assert read_facts(folder, "speaker")["name"] == FACTS["name"], "the old bundle is still whole"
