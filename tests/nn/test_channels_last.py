"""Convolutions that compute channels-last give what torch's own give, and keep their layout from one to the next."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from sovits_lab import Synthesizer
from sovits_lab.inference import loading
from sovits_lab.inference.loading import prepare_head
from sovits_lab.models.heads.hifigan import HifiGan
from sovits_lab.nn.channels_last import (
    ROOM,
    ChannelsLastBlock,
    ChannelsLastConv1d,
    lay_channels_last,
    lay_stacks_channels_last,
)
from sovits_lab.nn.convolution import ConvStack
from sovits_lab.nn.masks import length_mask
from sovits_lab.nn.modulation import AdaptiveNorm, CrossAttention, Film, Modulate, Shift

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


def stack(modulate: Modulate, condition_channels: int) -> ConvStack:
    """One whose every part says something."""
    torch.manual_seed(0)
    made = ConvStack(6, 16, 4, 3, condition_channels=condition_channels, dropout=0.5, modulate=modulate)
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.3)
    return made


@pytest.mark.parametrize("lengths", [[12], [12, 7]], ids=["whole", "padded"])
@pytest.mark.parametrize("modulate", [None, Film, Shift, AdaptiveNorm, CrossAttention])
def test_stacks_equal_those_before_and_keep_frames_together(lengths: list[int], modulate: Modulate | None) -> None:
    condition = None if modulate is None else torch.randn(len(lengths), 5)
    plain = stack(modulate or Film, 0 if modulate is None else 5).eval()
    laid = copy.deepcopy(plain)
    lay_stacks_channels_last(laid)
    layouts = []
    for block in laid.blocks:
        assert type(block) is ChannelsLastBlock
        block.conv.register_forward_hook(lambda _, given, made: layouts.append(in_frames(given[0]) and in_frames(made)))
    x, mask = torch.randn(len(lengths), 6, 12), length_mask(torch.tensor(lengths))
    with torch.inference_mode():
        torch.testing.assert_close(laid(x, mask, condition), plain(x, mask, condition), atol=1e-5, rtol=1e-5)
    assert layouts == [True] * 3 and set(laid.state_dict()) == set(plain.state_dict())


@pytest.mark.parametrize("frames", [1, ROOM - 1, ROOM, ROOM + 1])
def test_room_behind_a_row_changes_nothing(frames: int) -> None:
    plain = stack(Film, 5).eval()
    laid = copy.deepcopy(plain)
    lay_stacks_channels_last(laid)
    x, mask, condition = torch.randn(1, 6, frames), torch.ones(1, frames, dtype=torch.bool), torch.randn(1, 5)
    given = x.clone()
    with torch.no_grad():
        torch.testing.assert_close(laid(x, mask, condition), plain(x, mask, condition), atol=1e-5, rtol=1e-5)
    assert torch.equal(x, given)


def test_a_stack_that_trains_computes_as_before() -> None:
    plain = stack(Film, 5)
    laid = copy.deepcopy(plain)
    lay_stacks_channels_last(laid)
    x, mask, condition = torch.randn(2, 6, 12), length_mask(torch.tensor([12, 7])), torch.randn(2, 5)
    made = []
    for model in (plain, laid):
        torch.manual_seed(3)  # of the dropout
        made.append(model(x, mask, condition))
    torch.testing.assert_close(made[0], made[1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("emotion", ["neutral", "sad"])
def test_a_voice_speaks_as_it_did_before_its_stacks_were_laid_out(
    emotion: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "The river is cold, and nobody went there any more."
    with Synthesizer.load() as voice:
        laid = voice.speak(text, emotion=emotion)
    monkeypatch.setattr(loading, "lay_stacks_channels_last", lambda _: None)
    with Synthesizer.load() as voice:
        before = voice.speak(text, emotion=emotion)
    assert laid.tokens == before.tokens
    loss = 10 * np.log10(np.square(before.wav).sum() / np.square(laid.wav - before.wav).sum())
    assert loss > 45, "dB; the rounding of a pitch adds up over a sentence"
