"""v3 and v4: tables of names, conversion and back, LoRA files, and what is refused."""

from __future__ import annotations

import pytest
import torch

from sovits_lab.__main__ import main
from sovits_lab.checkpoints import convert_command
from sovits_lab.checkpoints.bundle import build
from sovits_lab.checkpoints.lora_export import export_lora, separated_state
from sovits_lab.checkpoints.lora_file import LAYERS, adapt, merged_state
from sovits_lab.checkpoints.matched_architecture import matched_node, vocoder_node
from sovits_lab.checkpoints.matched_names import lora_names, matched_names, vocoder_names
from sovits_lab.checkpoints.upstream_bundle import export, load_bundle
from sovits_lab.checkpoints.upstream_file import read_upstream
from sovits_lab.checkpoints.upstream_state import matched_from
from sovits_lab.nn.lora import add_lora, merge_lora
from sovits_lab.types import InputError
from tests.checkpoints.test_names import shapes_on_meta, table_of
from tests.checkpoints.upstream_models import MATCHED, lora_state, released, save_upstream, small_sovits, upstream_state

VOCODERS = {"v3": "bigvgan_generator.pt", "v4": "vocoder.pth"}


def parts_of(version):
    state = upstream_state(small_sovits(version))
    vocoder = {k.removeprefix("vocoder."): v for k, v in state.items() if k.startswith("vocoder.")}
    return {k: v.half() for k, v in state.items() if not k.startswith("vocoder.")}, vocoder


def files(folder, version, config=None):
    generator, vocoder = parts_of(version)
    model = {"model": {"n_heads": 2, "version": version}} if config is None else config
    save_upstream(folder / "s2.pth", generator, config=model)
    torch.save({"generator": vocoder} if version == "v3" else vocoder, folder / VOCODERS[version])
    return folder / "s2.pth", folder / VOCODERS[version]


def lora_of(version, rank=4):
    torch.manual_seed(1)
    model = small_sovits(version)
    add_lora(model, [LAYERS], rank)
    for name, parameter in model.named_parameters():
        if name.endswith(".b") or name.startswith("network."):
            torch.nn.init.normal_(parameter, 0.0, 0.1)
    return model


@pytest.mark.parametrize("version", MATCHED)
def test_tables_are_bijections(version):
    upstream = table_of("s2g_v3_v4") | {f"vocoder.{k}": v for k, v in table_of(f"{version}voc").items()}
    names, ours = matched_names(upstream), shapes_on_meta(released("sovits", version))
    assert {names[k]: shape for k, shape in upstream.items()} == ours
    assert shapes_on_meta(matched_node(upstream, {}, version, {})) == ours
    assert matched_names(ours) == names


@pytest.mark.parametrize("name", ["v3voc", "v3voc_after_removing_weight_norm", "v4voc"])
def test_vocoder_tables_are_bijections(name):
    upstream = table_of(name)
    names, ours = vocoder_names(upstream), shapes_on_meta(vocoder_node(upstream))
    assert {names[k]: shape for k, shape in upstream.items()} == ours
    assert vocoder_names(ours) == names


@pytest.mark.parametrize("version", MATCHED)
def test_both_sides_give_the_same_table(version):
    ours = small_sovits(version).state_dict().keys()
    table = matched_names(ours)
    assert set(table.values()) == set(ours)
    assert matched_names(table) == table


@pytest.mark.parametrize("version", MATCHED)
def test_round_trip_is_bit_exact(tmp_path, version):
    sovits, vocoder = files(tmp_path, version)
    assert main(["convert", f"sovits={sovits}", f"vocoder={vocoder}", f"out={tmp_path / 'bundle'}"]) == 0
    written = export(tmp_path / "bundle", tmp_path / "out")
    assert {path.name for path in written} == {"sovits.pth", VOCODERS[version]}
    for path, source in ((tmp_path / "out" / "sovits.pth", sovits), (tmp_path / "out" / vocoder.name, vocoder)):
        before, after = read_upstream(source).tensors, read_upstream(path).tensors
        assert before.keys() == after.keys()
        assert all(before[k].dtype == after[k].dtype and torch.equal(before[k], after[k]) for k in before)


@pytest.mark.parametrize("version", MATCHED)
def test_lora_file_is_merged_into_its_base(tmp_path, version):
    base, vocoder = files(tmp_path, version)
    lora = lora_state(lora_of(version))
    header = {"v3": b"03", "v4": b"04"}[version]
    path = save_upstream(tmp_path / "a.pth", lora, header, lora_rank=4)
    arguments = [f"sovits={path}", f"base={base}", f"vocoder={vocoder}", f"out={tmp_path / 'bundle'}"]
    assert main(["convert", *arguments]) == 0
    merged = merged_state(read_upstream(base).tensors, lora)
    ours = load_bundle(tmp_path / "bundle").parts["sovits"].state_dict()
    names = matched_names(ours)
    assert all(torch.equal(ours[names[k]], value.float()) for k, value in merged.items())


def test_adapted_merged_and_saved_again_agree():
    model = lora_of("v3")
    lora = {k: v.float() for k, v in lora_state(model).items()}
    names = lora_names(lora)
    assert set(names) == set(lora)
    beside = adapt(small_sovits("v3"), lora, "test")
    assert all(torch.equal(lora_state(beside)[k], v.half()) for k, v in lora.items())
    wanted = merged_state(upstream_state(small_sovits("v3")), lora)
    made = upstream_state(merge_lora(beside))
    assert made.keys() == wanted.keys()
    assert all(torch.allclose(made[k], v, atol=1e-6) for k, v in wanted.items())


def bundles(folder, version, rank=4):
    """A base, and the same with a LoRA file merged in, as bundles; and that file's tensors."""
    base, vocoder = files(folder, version)
    lora = lora_state(lora_of(version, rank))
    path = save_upstream(folder / "a.pth", lora, {"v3": b"03", "v4": b"04"}[version], lora_rank=rank)
    assert (
        main(["convert", f"sovits={base}", f"vocoder={vocoder}", f"version={version}", f"out={folder / 'base'}"]) == 0
    )
    assert main(["convert", f"sovits={path}", f"base={base}", f"vocoder={vocoder}", f"out={folder / 'tuned'}"]) == 0
    return lora


@pytest.mark.parametrize("version", MATCHED)
def test_merged_lora_is_exported_as_the_file_that_it_came_from(tmp_path, version):
    lora = bundles(tmp_path, version)
    arguments = [str(tmp_path / "tuned"), "format=upstream", f"lora_base={tmp_path / 'base'}", "rank=4"]
    assert main(["export", *arguments, f"out={tmp_path}"]) == 0
    found = read_upstream(tmp_path / "lora.pth")
    assert found.lora and found.version == version and found.tensors.keys() == lora.keys()
    assert all(found.tensors[k].shape == v.shape and found.tensors[k].dtype == v.dtype for k, v in lora.items())
    base = read_upstream(tmp_path / "s2.pth").tensors
    once, again = merged_state(base, lora), merged_state(base, found.tensors)
    assert all(torch.allclose(again[k].float(), v.float(), rtol=2e-3, atol=2e-3) for k, v in once.items())


def test_lora_of_another_base_version_or_rank_is_refused_and_nothing_written(tmp_path):
    for version in MATCHED:
        (tmp_path / version).mkdir()
        bundles(tmp_path / version, version)
    v3, out = tmp_path / "v3", tmp_path / "out"
    for base, rank, words in (
        (tmp_path / "v4" / "base", 4, "expected v3"),
        (v3 / "base", 2, "of a higher rank than 2"),
        (v3 / "base", 4096, "rank: got 4096"),
    ):
        with pytest.raises(InputError, match=words) as error:
            export_lora(v3 / "tuned", base, out, rank)
        assert "\n" not in str(error.value) and not out.exists()
    state = {k: v.float() for k, v in parts_of("v3")[0].items()}
    changed = {**state, "enc_p.ssl_proj.weight": state["enc_p.ssl_proj.weight"] + 1}
    with pytest.raises(InputError, match="no place"):
        separated_state(state, changed, 4, "test")


def refused(folder, *arguments):
    with pytest.raises(InputError) as error:
        convert_command.main([*arguments, f"out={folder / 'bundle'}"])
    assert "\n" not in str(error.value)
    assert not list(folder.glob("*bundle*"))
    return str(error.value)


def test_what_does_not_fit_is_one_line_and_writes_nothing(tmp_path):
    for version in MATCHED:
        (tmp_path / version).mkdir()
    v3, v3_vocoder = files(tmp_path / "v3", "v3")
    v4, v4_vocoder = files(tmp_path / "v4", "v4")
    assert "vocoder=bigvgan_generator.pt" in refused(tmp_path, f"sovits={v3}")
    assert "the vocoder of v3" in refused(tmp_path, f"sovits={v3}", f"vocoder={v4_vocoder}")
    assert "one version" in refused(tmp_path, f"sovits={v3}", f"vocoder={v3_vocoder}", "version=v4")
    silent = save_upstream(tmp_path / "unsaid.pth", parts_of("v3")[0])
    assert "version=v3" in refused(tmp_path, f"sovits={silent}", f"vocoder={v3_vocoder}")
    lora = save_upstream(tmp_path / "lora.pth", lora_state(lora_of("v3")), b"03")
    assert "base=FILE" in refused(tmp_path, f"sovits={lora}", f"vocoder={v3_vocoder}")
    assert "asked for" in refused(tmp_path, f"sovits={lora}", f"vocoder={v3_vocoder}", f"base={v4}")
    narrow = {k: v[..., :-1] if "lora_A" in k else v for k, v in lora_state(lora_of("v3")).items()}
    other = save_upstream(tmp_path / "other.pth", narrow, b"03")
    assert "LoRA of another base" in refused(tmp_path, f"sovits={other}", f"vocoder={v3_vocoder}", f"base={v3}")


def test_version_is_taken_where_the_file_is_silent():
    state = upstream_state(small_sovits("v4"))
    model = matched_from(state, {}, "test", "v4")
    assert model.spoken_rate == 48_000
    assert build(released("sovits", "v3_tiny")).spoken_rate == 24_000
