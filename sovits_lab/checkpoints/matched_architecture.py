"""From shapes and configuration of v3 and v4 files to constructor nodes of our slots, see `architecture`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sovits_lab.checkpoints.architecture import Node, Shapes, shared_slots
from sovits_lab.checkpoints.matched_names import VOCODER
from sovits_lab.checkpoints.names import count

RATES_V3, RATES_V4 = (4, 4, 2, 2, 2, 2), (10, 6, 2, 2, 2)
# Version -> mel frames for each frame at 50 Hz, windows of the flow, and how the mel is made.
UPSAMPLING = {"v3": 1.875, "v4": 2.0}
WINDOWS = {"v3": [468, 934, 12], "v4": [500, 1000, 12]}
MEL = {
    "v3": {"sample_rate": 24_000, "n_fft": 1024, "hop": 256, "win": 1024, "n_mels": 100},
    "v4": {"sample_rate": 32_000, "n_fft": 1280, "hop": 320, "win": 1280, "n_mels": 100},
}


def estimator_node(shapes: Shapes, prefix: str = "cfm.estimator") -> Node:
    """Return the velocity field's node."""
    width, joined = shapes[f"{prefix}.input_embed.proj.weight"]
    condition = shapes[f"{prefix}.text_embed.text_blocks.0.norm.weight"][0]
    inner = shapes[f"{prefix}.transformer_blocks.0.attn.to_q.weight"][0]
    head = 2 * shapes[f"{prefix}.rotary_embed.inv_freq"][0]
    return {
        "_target_": "sovits_lab.models.sovits.flow_transformer.FlowTransformer",
        "mels": (joined - condition) // 2,
        "condition_channels": condition,
        "width": width,
        "layers": count(shapes, rf"{prefix}\.transformer_blocks\.(\d+)\."),
        "heads": inner // head,
        "head_width": head,
        "expansion": shapes[f"{prefix}.transformer_blocks.0.ff.ff.0.0.weight"][0] // width,
        "condition_layers": count(shapes, rf"{prefix}\.text_embed\.text_blocks\.(\d+)\."),
    }


def network_node(shapes: Shapes, version: str) -> Node:
    """Return the condition network's node."""
    channels, before = shapes["bridge.0.weight"][:2]
    return {
        "_target_": "sovits_lab.models.sovits.condition_network.ConditionNetwork",
        "in_channels": before,
        "channels": channels,
        "condition_channels": shapes["wns1.enc.cond_layer.weight_v"][1],
        "upsampling": UPSAMPLING[version],
        "kernel": shapes["wns1.enc.in_layers.0.weight_v"][2],
        "layers": count(shapes, r"wns1\.enc\.in_layers\.(\d+)\."),
    }


def vocoder_node(shapes: Shapes, config: Mapping[str, Any] | None = None, prefix: str = "") -> Node:
    """Return a vocoder's node. `config` is BigVGAN's own; strides leave no trace in the shapes."""
    config = config or {}
    periodic = any(key.startswith(f"{prefix}activation_post.") for key in shapes)
    normed = any(key.endswith("weight_g") and key.startswith(prefix) for key in shapes)
    leaf = "weight_v" if normed else "weight"
    first = f"{prefix}conv_pre.weight_v" if normed and periodic else f"{prefix}conv_pre.weight"
    channels, mels = shapes[first][:2]
    stages = count(shapes, rf"{prefix}ups\.(\d+)\.")
    blocks = count(shapes, rf"{prefix}resblocks\.(\d+)\.") // stages
    ups = "ups.{}.0" if periodic else "ups.{}"
    node = {
        "_target_": f"sovits_lab.models.heads.{'bigvgan.BigVgan' if periodic else 'hifigan.HifiGan'}",
        "in_channels": mels,
        "channels": channels,
        "rates": list(config.get("upsample_rates", RATES_V3 if periodic else RATES_V4)),
        "kernels": [shapes[f"{prefix}{ups.format(i)}.{leaf}"][2] for i in range(stages)],
        "resblock_kernels": [shapes[f"{prefix}resblocks.{j}.convs1.0.{leaf}"][2] for j in range(blocks)],
        "resblock_dilations": [list(d) for d in config.get("resblock_dilation_sizes", ((1, 3, 5),) * blocks)],
        "post_bias": f"{prefix}conv_post.bias" in shapes,
        "weight_normalised": normed,
    }
    return {**node, "tanh": bool(config.get("use_tanh_at_final", False))} if periodic else node


def matched_node(shapes: Shapes, config: Mapping[str, Any], version: str, vocoder: Mapping[str, Any]) -> Node:
    """Return the node of a whole v3 or v4 model, its vocoder's tensors under the prefix `vocoder.`.

    Args:
        config: the generator's `model` section.
        version: v3 or v4, which shapes do not tell.
        vocoder: the vocoder's configuration.
    """
    estimator = estimator_node(shapes)
    return {
        "_target_": "sovits_lab.models.sovits.matching.MatchingSynthesizer",
        **shared_slots(shapes, config),
        "network": network_node(shapes, version),
        "flow": {"_target_": "sovits_lab.models.sovits.flow_matching.FlowMatching", "estimator": estimator},
        "head": vocoder_node(shapes, vocoder, VOCODER) if _has_vocoder(shapes) else {"_target_": NO_VOCODER},
        "mel": {"_target_": "sovits_lab.audio.spec.AudioSpec", **MEL[version], "n_mels": estimator["mels"]},
        "windows": WINDOWS[version],
    }


NO_VOCODER = "sovits_lab.models.heads.no_vocoder.NoVocoder"


def _has_vocoder(shapes: Shapes) -> bool:
    return any(key.startswith(VOCODER) for key in shapes)
