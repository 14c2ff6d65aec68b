"""BigVGAN-v2 (Lee et al. 2023), the vocoder of v3: HiFi-GAN's stages with alias-free periodic activations."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm

from sovits_lab.models.heads.contract import Prosody
from sovits_lab.models.heads.hifigan import TILE, context_frames, tile_margins
from sovits_lab.nn.alias_free import REACH, AliasFreeSnake
from sovits_lab.nn.tiles import in_tiles

Normalise = Callable[[nn.Module], nn.Module]


class PeriodicBlock(nn.Module):
    """Pairs of a dilated and a plain convolution, each after a periodic activation, a residual around every pair.

    Args:
        channels: width C.
        kernel: odd kernel length.
        dilations: of the first convolution of each pair.
        normalise: wraps every convolution.
    """

    def __init__(self, channels: int, kernel: int, dilations: Sequence[int], normalise: Normalise) -> None:
        super().__init__()
        half = (kernel - 1) // 2
        self.dilated = nn.ModuleList(
            normalise(nn.Conv1d(channels, channels, kernel, dilation=d, padding=d * half)) for d in dilations
        )
        self.plain = nn.ModuleList(normalise(nn.Conv1d(channels, channels, kernel, padding=half)) for _ in dilations)
        self.activations = nn.ModuleList(AliasFreeSnake(channels) for _ in range(2 * len(dilations)))

    def forward(self, x: Float[Tensor, "B C T"]) -> Float[Tensor, "B C T"]:
        for i, (dilated, plain) in enumerate(zip(self.dilated, self.plain, strict=True)):
            x = x + plain(self.activations[2 * i + 1](dilated(self.activations[2 * i](x))))
        return x


class PeriodicStage(nn.Module):
    """The mean of periodic blocks with different kernels."""

    def __init__(
        self, channels: int, kernels: Sequence[int], dilations: Sequence[Sequence[int]], normalise: Normalise
    ) -> None:
        super().__init__()
        pairs = zip(kernels, dilations, strict=True)
        self.blocks = nn.ModuleList(PeriodicBlock(channels, k, d, normalise) for k, d in pairs)

    def forward(self, x: Float[Tensor, "B C T"]) -> Float[Tensor, "B C T"]:
        total = self.blocks[0](x)
        for block in self.blocks[1:]:
            total = total + block(x)
        return total / len(self.blocks)


class BigVgan(nn.Module):
    """Log-mel frames -> waveform, `prod(rates)` samples a frame.

    Args:
        in_channels: mel bands.
        channels: width after the first convolution; every stage halves it.
        rates, kernels: stride and kernel length of each transposed convolution.
        resblock_kernels, resblock_dilations: one residual block each per stage.
        post_bias: whether the last convolution has a bias.
        tanh: bound the waveform by tanh; else it is clipped, as published.
        weight_normalised: weights as g v/|v|, as in the published file; False for one whose weights were folded.
    """

    uses_f0 = False

    def __init__(
        self,
        in_channels: int = 100,
        channels: int = 1536,
        rates: Sequence[int] = (4, 4, 2, 2, 2, 2),
        kernels: Sequence[int] = (8, 8, 4, 4, 4, 4),
        resblock_kernels: Sequence[int] = (3, 7, 11),
        resblock_dilations: Sequence[Sequence[int]] = ((1, 3, 5), (1, 3, 5), (1, 3, 5)),
        post_bias: bool = False,
        tanh: bool = False,
        weight_normalised: bool = True,
    ) -> None:
        super().__init__()
        normalise: Normalise = weight_norm if weight_normalised else _as_is
        self.samples_per_frame = math.prod(rates)
        self.context_frames = context_frames(rates, kernels, resblock_kernels, resblock_dilations, REACH)
        self.margins = tile_margins(rates, kernels, resblock_kernels, resblock_dilations, REACH)
        self.tanh = tanh
        self.pre = normalise(nn.Conv1d(in_channels, channels, 7, padding=3))
        self.upsamples, self.stages = nn.ModuleList(), nn.ModuleList()
        for i, (rate, kernel) in enumerate(zip(rates, kernels, strict=True)):
            narrow = channels // 2 ** (i + 1)
            up = nn.ConvTranspose1d(channels // 2**i, narrow, kernel, rate, padding=(kernel - rate) // 2)
            self.upsamples.append(normalise(up))
            self.stages.append(PeriodicStage(narrow, resblock_kernels, resblock_dilations, normalise))
        last = channels // 2 ** len(rates)
        self.activation = AliasFreeSnake(last)
        self.post = normalise(nn.Conv1d(last, 1, 7, padding=3, bias=post_bias))

    def forward(
        self,
        latents: Float[Tensor, "B C L"],
        condition: Float[Tensor, "B G"] | None = None,
        prosody: Prosody | None = None,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "B T"]:
        """Return the waveform in [-1, 1]; condition, prosody and generator are part of every head's contract."""
        x = self.pre(latents)
        for upsample, stage, margin in zip(self.upsamples, self.stages, self.margins, strict=True):
            (rate,) = upsample.stride  # type: ignore[misc]  # of a transposed convolution
            x = in_tiles(nn.Sequential(upsample, stage), x, TILE // rate, margin, rate)
        x = self.post(self.activation(x))[:, 0]
        return torch.tanh(x) if self.tanh else x.clamp(-1.0, 1.0)

    def fold_weight_norm(self) -> BigVgan:
        """Replace every w = g v/|v| by its value: same function, no gradient to g and v. For inference."""
        for module in self.modules():
            if parametrize.is_parametrized(module, "weight"):
                parametrize.remove_parametrizations(module, "weight")
        return self


def _as_is(module: nn.Module) -> nn.Module:
    return module
