"""Masks count what is real."""

from __future__ import annotations

import torch

from sovits_lab.nn.masks import length_mask, masked_average, masked_mean


def test_length_mask_has_as_many_true_as_the_length() -> None:
    lengths = torch.tensor([3, 0, 5])
    mask = length_mask(lengths)
    assert mask.shape == (3, 5)
    assert torch.equal(mask.sum(1), lengths)
    assert torch.equal(mask, mask.sort(dim=1, descending=True).values), "the real positions come first"
    assert length_mask(lengths, 7).shape == (3, 7)


def test_means_see_real_positions_only() -> None:
    x = torch.tensor([[[1.0, 3.0, 100.0]], [[5.0, 100.0, 100.0]], [[100.0, 100.0, 100.0]]])
    mask = length_mask(torch.tensor([2, 1, 0]), 3)
    assert masked_mean(x, mask).flatten().tolist() == [2.0, 5.0, 0.0]
    assert masked_average(x[:, 0], mask).item() == 3.0
    assert masked_average(x[:, 0], torch.zeros_like(mask)).item() == 0.0
