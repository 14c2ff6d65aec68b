"""Normalisation that knows of masks."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sovits_lab.nn.masks import masked_mean

EPSILON = 1e-5  # added to a variance
MOST_SCALE, MOST_SHIFT = 3.0, 5.0  # bounds of r (from 1 / MOST_SCALE) and of |d| in batch renormalisation


class NoNorm(nn.Module):
    """Null object: everything passes."""

    def forward(self, x: Float[Tensor, "B C L"], mask: Bool[Tensor, "B L"]) -> Float[Tensor, "B C L"]:
        return x


class InstanceNorm(nn.Module):
    """Each channel of each utterance to mean 0 and variance 1 over its real frames (Chou et al. 2019, eq. 3-5).

    What is constant in an utterance, such as much of a voice, is lost. It needs whole utterances: no streaming.
    """

    def forward(self, x: Float[Tensor, "B C L"], mask: Bool[Tensor, "B L"]) -> Float[Tensor, "B C L"]:
        centred = (x - masked_mean(x, mask)[..., None]) * mask[:, None]
        variance = masked_mean(centred.square(), mask)[..., None]
        return centred / (variance + EPSILON).sqrt()


class MaskedBatchRenorm(nn.Module):
    """Batch normalisation that becomes batch renormalisation (Ioffe 2017, algorithm 1), of the real positions.

    Padding comes out as zero. A batch of utterances of one length is no fair sample: slow, sad ones meet. Normalised by
    such a batch, a clip tells of its company, and what follows learns to count on it; synthesis has one clip and no
    company. Renormalised, training goes by the running statistics too, and only the gradient passes through those of
    the batch. Where batches are fair samples, the chance in their statistics keeps an encoder from knowing its training
    voices by heart: the `style` stage wants plain batch normalisation, and those who start from its weights `settle`.

    Args:
        channels: C.
        momentum: of the running statistics, which begin as the plain mean of the first batches.
        alone: updates of plain batch normalisation.
        opening: updates over which the corrections r and d then open up.
    """

    running_mean: Tensor
    running_var: Tensor
    updates: Tensor

    def __init__(
        self,
        channels: int,
        momentum: float = 0.02,
        alone: int = 2000,
        opening: int = 200,
    ) -> None:
        super().__init__()
        self.momentum, self.alone, self.opening = momentum, alone, opening
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("updates", torch.tensor(0))

    def settle(self) -> None:
        """Go by the running statistics from here on."""
        self.updates.fill_(self.alone + self.opening)

    def forward(self, x: Float[Tensor, "B C L"], mask: Bool[Tensor, "B L"]) -> Float[Tensor, "B C L"]:
        """Normalise the real positions of `x` as one set."""
        scale, shift = self._corrected(x.transpose(1, 2)[mask].float()) if self.training else self._kept()
        normal = (x.float() * scale[:, None] + shift[:, None]) * self.weight[:, None] + self.bias[:, None]
        return torch.where(mask[:, None], normal, 0.0).to(x.dtype)

    def _kept(self) -> tuple[Tensor, Tensor]:
        scale = (self.running_var + EPSILON).rsqrt()
        return scale, -self.running_mean * scale

    def _corrected(self, real: Float[Tensor, "N C"]) -> tuple[Tensor, Tensor]:
        assert len(real), "a batch without a real position has no statistics"
        variance, mean = torch.var_mean(real, dim=0, correction=0)
        spread = (variance + EPSILON).sqrt()
        with torch.no_grad():
            usual = (self.running_var + EPSILON).sqrt()
            open_by = ((self.updates - self.alone) / self.opening).clamp(0, 1)
            most_scale, most_shift = 1 + open_by * (MOST_SCALE - 1), open_by * MOST_SHIFT
            r = (spread / usual).clamp(1 / most_scale, most_scale)
            d = ((mean - self.running_mean) / usual).clamp(-most_shift, most_shift)
            weight = (1 / (self.updates + 1)).clamp(min=self.momentum)
            self.running_mean.lerp_(mean, weight)
            self.running_var.lerp_(variance, weight)
            self.updates += 1
        scale = r / spread
        return scale, d - mean * scale


class RunningScale(nn.Module):
    """Vectors divided by one number, so that a component's root mean square over training is 1: mixtures stay mixtures.

    Args:
        momentum: of the running mean square, which begins as the plain mean of the first batches.
    """

    mean_square: Tensor
    updates: Tensor

    def __init__(self, momentum: float = 0.02) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("mean_square", torch.tensor(1.0))
        self.register_buffer("updates", torch.tensor(0))

    def forward(self, x: Float[Tensor, "B G"], mask: Bool[Tensor, " B"]) -> Float[Tensor, "B G"]:
        """Scale all rows; those where `mask` is False are not counted."""
        if self.training:
            with torch.no_grad():
                met = x.detach().float().square().mean(1)
                there = mask.sum()
                mean = torch.where(mask, met, 0.0).sum() / there.clamp(min=1)
                weight = (1 / (self.updates + 1)).clamp(min=self.momentum)
                self.mean_square.lerp_(torch.where(there > 0, mean, self.mean_square), weight)
                self.updates += (there > 0).long()
        return x * (self.mean_square + 1e-8).rsqrt().to(x.dtype)
