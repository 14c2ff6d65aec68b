"""A row in pieces is the row at once; how far a piece looks around itself is no more than it needs to."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sovits_lab.models.heads import bigvgan, hifigan
from sovits_lab.models.heads.bigvgan import BigVgan
from sovits_lab.models.heads.hifigan import HifiGan, tile_margins
from sovits_lab.nn.channels_last import lay_channels_last
from sovits_lab.nn.tiles import in_tiles

RATES, KERNELS = (5, 2, 2), (9, 4, 4)
RESBLOCKS, DILATIONS = (3, 7), ((1, 3), (1, 3))


def shaken(module: nn.Module) -> Any:
    """With weights and offsets large enough that zeros around an end are heard far into the row."""
    torch.manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.3)
    return module.eval()


def head(kind: type[nn.Module]) -> Any:
    return shaken(kind(6, 16, RATES, KERNELS, RESBLOCKS, DILATIONS, post_bias=True, weight_normalised=False))


@pytest.mark.parametrize("length", [47, 48, 49, 95])
@pytest.mark.parametrize("laid", [False, True], ids=["rows", "frames"])
def test_pieces_are_the_row_at_once(length: int, laid: bool) -> None:
    compute = shaken(nn.Sequential(nn.Conv1d(4, 5, 5, padding=4, dilation=2), nn.ConvTranspose1d(5, 3, 8, 4, 2)))
    if laid:
        lay_channels_last(compute)
    row, lengths = torch.randn(2, 4, length), []
    compute[0].register_forward_hook(lambda _, given, made: lengths.append(made.shape[2]))
    with torch.inference_mode():
        whole = compute(row)
        pieces = in_tiles(compute, row, 16, 6, 4)
    torch.testing.assert_close(pieces, whole)
    assert (pieces.stride(1) == 1) == laid  # whoever comes next need not arrange it anew
    assert len(lengths) == 1 + round(length / 16) and max(lengths[1:]) <= 16 + 8 + 2 * 6


def test_pieces_that_look_too_little_around_them_differ() -> None:
    compute = shaken(nn.Conv1d(4, 5, 5, padding=4, dilation=2))
    row = torch.randn(1, 4, 60)
    with torch.inference_mode():
        whole = compute(row)
        assert torch.allclose(in_tiles(compute, row, 16, 4), whole, atol=1e-6)
        assert not torch.allclose(in_tiles(compute, row, 16, 3), whole, atol=1e-3)


def test_training_computes_at_once() -> None:
    calls: list[int] = []

    def compute(row: Tensor) -> Tensor:
        calls.append(row.shape[2])
        return row

    in_tiles(compute, torch.zeros(1, 1, 64), 16, 2)
    assert calls == [64]


@pytest.mark.parametrize(("kind", "module"), [(HifiGan, hifigan), (BigVgan, bigvgan)])
def test_a_head_in_pieces_speaks_as_at_once(
    kind: type[nn.Module], module: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaker, latents = head(kind).double(), torch.randn(2, 6, 40).double()  # no rounding hides what is missing
    whole = speaker(latents).detach()  # with gradients, so at once
    counts = []
    for stage in speaker.stages:
        stage.register_forward_hook(lambda *_: counts.append(1))
    monkeypatch.setattr(module, "TILE", 128)
    with torch.inference_mode():
        torch.testing.assert_close(speaker(latents), whole, atol=1e-9, rtol=1e-9)
    assert len(counts) > 2 * len(RATES)
    assert float(whole.std()) > 0.05


def test_margins_are_reached_and_not_passed() -> None:
    speaker = head(HifiGan)
    margins = tile_margins(RATES, KERNELS, RESBLOCKS, DILATIONS)
    assert speaker.margins == margins
    for index, (rate, margin) in enumerate(zip(RATES, margins, strict=True)):
        row = torch.zeros(1, 16 >> index, 121, requires_grad=True)
        made = speaker.stages[index](speaker.upsamples[index](row))
        made[0, :, 60 * rate : 61 * rate].abs().sum().backward()
        assert row.grad is not None
        heard = row.grad.abs().sum(dim=(0, 1)).nonzero()[:, 0]
        assert margin - 2 <= max(60 - int(heard[0]), int(heard[-1]) - 60) <= margin
