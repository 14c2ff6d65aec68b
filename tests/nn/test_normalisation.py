"""Instance normalisation: by its definition, blind to padding."""

from __future__ import annotations

import torch

from sovits_lab.nn.masks import length_mask
from sovits_lab.nn.normalisation import InstanceNorm, NoNorm


def test_each_channel_of_each_utterance_is_normal() -> None:
    torch.manual_seed(0)
    x, mask = 3 * torch.randn(2, 4, 50) + 7, length_mask(torch.tensor([50, 30]))
    y = InstanceNorm()(x, mask)
    torch.testing.assert_close(y[1, :, :30].mean(1), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(y[1, :, :30].var(1, correction=0), torch.ones(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(y[1:, :, :30], torch.nn.functional.instance_norm(x[1:, :, :30]))
    assert not y[1, :, 30:].any()
    torch.testing.assert_close(InstanceNorm()(x * 5 + 2, mask), y, atol=1e-4, rtol=1e-4)
    assert NoNorm()(x, mask) is x
