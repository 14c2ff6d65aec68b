"""Convolutions whose weights are kept in oneDNN's order give what torch's own give, whatever happens to the weight."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.nn import packed_convolution
from sovits_lab.nn.channels_last import PackedConv1d, lay_stacks_channels_last
from sovits_lab.nn.packed_convolution import MOST_ORDERS, MOST_SHAPES, PackedWeight, can_pack

needs_onednn = pytest.mark.skipif(not packed_convolution._AVAILABLE, reason="this torch has no oneDNN")
LENGTHS = (1, 5, 40, 90, 300)


def packed(channels: int = 48, kernel: int = 5, stride: int = 1, dilation: int = 1, groups: int = 1) -> PackedConv1d:
    conv = nn.Conv1d(channels, channels, kernel, stride, kernel // 2 * dilation, dilation, groups)
    lay_stacks_channels_last(conv)
    assert isinstance(conv, PackedConv1d)
    return conv


def plainly(conv: nn.Conv1d, x: Tensor) -> Tensor:
    return F.conv1d(x, conv.weight, conv.bias, conv.stride, conv.padding, conv.dilation, conv.groups)


@needs_onednn
@pytest.mark.parametrize(
    "more", [{}, {"stride": 2}, {"dilation": 3}, {"groups": 4}, {"channels": 64, "kernel": 1}], ids=str
)
def test_values_are_those_of_torch_at_every_length(more: dict[str, int]) -> None:
    conv = packed(**more)
    with torch.no_grad():
        for frames in LENGTHS:
            x = torch.randn(2, conv.in_channels, frames)
            made = conv(x)
            torch.testing.assert_close(made, plainly(conv, x), atol=1e-5, rtol=1e-4)
            assert made.transpose(1, 2).is_contiguous()
    assert 1 <= len(conv.packed.orders) <= MOST_ORDERS


@needs_onednn
def test_a_weight_that_changed_is_ordered_anew() -> None:
    conv, x = packed(), torch.randn(1, 48, 40)
    with torch.no_grad():
        conv(x)
        conv.weight.mul_(2)
        torch.testing.assert_close(conv(x), plainly(conv, x), atol=1e-5, rtol=1e-4)
        conv.load_state_dict(packed().state_dict())
        torch.testing.assert_close(conv(x), plainly(conv, x), atol=1e-5, rtol=1e-4)


@needs_onednn
def test_copies_have_orders_of_their_own() -> None:
    conv, x = packed(), torch.randn(1, 48, 40)
    with torch.no_grad():
        expected = conv(x)
        for other in (copy.deepcopy(conv), pickle.loads(pickle.dumps(conv))):
            assert not other.packed.orders
            assert torch.equal(other(x), expected)


def test_only_plain_numbers_without_gradients_are_packed() -> None:
    x, weight = torch.randn(1, 4, 1, 9), torch.randn(4, 4, 1, 3)
    with torch.no_grad():
        assert can_pack(x, weight) == packed_convolution._AVAILABLE
        assert (
            not can_pack(x.double(), weight) and not can_pack(x[..., :0], weight) and not can_pack(x.to("meta"), weight)
        )
        with torch.autocast("cpu", torch.bfloat16):
            assert not can_pack(x, weight)
    assert not can_pack(x, weight)  # a gradient could be asked for


@needs_onednn
def test_what_asks_for_ever_other_orders_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    made, real = [], packed_convolution._in_order

    def other(*given: object) -> tuple[Tensor, tuple[int, ...]]:
        made.append(given)
        return real(*given)[0], (len(made),)  # type: ignore[arg-type]

    monkeypatch.setattr(packed_convolution, "_in_order", other)
    monkeypatch.setattr(packed_convolution, "_ORDERS", {})
    conv = packed()
    with torch.no_grad():
        for frames in range(10, 30):
            x = torch.randn(1, 48, frames)
            torch.testing.assert_close(conv(x), plainly(conv, x), atol=1e-5, rtol=1e-4)
    assert len(conv.packed.orders) == len(made) == MOST_ORDERS


@needs_onednn
def test_few_orders_are_found_for_many_lengths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_convolution, "_ORDERS", {})
    weight, kept = torch.randn(192, 192, 1, 5), PackedWeight()
    steps = packed_convolution.ConvolutionSteps((1, 1), (0, 2), (1, 1), 1)
    with torch.no_grad():
        for frames in range(16, 800, 16):
            assert kept.ordered(weight, torch.Size((1, 192, 1, frames)), steps) is not None
    assert len(kept.orders) < MOST_ORDERS  # else the description holds what says nothing of the order
    assert len(packed_convolution._ORDERS) == 49 < MOST_SHAPES
