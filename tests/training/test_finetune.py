"""Fine-tuning the upstream family: the voice is learned, a stopped run goes on exactly, bundles stay whole."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
import torch

from sovits_lab.checkpoints.bundle import write_bundle
from sovits_lab.checkpoints.upstream_bundle import export, load_bundle
from sovits_lab.checkpoints.upstream_file import read_upstream
from sovits_lab.data.upstream_folder import read_folder
from sovits_lab.nn.lora import add_lora, merge_lora
from sovits_lab.reporting import Silent
from sovits_lab.text.symbols import load_symbols
from sovits_lab.training.gpt import TrainGpt
from sovits_lab.training.sovits import TrainSovits
from sovits_lab.types import InputError
from tests.checkpoints.upstream_models import fresh_bundle, small_gpt_node, small_sovits, small_sovits_node
from tests.data.upstream_folders import write_utterance
from tests.training.losses import RELEASED_LOSSES

DISCRIMINATOR = {
    "_target_": "sovits_lab.models.discriminators.MultiPeriodDiscriminator",
    "periods": [2, 3],
    "scale_channels": [4, 4, 4, 4, 4, 4],
    "scale_groups": [1, 1, 1, 1, 1, 1],
    "period_channels": [4, 4, 4, 4, 4],
}


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(4):
        frames = 40 + 2 * i
        tone = 0.3 * np.sin(np.arange(frames * 640) * (0.05 + 0.01 * i)) + 0.01 * rng.standard_normal(frames * 640)
        content = torch.from_numpy(rng.standard_normal((8, frames)).astype("float32"))
        write_utterance(tmp_path / "voice", f"{i}.wav", ["AA1", "B", "."], tone, content, torch.ones(20))
    return tmp_path / "voice"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A released family from random weights."""
    torch.manual_seed(1)
    made = fresh_bundle({"gpt": small_gpt_node(), "sovits": small_sovits_node("v2pro"), "discriminator": DISCRIMINATOR})
    path = tmp_path_factory.mktemp("base") / "bundle"
    write_bundle(path, made.parts, made.facts)
    return path


def stage(folder, base, part, steps, **more):
    settings = {
        "folder": {"path": str(folder), "batch_size": 2, "held_out": 1},
        "optimisation": {"steps": steps, "lr": 1e-3, "warmup": 0, "hold_fraction": 1.0, "max_grad_norm": None},
        "callbacks": [{"_target_": "sovits_lab.training.keep_best.KeepBest", "every": 2}],
        "init": str(base),
        "precision": "32-true",
        "seed": 1,
    } | more
    if part == "gpt":
        return TrainGpt(model=small_gpt_node(), losses={"token": 1.0}, **settings)
    node = small_sovits_node("v2pro")
    return TrainSovits(model=node, losses=RELEASED_LOSSES, slice_frames=8, discriminator=DISCRIMINATOR, **settings)


def run(stage, out):
    out.mkdir(exist_ok=True)
    stage.run({}, out, Silent())


class StopAt(Silent):
    """Asks the process to stop, as a cluster does, once so many steps are done."""

    def __init__(self, step):
        self.step = step

    def progress(self, done, total, unit):
        if done == self.step:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])  # what the recipes' `auto` may mean
@pytest.mark.parametrize("part", ["gpt", "sovits"])
def test_a_stopped_run_goes_on_exactly(folder, base, tmp_path, part, precision):
    run(stage(folder, base, part, 4, precision=precision), tmp_path / "whole")
    (tmp_path / "parts").mkdir()
    with pytest.raises(SystemExit, match="saved"):
        stage(folder, base, part, 4, precision=precision).run({}, tmp_path / "parts", StopAt(2))
    run(stage(folder, base, part, 4, precision=precision), tmp_path / "parts")
    whole, parts = (load_bundle(tmp_path / n / "bundle").parts[part].state_dict() for n in ("whole", "parts"))
    assert all(torch.equal(whole[k], parts[k]) for k in whole)


def test_recipe_freezes_slows_and_learns(folder, base, tmp_path):
    optimisation = {"steps": 2, "lr": 1e-3, "warmup": 0, "hold_fraction": 1.0, "lr_multipliers": {r"^prior\.": 0.0}}
    recipe = {"freeze": [r"^posterior\."]}
    run(stage(folder, base, "sovits", 2, recipe=recipe, optimisation=optimisation), tmp_path / "out")
    first = load_bundle(base).parts["sovits"].state_dict()
    tuned = load_bundle(tmp_path / "out" / "bundle").parts["sovits"].state_dict()
    moved = {k.partition(".")[0] for k in first if not torch.allclose(first[k], tuned[k], rtol=1e-5, atol=1e-7)}
    assert moved == {"head", "flow", "reference"}


def test_lora_run_exports_as_an_ordinary_checkpoint(folder, base, tmp_path):
    recipe = {"lora": [r"^layers\.\d+\.(qkv|out)$"], "rank": 2}
    run(stage(folder, base, "gpt", 2, recipe=recipe), tmp_path / "out")
    paths = export(tmp_path / "out" / "bundle", tmp_path / "upstream")
    assert {read_upstream(p).path.name for p in paths} == {"gpt.ckpt", "sovits.pth", "discriminator.pth"}


def test_lora_starts_as_identity_and_merges_exactly():
    model = small_sovits("v2")
    z, condition = torch.randn(1, 8, 4), torch.randn(1, 12)
    before, keys = model.head(z, condition), model.state_dict().keys()
    names = add_lora(model, [r"^head\.stages\.\d+\.blocks", r"^flow\.couplings\.\d+\.pre$"], rank=2)
    assert len(names) == 5 * 3 * 6 + 4
    torch.testing.assert_close(model.head(z, condition), before)
    for name, p in model.named_parameters():
        if name.endswith(".b"):
            p.data.normal_(0, 0.1)
    changed = model.head(z, condition)
    assert not torch.allclose(changed, before, atol=1e-4)
    merge_lora(model)
    torch.testing.assert_close(model.head(z, condition), changed, atol=1e-6, rtol=1e-4)
    assert model.state_dict().keys() == keys


def test_prepared_folder_errors_name_the_file(folder, tmp_path):
    symbols = load_symbols("v2")
    assert [len(u.wav) // 640 for u in read_folder(folder, symbols)] == [40, 42, 44, 46]
    table = folder / "2-name2text.txt"
    whole = table.read_bytes()
    table.write_bytes(b"\xef\xbb\xbf" + whole.replace(b"\n", "\u2028 more\n".encode()))
    assert len(read_folder(folder, symbols)) == 4, "a byte-order mark and a separator within a text"
    table.write_bytes(whole + "五\tn i3\t\t你\n".encode("gbk"))
    with pytest.raises(InputError, match=r"2-name2text\.txt, line 5: got byte"):
        read_folder(folder, symbols)
    table.write_bytes(whole)
    (folder / "4-cnhubert" / "0.wav.pt").write_bytes(b"broken")
    with pytest.raises(InputError, match=r"0\.wav\.pt"):
        read_folder(folder, symbols)
    with pytest.raises(InputError, match="2-name2text"):
        read_folder(tmp_path / "nothing", symbols)


def test_bundles_of_another_kind_are_refused(folder, base, tmp_path):
    write_bundle(tmp_path / "b", {"gpt": torch.nn.Linear(1, 1)}, {"kind": "gpt"})
    with pytest.raises(InputError, match="kind"):
        run(stage(folder, base, "gpt", 1, init=str(tmp_path / "b")), tmp_path / "o")


def test_without_a_bundle_a_family_starts_from_random_weights_and_gathers_its_parts(folder, tmp_path):
    run(stage(folder, None, "sovits", 1, init=None), tmp_path / "sovits")
    (tmp_path / "gpt").mkdir()
    stage(folder, None, "gpt", 1, init=None).run({"sovits": tmp_path / "sovits"}, tmp_path / "gpt", Silent())
    assert set(load_bundle(tmp_path / "gpt" / "bundle").parts) == {"gpt", "sovits", "discriminator"}


def test_a_bundle_without_a_discriminator_is_refused_or_trained_without_by_choice(folder, base, tmp_path):
    whole = load_bundle(base)
    parts = {name: part for name, part in whole.parts.items() if name != "discriminator"}
    nodes = {name: node for name, node in whole.facts["parts"].items() if name != "discriminator"}
    write_bundle(tmp_path / "b", parts, {**whole.facts, "parts": nodes, "upstream": {"sovits": {"version": "v2Pro"}}})
    asked = stage(folder, tmp_path / "b", "sovits", 1)
    for refused in (asked.look, lambda: run(asked, tmp_path / "o")):
        with pytest.raises(InputError, match="holds no discriminator, expected one that was converted with"):
            refused()
    without = stage(folder, tmp_path / "b", "sovits", 1)
    without.discriminator = None
    without.look()
    stage(folder, base, "sovits", 1).look()


def test_weights_of_another_size_are_refused_by_name(folder, base, tmp_path):
    (tmp_path / "other").mkdir()
    made = fresh_bundle({"gpt": small_gpt_node() | {"width": 64}})
    write_bundle(tmp_path / "other" / "bundle", made.parts, {**made.facts, "parts": {"gpt": small_gpt_node()}})
    with pytest.raises(InputError, match=r"gpt/.*shape"):
        run(stage(folder, tmp_path / "other" / "bundle", "gpt", 1), tmp_path / "o")


def test_a_style_slot_is_trained_on_a_released_family_and_cannot_be_exported(folder, base, tmp_path):
    slot = {"style_encoder": {"_target_": "sovits_lab.conditioning.mel_style.MelStyleEncoder", "mels": 128,
                              "hidden": 8, "out_channels": 4}}  # fmt: skip
    settings = {
        "folder": {"path": str(folder), "batch_size": 2, "held_out": 1},
        "optimisation": {"steps": 2, "lr": 1e-2, "warmup": 0},
        "precision": "32-true",
        "seed": 1,
    }
    tuned = TrainSovits(
        model=small_sovits_node("v2pro") | slot, losses=RELEASED_LOSSES, slice_frames=8, init=str(base), **settings
    )
    run(tuned, tmp_path / "out")
    model = load_bundle(tmp_path / "out" / "bundle").parts["sovits"]
    assert all(bool(part.weight.any()) for part in model.styles.values()), "the projections have left zero"
    with pytest.raises(InputError, match="style slot"):
        export(tmp_path / "out" / "bundle", tmp_path / "upstream")
