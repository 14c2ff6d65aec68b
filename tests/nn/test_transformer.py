"""Attention: rotary positions are relative, and the cache gives what the full pass gives."""

from __future__ import annotations

import pytest
import torch

from sovits_lab.nn.modulation import AdaptiveNorm, CrossAttention, Film, Modulate, Shift
from sovits_lab.nn.transformer import Attention, LayerCache, TransformerLayer, make_rotation, rotate


def test_rotation_keeps_length_and_depends_on_distance_only() -> None:
    torch.manual_seed(0)
    q, k = torch.randn(1, 2, 1, 8), torch.randn(1, 2, 1, 8)

    def score(i: int, j: int) -> torch.Tensor:
        at = [make_rotation(torch.tensor([[float(n)]]), 8) for n in (i, j)]
        return (rotate(q, at[0]) * rotate(k, at[1])).sum(-1)

    torch.testing.assert_close(score(3, 1), score(40, 38), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(score(3, 1), score(3, 2))
    torch.testing.assert_close(rotate(q, make_rotation(torch.tensor([[17.0]]), 8)).norm(dim=-1), q.norm(dim=-1))


def test_cached_steps_equal_the_full_causal_pass() -> None:
    torch.manual_seed(0)
    layer = TransformerLayer(16, 2).eval()
    x, size = torch.randn(2, 6, 16), 6
    causal = torch.ones(size, size, dtype=torch.bool).tril()[None, None]
    whole = layer(x, causal.expand(2, 1, -1, -1), make_rotation(torch.arange(float(size))[None].expand(2, -1), 8))
    cache = LayerCache.empty(2, 2, size + 3, 8, x)
    for i in range(size):
        seen = torch.ones(2, 1, 1, i + 1, dtype=torch.bool)
        step = layer(x[:, i : i + 1], seen, make_rotation(torch.full((2, 1), float(i)), 8), cache, start=i)
        torch.testing.assert_close(step[:, 0], whole[:, i], atol=1e-5, rtol=1e-5)


def test_the_weights_of_a_head_are_those_that_attention_uses() -> None:
    torch.manual_seed(0)
    attention = Attention(4, 1)
    x, rotation = torch.randn(2, 5, 4), make_rotation(torch.arange(5.0)[None].expand(2, -1), 4)
    mask = torch.ones(2, 1, 5, 5, dtype=torch.bool).tril()
    weights = attention.weights(x, mask, rotation, head=0)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 5))
    assert not weights.triu(1).any()
    values = attention.qkv(x).chunk(3, dim=-1)[2]
    torch.testing.assert_close(attention.out(weights @ values), attention(x, mask, rotation), atol=1e-5, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("modulate", [Film, Shift, AdaptiveNorm, CrossAttention])
def test_a_condition_prepared_once_is_the_condition_itself(modulate: Modulate) -> None:
    torch.manual_seed(0)
    layer = TransformerLayer(16, 2, condition_channels=3, modulate=modulate).eval()
    for parameter in layer.parameters():
        parameter.add_(0.2 * torch.randn_like(parameter))
    x, condition = torch.randn(3, 1, 16), torch.randn(3, 3)
    seen, rotation = torch.ones(3, 1, 1, 1, dtype=torch.bool), make_rotation(torch.zeros(3, 1), 8)
    told = layer(x, seen, rotation, condition=condition)
    cache = LayerCache.empty(3, 2, 1, 8, x)
    cache.constants = layer.prepare(condition)
    assert torch.equal(layer(x, seen, rotation, cache), told)
    kept = cache.rows(torch.tensor([2, 0]))
    assert torch.allclose(
        layer(x[[2, 0]], seen[:2], make_rotation(torch.zeros(2, 1), 8), kept), told[[2, 0]], atol=1e-6
    )
    assert not torch.allclose(layer(x, seen, rotation, condition=-condition), told)
