"""Reference encoder for small corpora: dilated residual convolutions over mel, attentive mean and deviation of frames.

The pooling is that of Okabe et al. 2018, "Attentive statistics pooling for deep speaker embedding", eqs. 3 to 6, with a
weight for each channel. Nothing depends on the order of far-apart frames, so there is little to learn by heart.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.conditioning.checks import refuse_even, refuse_rate, refuse_small
from sovits_lab.conditioning.pooling import ReferencePool
from sovits_lab.conditioning.reference import EncodedFrames, ReferenceEncoder
from sovits_lab.nn.normalisation import MaskedBatchRenorm

LEAST_VARIANCE = 1e-5


class AttentiveStatistics(nn.Module):
    """Frames `B L C` -> their weighted mean and standard deviation, `B 2C`; each channel has weights of its own."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.score = nn.Sequential(nn.Linear(channels, hidden), nn.Tanh(), nn.Linear(hidden, channels))

    def forward(self, rows: Float[Tensor, "B L C"], mask: Bool[Tensor, "B L"]) -> Float[Tensor, "B C2"]:
        weight = self.score(rows).masked_fill(~mask[..., None], -torch.inf).softmax(1)
        mean = (weight * rows).sum(1)
        variance = (weight * (rows - mean[:, None]) ** 2).sum(1)
        return torch.cat([mean, variance.clamp(min=LEAST_VARIANCE).sqrt()], dim=1)


class ConvStatisticsReference(ReferenceEncoder):
    """Mel of a reference clip -> style vector.

    Args:
        mels: mel bins.
        channels: of every convolution.
        layers: residual convolutions after the first, dilated by 1, 2, 4, 1, ...
        kernel, stride: of the first convolution; the kernel is odd.
        attention_channels: of the pooling.
        dropout: of whole channels in the residual branches, and of the pooled statistics.
        out_channels: width of the style vector.
        pool: of several references, see `ReferenceEncoder`.
    """

    def __init__(
        self,
        mels: int = 80,
        channels: int = 96,
        layers: int = 4,
        kernel: int = 5,
        stride: int = 2,
        attention_channels: int = 32,
        dropout: float = 0.2,
        out_channels: int = 32,
        pool: ReferencePool | None = None,
    ) -> None:
        super().__init__(pool)
        refuse_small("reference", mels=mels, channels=channels, kernel=kernel, stride=stride,
                     attention_channels=attention_channels, out_channels=out_channels)  # fmt: skip
        refuse_small("reference", 0, layers=layers)
        refuse_even("reference.kernel", kernel)
        refuse_rate("reference.dropout", dropout)
        self.stride, self.frame_channels, self.out_channels = stride, channels, out_channels
        self.enter = nn.Conv1d(mels, channels, kernel, stride=stride, padding=kernel // 2)
        self.enter_norm = MaskedBatchRenorm(channels)
        spread = [2 ** (layer % 3) for layer in range(layers)]
        self.convs = nn.ModuleList(nn.Conv1d(channels, channels, 3, padding=d, dilation=d) for d in spread)
        self.norms = nn.ModuleList(MaskedBatchRenorm(channels) for _ in spread)
        self.drop_channels, self.drop = nn.Dropout1d(dropout), nn.Dropout(dropout)
        self.statistics = AttentiveStatistics(channels, attention_channels)
        self.norm = nn.LayerNorm(2 * channels)
        self.out = nn.Linear(2 * channels, out_channels)

    def forward(self, mel: Float[Tensor, "B M L"], mask: Bool[Tensor, "B L"]) -> Float[Tensor, "B G"]:
        """Encode log-mel `B M L` (natural log) and its mask."""
        return self.pooled(self.frames(mel, mask))

    def frames(self, mel: Float[Tensor, "B M L"], mask: Bool[Tensor, "B L"]) -> EncodedFrames:
        """Return the frames of the last convolution."""
        h = self.enter((mel + 5) / 2 * mask[:, None])  # about zero mean and unit spread
        mask = mask[:, :: self.stride]
        h = self.enter_norm(F.relu(h), mask)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            assert isinstance(norm, MaskedBatchRenorm)
            h = h + self.drop_channels(norm(F.relu(conv(h)), mask))
        return EncodedFrames(h.transpose(1, 2), mask, self.stride)

    def pooled(self, frames: EncodedFrames) -> Float[Tensor, "B G"]:
        """Apply attentive statistics, then the bottleneck."""
        return self.out(self.drop(self.norm(self.statistics(frames.values, frames.mask))))
