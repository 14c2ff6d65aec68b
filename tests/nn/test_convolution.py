"""Convolution stacks: what is padded never reaches what is real."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sovits_lab.nn.convolution import ConvStack
from sovits_lab.nn.masks import length_mask


def stack(seed: int = 0) -> ConvStack:
    torch.manual_seed(seed)
    made = ConvStack(5, 16, 4, layers=3, condition_channels=6).eval()
    for parameter in made.parameters():  # also the modulation, which starts at zero
        nn.init.normal_(parameter, std=0.3)
    return made


def garbage(x: Tensor, mask: Tensor) -> Tensor:
    """The same real positions, something else where it is padded."""
    return torch.where(mask[:, None], x, torch.full_like(x, 37.0))


def test_padding_and_its_content_change_nothing() -> None:
    model, condition = stack(), torch.randn(2, 6)
    x, lengths = torch.randn(2, 5, 9), torch.tensor([9, 6])
    mask = length_mask(lengths, 9)
    together = model(garbage(x, mask), mask, condition)
    for i, size in enumerate(lengths.tolist()):
        alone = model(x[i : i + 1, :, :size], mask[i : i + 1, :size], condition[i : i + 1])
        torch.testing.assert_close(together[i, :, :size], alone[0], atol=1e-5, rtol=1e-5)
    assert not together[1, :, 6:].any(), "padding comes out as zero"


def test_a_fresh_condition_is_the_identity_modulation() -> None:
    torch.manual_seed(0)
    model = ConvStack(5, 16, 4, layers=2, condition_channels=6)
    x, mask = torch.randn(1, 5, 7), torch.ones(1, 7, dtype=torch.bool)
    assert torch.equal(model(x, mask, torch.randn(1, 6)), model(x, mask, torch.randn(1, 6)))


def test_starting_at_zero_is_zero() -> None:
    model = stack().start_at_zero()
    out = model(torch.randn(1, 5, 7), torch.ones(1, 7, dtype=torch.bool), torch.randn(1, 6))
    assert not out.any()
