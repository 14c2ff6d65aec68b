"""Convolutions that compute channels-last give what torch's own give, and keep their layout from one to the next."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from sovits_lab.inference.loading import prepare_head
from sovits_lab.models.heads.hifigan import HifiGan
from sovits_lab.nn.channels_last import ChannelsLastConv1d, lay_channels_last

CASES = [
    nn.Conv1d(12, 8, 7, padding=3),
    nn.Conv1d(12, 12, 3, stride=2, padding=5, dilation=5, bias=False),
    nn.Conv1d(12, 12, 5, groups=3),
    nn.ConvTranspose1d(12, 6, 16, 10, padding=3),
    nn.ConvTranspose1d(12, 6, 5, 2, padding=1, output_padding=1, dilation=2),
]


def in_frames(x: Tensor) -> bool:
    """Whether the channels of a frame lie side by side."""
    return x.transpose(1, 2).is_contiguous()


def test_every_convolution_equals_torch_s_and_lies_channels_last() -> None:
    torch.manual_seed(0)
    for conv in CASES:
        x = torch.randn(2, 12, 40)
        with torch.inference_mode():
            expected = conv(x)
            lay_channels_last(conv)
            for given in (x, x.transpose(1, 2).contiguous().transpose(1, 2)):
                torch.testing.assert_close(conv(given), expected)
                assert in_frames(conv(given)), conv


def test_other_padding_and_parametrised_weights_stay() -> None:
    model = nn.Sequential(
        nn.Conv1d(4, 4, 3, padding="same"), nn.Conv1d(4, 4, 3, padding_mode="reflect"), weight_norm(nn.Conv1d(4, 4, 3))
    )
    lay_channels_last(model)
    assert not any(isinstance(module, ChannelsLastConv1d) for module in model.modules())


def test_a_prepared_head_speaks_as_before_and_keeps_names_of_weights() -> None:
    torch.manual_seed(0)
    head = HifiGan(in_channels=6, channels=32, rates=(4, 2), kernels=(8, 2), condition_channels=5).eval()
    head.requires_grad_(False)  # as it is loaded
    latents, condition, layouts = torch.randn(2, 6, 20), torch.randn(2, 5), []
    names = set(HifiGan(6, 32, (4, 2), (8, 2), condition_channels=5, weight_normalised=False).state_dict())
    with torch.inference_mode():
        expected = head(latents, condition)
    prepare_head(head, torch.device("cpu"))
    convolutions = [module for module in head.modules() if isinstance(module, nn.Conv1d | nn.ConvTranspose1d)]
    for conv in convolutions[2:]:  # the first is given frames row by row, the next a vector
        conv.register_forward_hook(lambda _, given, made: layouts.append(in_frames(given[0]) and in_frames(made)))
    with torch.inference_mode():
        torch.testing.assert_close(head(latents, condition), expected, atol=1e-6, rtol=1e-4)
    assert set(head.state_dict()) == names
    assert all(layouts) and len(layouts) == 2 * (1 + 3 * 3 * 2) + 1  # else each call would arrange it anew
