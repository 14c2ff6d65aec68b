"""The straightforward decoding that `bench` compares with: what upstream computes, in the way upstream computes it.

Decoding: caches that grow by concatenation, `F.linear`, attention through split heads, and a sampler that looks at the
whole sequence every step. HiFi-GAN: weight normalisation in every call, a new tensor for every activation and residual.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from sovits_lab.models.gpt.decoder import PrefixDecoder
from sovits_lab.models.gpt.post_norm import PostNormLayer
from sovits_lab.models.gpt.prefix import PaddedPrefix, additive, prefix_mask
from sovits_lab.models.heads.hifigan import SLOPE, HifiGan


def _split(x: Tensor, heads: int) -> Tensor:
    return x.view(x.shape[0], x.shape[1], heads, -1).transpose(1, 2)


def _layer(
    layer: PostNormLayer, x: Tensor, past: tuple[Tensor, Tensor] | None, mask: Tensor | None
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """One layer with the keys and values so far; returns its output and the longer keys and values."""
    q, k, v = F.linear(x, layer.qkv.weight, layer.qkv.bias).chunk(3, dim=-1)
    if past is not None:
        k, v = torch.cat([past[0], k], dim=1), torch.cat([past[1], v], dim=1)
    h = F.scaled_dot_product_attention(_split(q, layer.heads), _split(k, layer.heads), _split(v, layer.heads), mask)
    h = F.linear(h.transpose(1, 2).reshape(x.shape), layer.out.weight, layer.out.bias)
    x = F.layer_norm(x + h, [x.shape[-1]], layer.attention_norm.weight, layer.attention_norm.bias)
    h = F.relu(F.linear(x, layer.expand.weight, layer.expand.bias))
    h = F.linear(h, layer.contract.weight, layer.contract.bias)
    return F.layer_norm(x + h, [x.shape[-1]], layer.feedforward_norm.weight, layer.feedforward_norm.bias), (k, v)


def _sample(logits: Tensor, previous: Tensor, penalty: float, top_k: int, temperature: float) -> tuple[Tensor, Tensor]:
    """Penalty over the whole sequence, top-p left open, temperature, top-k, one draw; also the penalised logits."""
    score = torch.gather(logits, 1, previous)
    logits.scatter_(1, previous, torch.where(score < 0, score * penalty, score / penalty))
    cut = logits / max(temperature, 1e-5)
    cut = torch.where(cut < torch.topk(cut, top_k)[0][:, -1:], -torch.inf, cut)
    probability = F.softmax(cut, dim=-1)
    return (probability / torch.empty_like(probability).exponential_(1.0)).argmax(-1, keepdim=True), logits


@torch.no_grad()
def reference_decode(decoder: PrefixDecoder, prefix: PaddedPrefix, count: int) -> Tensor:
    """Decode `count` tokens for every row by the growing cache and return `B count`; the end token is not chosen."""
    x = prefix.x
    caches: list[tuple[Tensor, Tensor] | None] = [None] * len(decoder.layers)
    mask: Tensor | None = additive(prefix_mask(prefix.real, prefix.audio), x.dtype).expand(-1, decoder.heads, -1, -1)
    padded = not bool(prefix.real.all())
    tokens = prefix.prompts.clamp(min=0)
    for index in range(count):
        for i, layer in enumerate(decoder.layers):
            x, caches[i] = _layer(layer, x, caches[i], mask)  # type: ignore[arg-type]
        logits = decoder.out(x[:, -1])[:, :-1]
        new, _ = _sample(logits, tokens, 1.35, 15, 1.0)
        tokens = torch.cat([tokens, new], dim=1)
        position = decoder.token_position.rows(prefix.lengths + index, 4000)
        x = (decoder.tokens(new[:, 0]) + position)[:, None]
        if padded:
            real = F.pad(prefix.real, (0, index + 1), value=True)
            mask = additive(real[:, None, None], x.dtype).expand(-1, decoder.heads, -1, -1)
        else:
            mask = None
    return tokens[:, prefix.prompts.shape[1] :]


def reference_waveform(head: HifiGan, latents: Tensor, condition: Tensor) -> Tensor:
    """Compute a HiFi-GAN's waveform, `B T`, of latents `B C L` and a condition `B G`."""
    assert head.condition is not None
    x = head.pre(latents) + head.condition(condition[:, :, None])
    for upsample, stage in zip(head.upsamples, head.stages, strict=True):
        x = upsample(F.leaky_relu(x, SLOPE))
        total: Tensor | None = None
        for block in stage.blocks:  # type: ignore[union-attr]
            y = x
            for dilated, plain in zip(block.dilated, block.plain, strict=True):
                y = plain(F.leaky_relu(dilated(F.leaky_relu(y, SLOPE)), SLOPE)) + y
            total = y if total is None else total.add_(y)
        assert total is not None
        x = total / len(stage.blocks)  # type: ignore[arg-type]
    return torch.tanh(head.post(F.leaky_relu(x)))[:, 0]
