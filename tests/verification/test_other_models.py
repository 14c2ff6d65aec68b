"""`verify` of whole models takes every size from the folder.

What is stored here is our own, so it is proved that sizes are read, not parity with upstream.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from sovits_lab.__main__ import main
from sovits_lab.checkpoints.bundle import build
from sovits_lab.verification.command import verifier_of
from sovits_lab.verification.fixture import Fixture
from tests.checkpoints.upstream_models import small_sovits_node, upstream_state


class Recorded(Fixture):
    """A fixture that keeps what is computed instead of comparing it."""

    def close(self, key: str, value: Tensor, atol: float = 0.0, rtol: float = 0.0, floor: float = 1e-30) -> None:
        self.arrays[key] = value.detach().clone().contiguous()

    def exact(self, key: str, value: Tensor) -> None:
        self.arrays[key] = value.detach().clone().contiguous()

    def leftovers(self, *prefixes: str) -> None:
        """Nothing is left over: all outputs are made here."""


def other_node(version: str) -> dict[str, Any]:
    """A model whose widths, depths, heads and kernels are those of no released one, nor of the golden fixtures."""
    node = small_sovits_node(version)
    node["content"]["channels"] = node["quantizer"]["dimensions"] = node["prior"]["content_channels"] = 10
    node["quantizer"]["codes"] = 37
    gin = 21 if version == "v2pro" else 18
    text = 18
    node["prior"] |= {"phones": 41, "latent": 6, "channels": 15, "hidden": 20, "heads": 3, "layers": 4, "kernel": 5,
                      "condition_channels": text, "cross_heads": 2}  # fmt: skip
    node["reference"]["style"] |= {"mels": 30, "hidden": 12, "out_channels": gin, "kernel": 3, "heads": 3}
    if version == "v2pro":
        node["reference"] |= {"speaker_channels": 11, "channels": gin, "text_channels": text}
        node["posterior"] |= {"bins": 33, "latent": 6, "channels": 14, "condition_channels": gin, "layers": 2}
        node["flow"] |= {"channels": 6, "hidden": 14, "condition_channels": gin, "layers": 3, "couplings": 2}
        node["head"] |= {"in_channels": 6, "channels": 36, "condition_channels": gin, "rates": [5, 4],
                         "kernels": [11, 8],
                         "resblock_kernels": [3, 5], "resblock_dilations": [[1, 2], [1, 3]]}  # fmt: skip
        return node
    node["network"] |= {"in_channels": 15, "channels": 26, "condition_channels": gin, "layers": 3, "kernel": 3}
    node["mel"]["n_mels"] = 14
    node["flow"]["estimator"] |= {"mels": 14, "condition_channels": 26, "width": 48, "layers": 3, "heads": 3,
                                  "head_width": 10, "expansion": 3, "condition_layers": 2}  # fmt: skip
    node["head"] = {"_target_": "sovits_lab.models.heads.no_vocoder.NoVocoder"}
    return node


def state_of(node: dict[str, Any]) -> dict[str, Tensor]:
    torch.manual_seed(0)
    model = build(node).eval()
    model.quantizer.initialised.fill_(1)
    model.quantizer.codebook.normal_()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, 0.0, parameter[0].numel() ** -0.5)
    return {key: value.contiguous() for key, value in upstream_state(model).items()}


def facts_of(version: str, node: dict[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = {"n_heads": 3, "p_dropout": 0.0}
    if version == "v2pro":
        head = node["head"]
        config |= {"upsample_rates": head["rates"], "resblock_dilation_sizes": head["resblock_dilations"]}
    swapped = {"enc_p.mrte": {"n_heads": 2}, "ref_enc": {"style_head": 3}, "cfm.estimator": {"dim_head": 10}}
    return {"version": version, "model_config": config, "swapped_submodules": swapped}


def inputs_of(version: str, tokens: int) -> dict[str, Tensor]:
    made = {"in.ssl_content": torch.randn(1, 10, 2 * tokens), "in.codes": torch.randint(37, (1, 1, tokens)),
            "in.text": torch.randint(41, (1, 7))}  # fmt: skip
    made |= {f"in.refer_spec{i}": torch.rand(1, 33, 19 + len(i)) for i in ("", "2")}
    if version == "v2pro":
        made |= {f"in.sv_emb{i}": torch.randn(1, 11) for i in ("", "2")}
        made |= {"in.noise_p": torch.randn(1, 6, 2 * tokens), "in.z_fixed": torch.randn(1, 6, 9)}
        wanted = ["out.m_p_speed0.7", "out.decode_wave_noise0", "out.decode_wave_noise0_speed1.6",
                  "out.decode_wave_noise0_two_refs"]  # fmt: skip
        return {**made, **{key: torch.zeros(1) for key in wanted}}
    return {**made, **{key: torch.zeros(1) for key in ("out.fea", "out.fea_speed1.3", "out.fea_given_ge2")}}


@pytest.mark.parametrize("tokens", [5, 12])
@pytest.mark.parametrize("version", ["v2pro", "v3", "v4"])
def test_every_size_of_a_model_is_read_from_the_folder(
    version: str, tokens: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node, name = other_node(version), f"s2_{'v2Pro' if version == 'v2pro' else version}_other"
    torch.manual_seed(tokens)
    save_file(inputs_of(version, tokens), tmp_path / f"{name}.safetensors")
    save_file(state_of(node), tmp_path / f"{name}.weights.safetensors")
    (tmp_path / f"{name}.json").write_text(json.dumps(facts_of(version, node)))
    recorded, verifier = Recorded(tmp_path, name), verifier_of(name)
    assert verifier is not None
    verifier(recorded)
    save_file(recorded.arrays, tmp_path / f"{name}.safetensors")
    assert main(["verify", str(tmp_path), "--quiet"]) == 0, capsys.readouterr().out
    out = capsys.readouterr().out
    assert "1 fixtures" in out and int(out.split(" outputs")[0].split()[-1]) > (14 if version == "v2pro" else 10)
