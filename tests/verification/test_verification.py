"""`verify` passes on the golden fixtures where they are, and fails where an output is wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from sovits_lab.__main__ import main
from sovits_lab.nn.positions import sine_table
from sovits_lab.training.scaled_adam import ScaledAdam
from sovits_lab.verification.fixture import apply_slice, drawn_weights

GOLDEN = Path(os.environ.get("SOVITS_LAB_SHARED", Path(__file__).resolve().parents[3] / "shared")) / "golden"
SMALL = ["masks", "sampler", "scaled_adam", "features", "t2s_small", "s2_v1_small", "s2_v2ProPlus_small"]
SMALL_V34 = ["cfm_dit_small", "cfm_sample_small", "s2_v3_small", "s2_v4_small", "vocoder_v3_small", "vocoder_v4_small"]
SMALL_V34 += ["mel_", "chunks_v4", "lora_", "eres2netv2_small"]
SLOW_V34 = ["cfm_dit_full", "cfm_sample_full", "s2_v3_full", "s2_v4_full", "vocoder_", "chunks_v3", "eres2netv2_full"]
SLOW = ["t2s_full", "s2_v1_full", "s2_v2_", "s2_v2Pro_", "s2_v2ProPlus_full", "mpd"]


def golden(name, folder=GOLDEN):
    if not folder.is_dir():
        pytest.skip(f"no golden fixtures at {folder}")
    assert main(["verify", str(folder), "--quiet", "--only", name]) == 0


@pytest.mark.parametrize("name", SMALL)
def test_golden_fixtures(name):
    golden(name)


@pytest.mark.parametrize("name", SMALL_V34)
def test_golden_fixtures_of_v3_and_v4(name):
    golden(name, GOLDEN.with_name("golden_v34"))


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW_V34)
def test_golden_fixtures_of_v3_and_v4_at_full_size(name):
    golden(name, GOLDEN.with_name("golden_v34"))


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_golden_fixtures_at_full_size(name):
    golden(name)


def write(folder, error):
    table = sine_table(40, 32)
    table[3, 5] += error
    lengths = torch.tensor([3, 7, 5])
    padded = torch.arange(7) >= lengths[:, None]
    arrays = {"in.lengths": lengths, "out.make_pad_mask": padded, "out.pe_32_first40": table}
    save_file(arrays, folder / "masks_positions.safetensors")
    (folder / "masks_positions.json").write_text(json.dumps({"note": ""}))


@pytest.mark.parametrize(("error", "status"), [(0.0, 0), (1e-4, 1), (float("nan"), 1)])
def test_exit_status_says_whether_all_outputs_agree(tmp_path, error, status, capsys):
    write(tmp_path, error)
    assert main(["verify", str(tmp_path)]) == status
    assert ("FAIL" in capsys.readouterr().out) == bool(status)


def test_an_output_without_counterpart_fails(tmp_path):
    write(tmp_path, 0.0)
    save_file(
        {"in.lengths": torch.tensor([2]), "out.unheard_of": torch.zeros(1)}, tmp_path / "masks_positions.safetensors"
    )
    assert main(["verify", str(tmp_path), "--quiet"]) == 1


def test_a_fixture_of_another_kind_is_the_users_mistake(tmp_path, capsys):
    write(tmp_path, 0.0)
    for suffix in (".safetensors", ".json"):
        (tmp_path / f"masks_positions{suffix}").rename(tmp_path / f"t2s_x{suffix}")
    assert main(["verify", str(tmp_path)]) == 2
    assert "t2s_x" in capsys.readouterr().err


def test_a_folder_without_fixtures_is_the_users_mistake(tmp_path, capsys):
    assert main(["verify", str(tmp_path)]) == 2
    assert "expected a folder with" in capsys.readouterr().err


def test_recipe_and_slices():
    one = drawn_weights([{"key": "a", "shape": [2, 3], "mean": 1.0, "std": 0.0}], 5)["a"]
    assert torch.equal(one, torch.ones(2, 3))
    x = torch.from_numpy(np.arange(24).reshape(2, 12))
    assert torch.equal(apply_slice(x, "positions [:, ::4]"), x[:, ::4]) and torch.equal(apply_slice(x, "no slice"), x)


@pytest.mark.parametrize("clip_direction", [False, True])
def test_scaled_adam_finds_a_minimum(clip_direction):
    torch.manual_seed(0)
    p, target = torch.nn.Parameter(torch.randn(4, 5)), torch.randn(4, 5)
    optimizer = ScaledAdam([p], lr=0.02, clip_direction=clip_direction, clipping_update_period=10)
    before = float((p - target).square().sum())
    for _ in range(150):
        optimizer.zero_grad()
        (p - target).square().sum().backward()
        optimizer.step()
    assert float((p - target).square().sum()) < 0.05 * before
