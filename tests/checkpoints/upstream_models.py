"""Small upstream-shaped models for tests: built from the released configurations with narrow widths."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch import Tensor, nn

from sovits_lab.checkpoints.bundle import build
from sovits_lab.checkpoints.matched_names import lora_names
from sovits_lab.checkpoints.names import gpt_names, inverse
from sovits_lab.checkpoints.upstream_bundle import UpstreamBundle, fresh_facts, generator_names

CONF = Path(__file__).resolve().parents[2] / "conf"
VERSIONS = ("v1", "v2", "v2pro", "v2proplus")
MATCHED = ("v3", "v4")


def released(group: str, name: str) -> dict[str, Any]:
    """One option of a configuration group as plain values."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose(overrides=[f"+{group}={name}"])
    return OmegaConf.to_container(config[group], resolve=True)


def small_matched_node(node: dict[str, Any]) -> dict[str, Any]:
    """v3 or v4 with narrow parts; mels, strides and windows stay."""
    node["content"]["channels"] = node["quantizer"]["dimensions"] = node["prior"]["content_channels"] = 8
    node["quantizer"]["codes"] = 16
    node["prior"] |= {"latent": 8, "channels": 8, "hidden": 12, "layers": 2, "condition_channels": 12}
    node["reference"]["style"] |= {"hidden": 8, "out_channels": 12}
    node["network"] |= {"in_channels": 8, "channels": 12, "condition_channels": 12, "layers": 2}
    field = {"condition_channels": 12, "width": 32, "layers": 2, "heads": 2, "head_width": 16, "condition_layers": 1}
    node["flow"]["estimator"] |= field
    node["head"] |= {"channels": 64, "resblock_kernels": [3], "resblock_dilations": [[1, 3, 5]]}
    node["solver"]["steps"] = 2
    return node


def small_sovits_node(name: str) -> dict[str, Any]:
    """The version's slots with widths that a test can afford; vocabulary, strides and bins stay."""
    node = released("sovits", name)
    if name in MATCHED:
        return small_matched_node(node)
    node["content"]["channels"] = node["quantizer"]["dimensions"] = node["prior"]["content_channels"] = 8
    node["quantizer"]["codes"] = 16
    node["prior"] |= {"latent": 8, "channels": 8, "hidden": 12, "layers": 2, "condition_channels": 12}
    gin = 12 if node["reference"]["_target_"].endswith(".StyleReference") else 16
    node["reference"]["style"] |= {"hidden": 8, "out_channels": gin}
    if "speaker_channels" in node["reference"]:
        node["reference"] |= {"speaker_channels": 20, "channels": gin, "text_channels": 12}
    node["posterior"] |= {"latent": 8, "channels": 8, "condition_channels": gin, "layers": 3}
    node["flow"] |= {"channels": 8, "hidden": 8, "condition_channels": gin, "layers": 2}
    node["head"] |= {
        "in_channels": 8,
        "channels": {512: 32, 768: 64}[node["head"]["channels"]],
        "condition_channels": gin,
    }
    return node


def small_sovits(name: str) -> nn.Module:
    torch.manual_seed(0)
    model = build(small_sovits_node(name))
    model.quantizer.initialised.fill_(1)
    model.quantizer.codebook.normal_()
    if name in MATCHED:  # its last layers start at zero, which would hide everything
        for parameter in model.flow.parameters():
            torch.nn.init.normal_(parameter, 0.0, 0.15)
        for parameter in model.head.parameters():
            torch.nn.init.normal_(parameter, 0.0, 0.1)
    return model.eval()


def small_gpt_node(phones: int = 732) -> dict[str, Any]:
    small = {"phones": phones, "codes": 17, "width": 32, "heads": 16, "layers": 2, "bert_channels": 24}
    return released("gpt", "s1_v2") | small


def small_gpt(phones: int = 732) -> nn.Module:
    torch.manual_seed(0)
    return build(small_gpt_node(phones)).eval()


def upstream_state(model: nn.Module, posterior: bool = True) -> dict[str, Tensor]:
    """The model's tensors under upstream's names."""
    state = model.state_dict()
    table = inverse((generator_names if "content.weight" in state else gpt_names)(state))
    named = {table[key]: value.clone() for key, value in state.items()}
    return {k: v for k, v in named.items() if posterior or not k.startswith("enc_q.")}


def save_upstream(path: Path, tensors: Mapping[str, Tensor], header: bytes | None = None, **extra: Any) -> Path:
    """As upstream saves: a dictionary with `weight`, and the header's first bytes overwritten."""
    torch.save({"weight": dict(tensors), "config": {}, "info": "test"} | extra, path)
    if header:
        path.write_bytes(header + path.read_bytes()[2:])
    return path


def lora_state(model: nn.Module) -> dict[str, Tensor]:
    """The LoRA file of a model that `add_lora` adapted, under upstream's names and in half precision, as upstream saves
    it.
    """
    state = model.state_dict()
    names = inverse(lora_names(state))
    return {theirs: state[ours].detach().cpu().half().clone() for ours, theirs in names.items()}


def fresh_bundle(nodes: Mapping[str, Any]) -> UpstreamBundle:
    """The given parts with weights drawn here, and a codebook, which means nothing before pre-training."""
    parts = {part: build(node) for part, node in nodes.items()}
    if "sovits" in parts:
        parts["sovits"].start_codebook()
    return UpstreamBundle(parts, fresh_facts(nodes))
