"""From an upstream checkpoint's shapes and configuration to constructor nodes of our slots.

Widths and counts are read from the shapes, so a model of any size is understood; what no shape tells (heads, strides,
dropout) comes from the file's configuration, and where that is silent from the published models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sovits_lab.checkpoints.names import count

Shapes = Mapping[str, Sequence[int]]
Node = dict[str, Any]


def gpt_node(shapes: Shapes, config: Mapping[str, Any]) -> Node:
    """Return the node of stage 1. `config` is the file's `model` section."""
    codes, width = shapes["ar_audio_embedding.word_embeddings.weight"]
    return {
        "_target_": "sovits_lab.models.gpt.decoder.PrefixDecoder",
        "phones": shapes["ar_text_embedding.word_embeddings.weight"][0],
        "codes": codes,
        "width": width,
        "heads": int(config.get("head", 16)),
        "layers": count(shapes, r"h\.layers\.(\d+)\."),
        "expansion": shapes["h.layers.0.linear1.weight"][0] // width,
        "bert_channels": shapes["bert_proj.weight"][1],
    }


def _style_node(shapes: Shapes, config: Mapping[str, Any]) -> Node:
    hidden, mels = shapes["ref_enc.spectral.0.fc.weight"]
    return {
        "_target_": "sovits_lab.conditioning.mel_style.MelStyleEncoder",
        "mels": mels,
        "hidden": hidden,
        "out_channels": shapes["ref_enc.fc.fc.weight"][0],
        "kernel": shapes["ref_enc.temporal.0.conv1.conv.weight"][2],
        "heads": int(config.get("style_heads", 2)),
    }


def reference_node(shapes: Shapes, config: Mapping[str, Any]) -> Node:
    """Return the node of the reference, with the speaker-verification branch where the file has one.

    Args:
        config: the file's `model` section; an unusual model may set its `style_heads`.
    """
    style = _style_node(shapes, config)
    if "sv_emb.weight" not in shapes:
        return {"_target_": "sovits_lab.models.sovits.reference.StyleReference", "style": style}
    channels, speaker = shapes["sv_emb.weight"]
    return {
        "_target_": "sovits_lab.models.sovits.reference.VerifiedStyleReference",
        "style": style,
        "speaker_channels": speaker,
        "channels": channels,
        "text_channels": shapes["ge_to512.weight"][0],
    }


def prior_node(shapes: Shapes, config: Mapping[str, Any]) -> Node:
    """Return the prior's node. `config` is the file's `model` section; an unusual model may set its `mrte_heads`."""
    channels, content = shapes["enc_p.ssl_proj.weight"][:2]
    return {
        "_target_": "sovits_lab.models.sovits.prior_mrte.MrtePrior",
        "content_channels": content,
        "phones": shapes["enc_p.text_embedding.weight"][0],
        "latent": shapes["enc_p.proj.weight"][0] // 2,
        "channels": channels,
        "hidden": shapes["enc_p.encoder_text.ffn_layers.0.conv_1.weight"][0],
        "heads": int(config.get("n_heads", 2)),
        "layers": count(shapes, r"enc_p\.encoder_text\.attn_layers\.(\d+)\."),
        "kernel": shapes["enc_p.encoder_text.ffn_layers.0.conv_1.weight"][2],
        "dropout": float(config.get("p_dropout", 0.1)),
        "condition_channels": shapes["enc_p.mrte.c_pre.weight"][0],
        "cross_heads": int(config.get("mrte_heads", 4)),
    }


def posterior_node(shapes: Shapes) -> Node:
    """Return the WaveNet's node, or that of its absence in a deployed file."""
    if "enc_q.pre.weight" not in shapes:
        return {"_target_": "sovits_lab.models.sovits.posterior_wavenet.NoPosterior"}
    channels, bins = shapes["enc_q.pre.weight"][:2]
    return {
        "_target_": "sovits_lab.models.sovits.posterior_wavenet.WaveNetPosterior",
        "bins": bins,
        "latent": shapes["enc_q.proj.weight"][0] // 2,
        "channels": channels,
        "condition_channels": shapes["enc_q.enc.cond_layer.weight_v"][1],
        "kernel": shapes["enc_q.enc.in_layers.0.weight_v"][2],
        "layers": count(shapes, r"enc_q\.enc\.in_layers\.(\d+)\."),
    }


def flow_node(shapes: Shapes) -> Node:
    """Return the flow's node; couplings sit at even places of upstream's list."""
    hidden, half = shapes["flow.flows.0.pre.weight"][:2]
    return {
        "_target_": "sovits_lab.nn.couplings.WaveNetFlow",
        "channels": 2 * half,
        "hidden": hidden,
        "condition_channels": shapes["flow.flows.0.enc.cond_layer.weight_v"][1],
        "kernel": shapes["flow.flows.0.enc.in_layers.0.weight_v"][2],
        "layers": count(shapes, r"flow\.flows\.0\.enc\.in_layers\.(\d+)\."),
        "couplings": count(shapes, r"flow\.flows\.(\d+)\.") // 2 + 1,
    }


def head_node(shapes: Shapes, config: Mapping[str, Any]) -> Node:
    """Return the head's node. Strides and dilations leave no trace in the shapes: the published ones are taken."""
    channels, latent = shapes["dec.conv_pre.weight"][:2]
    stages = count(shapes, r"dec\.ups\.(\d+)\.")
    blocks = count(shapes, r"dec\.resblocks\.(\d+)\.") // stages
    return {
        "_target_": "sovits_lab.models.heads.hifigan.HifiGan",
        "in_channels": latent,
        "channels": channels,
        "rates": list(config.get("upsample_rates", (10, 8, 2, 2, 2))),
        "kernels": [shapes[f"dec.ups.{i}.weight_v"][2] for i in range(stages)],
        "resblock_kernels": [shapes[f"dec.resblocks.{j}.convs1.0.weight_v"][2] for j in range(blocks)],
        "resblock_dilations": [list(d) for d in config.get("resblock_dilation_sizes", ((1, 3, 5),) * blocks)],
        "condition_channels": shapes["dec.cond.weight"][1],
    }


def shared_slots(shapes: Shapes, config: Mapping[str, Any]) -> Node:
    """Return what stage 2 has in every version: content, quantizer, reference, prior and frames of a token."""
    width, _, stride = shapes["ssl_proj.weight"]
    codes, dimensions = shapes["quantizer.vq.layers.0._codebook.embed"]
    return {
        "content": {
            "_target_": "sovits_lab.models.sovits.content.TokenRateProjection",
            "channels": width,
            "stride": stride,
        },
        "quantizer": {
            "_target_": "sovits_lab.quantization.vector.VectorQuantizer",
            "codes": codes,
            "dimensions": dimensions,
        },
        "reference": reference_node(shapes, config),
        "prior": prior_node(shapes, config),
        "token_frames": stride,
    }


def sovits_node(shapes: Shapes, config: Mapping[str, Any]) -> Node:
    """Return the node of stage 2's generator. `config` is the file's `model` section."""
    return {
        "_target_": "sovits_lab.models.sovits.synthesizer.VitsSynthesizer",
        **shared_slots(shapes, config),
        "posterior": posterior_node(shapes),
        "flow": flow_node(shapes),
        "head": head_node(shapes, config),
    }


def discriminator_node(shapes: Shapes, periods: Sequence[int]) -> Node:
    """Return the node of stage 2's discriminators. Periods leave no trace in the shapes.

    Groups do: a grouped layer's weight is `in / groups` wide.
    """
    layers = count(shapes, r"discriminators\.0\.convs\.(\d+)\.")
    scale = [shapes[f"discriminators.0.convs.{i}.weight_v"] for i in range(layers)]
    inputs = [1, *(s[0] for s in scale[:-1])]
    period_layers = count(shapes, r"discriminators\.1\.convs\.(\d+)\.")
    return {
        "_target_": "sovits_lab.models.discriminators.MultiPeriodDiscriminator",
        "periods": list(periods),
        "scale_channels": [s[0] for s in scale],
        "scale_groups": [n // s[1] for n, s in zip(inputs, scale, strict=True)],
        "period_channels": [shapes[f"discriminators.1.convs.{i}.weight_v"][0] for i in range(period_layers)],
    }


def periods_for(members: int) -> tuple[int, ...]:
    """Return the published periods of an ensemble with so many members, the scale discriminator among them."""
    return (2, 3, 5, 7, 11, 17, 23)[: members - 1]
