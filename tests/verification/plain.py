"""Plain re-statements of published modules: functions of tensors under their published names, without a module of ours.

Written after the published description: https://arxiv.org/abs/2206.04658 (BigVGAN), 2010.05646 (HiFi-GAN), 2212.09748
(DiT), 2406.02167 (ERes2NetV2), and the family's own choices where it departs from them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

State = Mapping[str, Tensor]


def weight_of(state: State, name: str) -> Tensor:
    """A layer's weight, also one that is stored as magnitude and direction."""
    if f"{name}.weight" in state:
        return state[f"{name}.weight"]
    v, g = state[f"{name}.weight_v"], state[f"{name}.weight_g"]
    return g * v / v.flatten(1).norm(dim=1).view(-1, *[1] * (v.dim() - 1))


def linear(state: State, name: str, x: Tensor) -> Tensor:
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def convolved(state: State, name: str, x: Tensor, dilation: int = 1, groups: int = 1) -> Tensor:
    """A convolution that keeps the length."""
    weight = weight_of(state, name)
    padding = dilation * (weight.shape[2] - 1) // 2
    return F.conv1d(x, weight, state.get(f"{name}.bias"), padding=padding, dilation=dilation, groups=groups)


def normed(x: Tensor) -> Tensor:
    x = x - x.mean(-1, keepdim=True)
    return x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt()


# Vocoders


def low_pass() -> Tensor:
    """Twelve taps of a windowed sinc at half the band, as the published filter is made."""
    half, delta = 0.25, 4 * 0.3
    beta = 0.1102 * (2.285 * 5 * math.pi * delta + 7.95 - 8.7)
    time = torch.arange(-6, 6).double() + 0.5
    taps = torch.kaiser_window(12, False, beta, dtype=torch.float64) * 2 * half * torch.sinc(2 * half * time)
    return (taps / taps.sum()).float()


def periodic(state: State, name: str, x: Tensor) -> Tensor:
    """x + sin^2(a x) / b at twice the rate, sample by sample of the zero-stuffed signal."""
    taps, channels = low_pass(), x.shape[1]
    wide = F.pad(x, (5, 5), mode="replicate")
    stuffed = torch.zeros(*wide.shape[:2], 2 * wide.shape[2])
    stuffed[..., ::2] = wide
    kernel = taps.flip(0)[None, None].expand(channels, -1, -1)
    up = 2 * F.conv1d(F.pad(stuffed, (11, 11)), kernel, groups=channels)[..., 15 : 15 + 2 * x.shape[2]]
    a, b = (state[f"{name}.act.{leaf}"].exp()[:, None] for leaf in ("alpha", "beta"))
    up = up + torch.sin(a * up) ** 2 / (b + 1e-9)
    padded = F.pad(up, (5, 6), mode="replicate")
    return F.conv1d(padded, taps[None, None].expand(channels, -1, -1), groups=channels)[..., ::2]


def vocoder(state: State, config: Mapping[str, Any], mel: Tensor) -> dict[str, Tensor]:
    """BigVGAN where there are periodic activations, else HiFi-GAN; what is inside under the fixtures' names."""
    snake = any(".act." in key for key in state)
    x = convolved(state, "conv_pre", mel)
    made = {"tap.conv_pre": x}
    blocks = len(config["resblock_kernel_sizes"])
    for i, rate in enumerate(config["upsample_rates"]):
        x = x if snake else F.leaky_relu(x, 0.1)
        name = f"ups.{i}.0" if snake else f"ups.{i}"
        weight = weight_of(state, name)
        x = F.conv_transpose1d(x, weight, state[f"{name}.bias"], rate, padding=(weight.shape[2] - rate) // 2)
        if i < 2:
            made[f"tap.ups{i}"] = x
        outs = []
        for j, dilations in enumerate(config["resblock_dilation_sizes"]):
            outs.append(_residual(state, f"resblocks.{blocks * i + j}", x, dilations, snake))
        if i == 0:
            made["tap.resblock0"] = outs[0]
            if snake:
                made["tap.resblock0.activation0"] = periodic(state, "resblocks.0.activations.0", x)
        x = torch.stack(outs).mean(0)
    x = periodic(state, "activation_post", x) if snake else F.leaky_relu(x, 0.01)
    x = convolved(state, "conv_post", x)
    bounded = x.tanh() if not snake or config.get("use_tanh_at_final") else x.clamp(-1, 1)
    return {**made, "out.wave": bounded}


def _residual(state: State, block: str, x: Tensor, dilations: Sequence[int], snake: bool) -> Tensor:
    for k, dilation in enumerate(dilations):
        h = periodic(state, f"{block}.activations.{2 * k}", x) if snake else F.leaky_relu(x, 0.1)
        h = convolved(state, f"{block}.convs1.{k}", h, dilation)
        h = periodic(state, f"{block}.activations.{2 * k + 1}", h) if snake else F.leaky_relu(h, 0.1)
        x = x + convolved(state, f"{block}.convs2.{k}", h)
    return x


# The velocity field of v3 and v4


def scalar_embedding(state: State, name: str, value: Tensor) -> Tensor:
    rates = 10000 ** (-torch.arange(128) / 127)
    angles = 1000 * value[:, None] * rates
    h = F.silu(linear(state, f"{name}.time_mlp.0", torch.cat([angles.sin(), angles.cos()], 1)))
    return linear(state, f"{name}.time_mlp.2", h)


def text_embedding(state: State, condition: Tensor) -> Tensor:
    """Condition features [B, T, C] with positions, through the text blocks."""
    width, name = condition.shape[2], "estimator.text_embed.text_blocks"
    angles = torch.outer(torch.arange(condition.shape[1]).float(), 10000 ** (-torch.arange(0, width, 2) / width))
    x, i = condition + torch.cat([angles.cos(), angles.sin()], 1), 0
    while f"{name}.{i}.dwconv.weight" in state:
        block = f"{name}.{i}"
        h = convolved(state, f"{block}.dwconv", x.transpose(1, 2), groups=width).transpose(1, 2)
        h = normed(h) * state[f"{block}.norm.weight"] + state[f"{block}.norm.bias"]
        h = F.gelu(linear(state, f"{block}.pwconv1", h))
        share = h.norm(dim=1, keepdim=True)
        share = share / (share.mean(-1, keepdim=True) + 1e-6)
        h = state[f"{block}.grn.gamma"] * (h * share) + state[f"{block}.grn.beta"] + h
        x, i = x + linear(state, f"{block}.pwconv2", h), i + 1
    return x


def rotated_first(x: Tensor, frequencies: Tensor) -> Tensor:
    """Rotate pairs of neighbouring channels of the first head by their position."""
    size = 2 * len(frequencies)
    angles = torch.arange(x.shape[1]).float()[:, None] * frequencies
    even, odd = x[..., 0:size:2], x[..., 1:size:2]
    turned = torch.stack([even * angles.cos() - odd * angles.sin(), odd * angles.cos() + even * angles.sin()], -1)
    return torch.cat([turned.flatten(-2), x[..., size:]], -1)


def velocity(
    state: State,
    config: Mapping[str, int],
    x: Tensor,
    prompt: Tensor,
    context: Tensor,
    modulation: Tensor,
    real: Tensor,
) -> Tensor:
    """The field [B, T, M] at x, prompt [B, M, T] and embedded condition [B, T, C]."""
    h = torch.cat([x.transpose(1, 2), prompt.transpose(1, 2), context], -1)
    h = linear(state, "estimator.input_embed.proj", h)
    p = h.transpose(1, 2)
    for i in (0, 2):
        p = F.mish(convolved(state, f"estimator.input_embed.conv_pos_embed.conv1d.{i}", p, groups=16))
    h = p.transpose(1, 2) + h
    vector, frequencies = F.silu(modulation), state["estimator.rotary_embed.inv_freq"]
    for i in range(config["depth"]):
        h = _block(state, f"estimator.transformer_blocks.{i}", config["heads"], h, vector, frequencies, real)
    scale, shift = linear(state, "estimator.norm_out.linear", vector)[:, None].chunk(2, -1)
    return linear(state, "estimator.proj_out", normed(h) * (1 + scale) + shift)


def _block(state: State, name: str, heads: int, x: Tensor, vector: Tensor, frequencies: Tensor, real: Tensor) -> Tensor:
    parts = linear(state, f"{name}.attn_norm.linear", vector)[:, None].chunk(6, -1)
    h = normed(x) * (1 + parts[1]) + parts[0]
    q, k, v = (linear(state, f"{name}.attn.to_{letter}", h) for letter in "qkv")
    q, k = rotated_first(q, frequencies), rotated_first(k, frequencies)
    q, k, v = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in (q, k, v))
    score = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).masked_fill(~real[:, None, None], -math.inf)
    h = linear(state, f"{name}.attn.to_out.0", (score.softmax(-1) @ v).transpose(1, 2).flatten(2))
    x = x + parts[2] * h * real[:, :, None]
    h = F.gelu(linear(state, f"{name}.ff.ff.0.0", normed(x) * (1 + parts[4]) + parts[3]), approximate="tanh")
    return x + parts[5] * linear(state, f"{name}.ff.ff.2", h)


def sampled(
    state: State, config: Mapping[str, int], noise: Tensor, features: Tensor, prompt: Tensor, steps: int
) -> Tensor:
    """Euler steps of equal size, told to the field; prompt columns stay 0."""
    frames, given, size = noise.shape[2], prompt.shape[2], 1 / steps
    padded = F.pad(prompt, (0, frames - given))
    context = text_embedding(state, features)
    real = torch.ones(len(noise), frames, dtype=torch.bool)
    x = noise.clone()
    for i in range(steps):
        x[..., :given] = 0
        time = scalar_embedding(state, "estimator.time_embed", torch.full((len(noise),), i * size))
        modulation = time + scalar_embedding(state, "estimator.d_embed", torch.full((len(noise),), size))
        x = x + size * velocity(state, config, x, padded, context, modulation, real).transpose(1, 2)
    x[..., :given] = 0
    return x


# The speaker network


def batch_normed(state: State, name: str, x: Tensor) -> Tensor:
    weight, bias, mean, var = (
        state[f"{name}.{leaf}"][:, None, None] for leaf in ("weight", "bias", "running_mean", "running_var")
    )
    return (x - mean) / (var + 1e-5).sqrt() * weight + bias


def fused(state: State, name: str, x: Tensor, y: Tensor) -> Tensor:
    h = torch.cat([x, y], 1)
    for i in (0, 3):
        h = F.conv2d(h, state[f"{name}.local_att.{i}.weight"], state[f"{name}.local_att.{i}.bias"])
        h = batch_normed(state, f"{name}.local_att.{i + 1}", h)
        h = F.silu(h) if i == 0 else 1 + h.tanh()
    return x * h + y * (2 - h)


def _speaker_block(state: State, name: str, x: Tensor, stride: int) -> Tensor:
    h = F.conv2d(x, state[f"{name}.conv1.weight"], stride=stride)
    slices = batch_normed(state, f"{name}.bn1", h).clamp(0, 20).chunk(_count(state, f"{name}.convs"), 1)
    outs: list[Tensor] = []
    for i, piece in enumerate(slices):
        if i:
            fuse = f"{name}.fuse_models.{i - 1}"
            piece = fused(state, fuse, outs[-1], piece) if f"{fuse}.local_att.0.weight" in state else outs[-1] + piece
        h = F.conv2d(piece, state[f"{name}.convs.{i}.weight"], padding=1)
        outs.append(batch_normed(state, f"{name}.bns.{i}", h).clamp(0, 20))
    h = batch_normed(state, f"{name}.bn3", F.conv2d(torch.cat(outs, 1), state[f"{name}.conv3.weight"]))
    if f"{name}.shortcut.0.weight" in state:
        x = batch_normed(state, f"{name}.shortcut.1", F.conv2d(x, state[f"{name}.shortcut.0.weight"], stride=stride))
    return (h + x).clamp(0, 20)


def _count(state: State, prefix: str) -> int:
    return len({key.removeprefix(f"{prefix}.").split(".")[0] for key in state if key.startswith(f"{prefix}.")})


def speaker_maps(state: State, banks: Tensor) -> dict[str, Tensor]:
    """Maps and vectors of filter-bank features [B, T, 80], under the fixtures' names."""
    h = F.relu(batch_normed(state, "bn1", F.conv2d(banks.transpose(1, 2)[:, None], state["conv1.weight"], padding=1)))
    made = {"tap.stem": h}
    for stage in (1, 2, 3, 4):
        for i in range(_count(state, f"layer{stage}")):
            h = _speaker_block(state, f"layer{stage}.{i}", h, 2 if stage > 1 and i == 0 else 1)
        made[f"tap.layer{stage}"] = h
    third = F.conv2d(made["tap.layer3"], state["layer3_ds.weight"], stride=2, padding=1)
    whole = fused(state, "fuse34", h, third)
    flat = whole.flatten(1, 2)
    deviation = (flat.var(-1) + 1e-8).sqrt()
    embedding = linear(state, "seg_1", torch.cat([flat.mean(-1), deviation], 1))
    return {
        **made,
        "tap.layer3_ds": third,
        "tap.fuse34": whole,
        "out.sv_emb": flat.mean(-1),
        "out.embedding": embedding,
    }


# Stage 1


def token_logits(state: State, heads: int, phones: Tensor, bert: Tensor, tokens: Tensor) -> Tensor:
    """Logits [1, S + 1, K] of one utterance, read by force: after the last phone and after every token."""
    width = state["bert_proj.weight"].shape[0]
    text = state["ar_text_embedding.word_embeddings.weight"][phones] + linear(state, "bert_proj", bert.transpose(1, 2))
    audio = state["ar_audio_embedding.word_embeddings.weight"][tokens]
    x = torch.cat(
        [
            text + state["ar_text_position.alpha"] * _sine(text.shape[1], width),
            audio + state["ar_audio_position.alpha"] * _sine(audio.shape[1], width),
        ],
        1,
    )
    P, L = text.shape[1], x.shape[1]
    seen = torch.ones(L, L).tril().bool()
    seen[:P, :P], seen[:P, P:] = True, False
    for i in range(_count(state, "h.layers")):
        layer = f"h.layers.{i}"
        q, k, v = (x @ state[f"{layer}.self_attn.in_proj_weight"].T + state[f"{layer}.self_attn.in_proj_bias"]).chunk(
            3, -1
        )
        q, k, v = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in (q, k, v))
        score = (q @ k.transpose(-1, -2) / math.sqrt(width // heads)).masked_fill(~seen, -math.inf)
        h = linear(state, f"{layer}.self_attn.out_proj", (score.softmax(-1) @ v).transpose(1, 2).flatten(2))
        x = F.layer_norm(x + h, [width], state[f"{layer}.norm1.weight"], state[f"{layer}.norm1.bias"])
        h = linear(state, f"{layer}.linear2", linear(state, f"{layer}.linear1", x).relu())
        x = F.layer_norm(x + h, [width], state[f"{layer}.norm2.weight"], state[f"{layer}.norm2.bias"])
    return x[:, P - 1 :] @ state["ar_predict_layer.weight"].T


def _sine(positions: int, width: int) -> Tensor:
    angles = torch.outer(torch.arange(positions).float(), torch.exp(torch.arange(0, width, 2) * -math.log(1e4) / width))
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)
