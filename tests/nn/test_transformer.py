"""Attention: rotary positions are relative, and the cache gives what the full pass gives."""

from __future__ import annotations

import torch

from sovits_lab.nn.transformer import Attention, LayerCache, TransformerLayer, rotate


def test_rotation_keeps_length_and_depends_on_distance_only() -> None:
    torch.manual_seed(0)
    q, k = torch.randn(1, 2, 1, 8), torch.randn(1, 2, 1, 8)

    def score(i: int, j: int) -> torch.Tensor:
        return (rotate(q, torch.tensor([[float(i)]])) * rotate(k, torch.tensor([[float(j)]]))).sum(-1)

    torch.testing.assert_close(score(3, 1), score(40, 38), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(score(3, 1), score(3, 2))
    torch.testing.assert_close(rotate(q, torch.tensor([[17.0]])).norm(dim=-1), q.norm(dim=-1))


def test_cached_steps_equal_the_full_causal_pass() -> None:
    torch.manual_seed(0)
    layer = TransformerLayer(16, 2).eval()
    x, size = torch.randn(2, 6, 16), 6
    causal = torch.ones(size, size, dtype=torch.bool).tril()[None, None]
    whole = layer(x, causal.expand(2, 1, -1, -1), torch.arange(float(size))[None].expand(2, -1))
    cache = LayerCache.empty(2, 2, size + 3, 8, x)
    for i in range(size):
        seen = torch.ones(2, 1, 1, i + 1, dtype=torch.bool)
        step = layer(x[:, i : i + 1], seen, torch.full((2, 1), float(i)), cache, start=i)
        torch.testing.assert_close(step[:, 0], whole[:, i], atol=1e-5, rtol=1e-5)


def test_the_weights_of_a_head_are_those_that_attention_uses() -> None:
    torch.manual_seed(0)
    attention = Attention(4, 1)
    x, positions = torch.randn(2, 5, 4), torch.arange(5.0)[None].expand(2, -1)
    mask = torch.ones(2, 1, 5, 5, dtype=torch.bool).tril()
    weights = attention.weights(x, mask, positions, head=0)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 5))
    assert not weights.triu(1).any()
    values = attention.qkv(x).chunk(3, dim=-1)[2]
    torch.testing.assert_close(attention.out(weights @ values), attention(x, mask, positions), atol=1e-5, rtol=1e-5)
