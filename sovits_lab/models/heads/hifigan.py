"""HiFi-GAN generator (Kong et al. 2020, section 2.2) with a global condition, the head of the upstream family."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm

from sovits_lab.models.heads.contract import Prosody
from sovits_lab.nn.tiles import in_tiles

SLOPE = 0.1
TILE = 8192  # samples of a stage's output that are computed at a time, by measurement: they fit in the cache


def _started_small(conv: nn.Module, normalised: bool = True) -> nn.Module:
    """Weights from N(0, 0.01²), under weight normalisation."""
    nn.init.normal_(conv.weight, 0.0, 0.01)  # type: ignore[arg-type]
    return weight_norm(conv) if normalised else conv


class ResidualBlock(nn.Module):
    """Pairs of a dilated and a plain convolution, each after a leaky ReLU, a residual around every pair.

    Args:
        channels: width C.
        kernel: odd kernel length.
        dilations: of the first convolution of each pair.
        normalised: weights as g v/|v|.
    """

    def __init__(self, channels: int, kernel: int, dilations: Sequence[int], normalised: bool = True) -> None:
        super().__init__()
        half = (kernel - 1) // 2
        self.dilated = nn.ModuleList(
            _started_small(nn.Conv1d(channels, channels, kernel, dilation=d, padding=d * half), normalised)
            for d in dilations
        )
        self.plain = nn.ModuleList(
            _started_small(nn.Conv1d(channels, channels, kernel, padding=half), normalised) for _ in dilations
        )

    def forward(self, x: Float[Tensor, "B C L"]) -> Float[Tensor, "B C L"]:
        for dilated, plain in zip(self.dilated, self.plain, strict=True):
            x = plain(F.leaky_relu(dilated(F.leaky_relu(x, SLOPE)), SLOPE, inplace=True)).add_(x)
        return x


class ResidualStage(nn.Module):
    """The mean of residual blocks with different kernels: multi-receptive-field fusion.

    Args:
        channels: width C.
        kernels, dilations: of each block.
        normalised: weights as g v/|v|.
    """

    def __init__(
        self, channels: int, kernels: Sequence[int], dilations: Sequence[Sequence[int]], normalised: bool = True
    ) -> None:
        super().__init__()
        pairs = zip(kernels, dilations, strict=True)
        self.blocks = nn.ModuleList(ResidualBlock(channels, k, d, normalised) for k, d in pairs)

    def forward(self, x: Float[Tensor, "B C L"]) -> Float[Tensor, "B C L"]:
        total = self.blocks[0](x)
        for block in self.blocks[1:]:
            total = total.add_(block(x))
        return total.div_(len(self.blocks))


def stage_reach(kernels: Sequence[int], dilations: Sequence[Sequence[int]], activation: int = 0) -> int:
    """Return how many samples before and after an instant a stage's output there can depend on.

    Args:
        kernels, dilations: of its residual blocks.
        activation: samples before and after that an activation hears.
    """
    pairs = zip(kernels, dilations, strict=True)
    return max(sum((k // 2) * (d + 1) + 2 * activation for d in each) for k, each in pairs)


def tile_margins(
    rates: Sequence[int],
    kernels: Sequence[int],
    resblock_kernels: Sequence[int],
    resblock_dilations: Sequence[Sequence[int]],
    activation: int = 0,
) -> list[int]:
    """Return, for each stage with the upsampling before it, on how many positions of its input before and after an
    instant its output can depend. Args: see `context_frames`.
    """
    reach = stage_reach(resblock_kernels, resblock_dilations, activation)
    return [math.ceil((reach + kernel) / rate) for rate, kernel in zip(rates, kernels, strict=True)]


def context_frames(
    rates: Sequence[int],
    kernels: Sequence[int],
    resblock_kernels: Sequence[int],
    resblock_dilations: Sequence[Sequence[int]],
    activation: int = 0,
) -> int:
    """Return how many frames before and after an instant its sample can depend on, rounded up.

    Args:
        rates, kernels, resblock_kernels, resblock_dilations: as of the generator.
        activation: samples before and after that an activation hears.
    """
    stage = stage_reach(resblock_kernels, resblock_dilations, activation)
    reach, samples = 3.0, 1  # of the first convolution; samples a frame so far
    for rate, kernel in zip(rates, kernels, strict=True):
        reach += math.ceil(kernel / rate) / samples
        samples *= rate
        reach += stage / samples
    return math.ceil(reach + (3 + activation) / samples)


class HifiGan(nn.Module):
    """Latent frames -> waveform, `prod(rates)` samples a frame.

    Args:
        in_channels: width C of the latent.
        channels: width after the first convolution; every stage halves it, odd widths rounded down as published.
        rates, kernels: stride and kernel length of each transposed convolution.
        resblock_kernels, resblock_dilations: one residual block each per stage; their mean is the stage's output.
        condition_channels: width G of the condition, 0 for none.
        post_bias: whether the last convolution has a bias (the v4 vocoder has, the v1 to v2ProPlus heads have not).
        weight_normalised: weights as g v/|v|; False for v4's vocoder, which is published with folded weights.
    """

    uses_f0 = False

    def __init__(
        self,
        in_channels: int = 192,
        channels: int = 512,
        rates: Sequence[int] = (10, 8, 2, 2, 2),
        kernels: Sequence[int] = (16, 16, 8, 2, 2),
        resblock_kernels: Sequence[int] = (3, 7, 11),
        resblock_dilations: Sequence[Sequence[int]] = ((1, 3, 5), (1, 3, 5), (1, 3, 5)),
        condition_channels: int = 0,
        post_bias: bool = False,
        weight_normalised: bool = True,
    ) -> None:
        super().__init__()
        self.samples_per_frame = math.prod(rates)
        self.context_frames = context_frames(rates, kernels, resblock_kernels, resblock_dilations)
        self.margins = tile_margins(rates, kernels, resblock_kernels, resblock_dilations)
        self.pre = nn.Conv1d(in_channels, channels, 7, padding=3)
        self.condition = nn.Conv1d(condition_channels, channels, 1) if condition_channels else None
        self.upsamples = nn.ModuleList()
        self.stages = nn.ModuleList()
        for i, (rate, kernel) in enumerate(zip(rates, kernels, strict=True)):
            narrow = channels // 2 ** (i + 1)
            up = nn.ConvTranspose1d(channels // 2**i, narrow, kernel, rate, padding=(kernel - rate) // 2)
            self.upsamples.append(_started_small(up, weight_normalised))
            self.stages.append(ResidualStage(narrow, resblock_kernels, resblock_dilations, weight_normalised))
        self.post = nn.Conv1d(channels // 2 ** len(rates), 1, 7, padding=3, bias=post_bias)
        nn.init.normal_(self.post.weight, 0.0, 0.01)

    def forward(
        self,
        latents: Float[Tensor, "B C L"],
        condition: Float[Tensor, "B G"] | None = None,
        prosody: Prosody | None = None,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "B T"]:
        """Return the waveform in [-1, 1].

        Args:
            latents: zero where padded.
            condition: global vector; required where the head was built with `condition_channels`.
            prosody, generator: part of every head's contract, unused here: pitch and level are implicit in the latents,
                and no noise is made.
        """
        x = self.pre(latents)
        if self.condition is not None:
            assert condition is not None, "a head built with condition_channels needs a condition"
            x = x + self.condition(condition[:, :, None])
        for upsample, stage, margin in zip(self.upsamples, self.stages, self.margins, strict=True):
            (rate,) = upsample.stride  # type: ignore[misc]  # of a transposed convolution
            x = in_tiles(partial(_upsampled, upsample, stage), x, TILE // rate, margin, rate)
        return torch.tanh(self.post(F.leaky_relu(x)))[:, 0]  # the last slope is torch's 0.01, as published

    def fold_weight_norm(self) -> HifiGan:
        """Replace every w = g v/|v| by its value: same function, no gradient to g and v. For inference."""
        for module in self.modules():
            if parametrize.is_parametrized(module, "weight"):
                parametrize.remove_parametrizations(module, "weight")
        return self


def _upsampled(upsample: nn.Module, stage: nn.Module, x: Float[Tensor, "B C L"]) -> Float[Tensor, "B D M"]:
    made: Tensor = stage(upsample(F.leaky_relu(x, SLOPE)))
    return made
