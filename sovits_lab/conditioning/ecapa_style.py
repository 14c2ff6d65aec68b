"""Reference encoder from speechbrain's ECAPA-TDNN (Desplanques et al. 2020): attentive statistics over frames.

The blocks are the library's; what they lack is added: normalisation sees real frames only, and convolutions are
padded with silence instead of a mirror, so that a padded batch gives what its clips give alone.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sovits_lab.audio.torchaudio_compat import ensure
from sovits_lab.conditioning.checks import refuse_part, refuse_small
from sovits_lab.conditioning.pooling import ReferencePool
from sovits_lab.conditioning.reference import ReferenceEncoder
from sovits_lab.nn.normalisation import MaskedBatchRenorm


class ShapeOfFrames:
    """Which frames of the batch at hand are real; every normalisation of one encoder looks here."""

    mask: Bool[Tensor, "B L"] | None = None


class FrameNorm(nn.Module):
    """Batch renormalisation of the real frames; what is padded comes out as zero."""

    def __init__(self, channels: int, frames: ShapeOfFrames) -> None:
        super().__init__()
        self.norm, self.frames = MaskedBatchRenorm(channels), frames

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `B C L`."""
        assert self.frames.mask is not None, "the encoder says first which frames are real"
        normal: Tensor = self.norm(x, self.frames.mask)
        return normal


def exchange_padding(network: nn.Module, frames: ShapeOfFrames) -> None:
    """Exchange the normalisations and the padding of speechbrain's blocks, in place."""
    from speechbrain.lobes.models.ECAPA_TDNN import BatchNorm1d
    from speechbrain.nnet.CNN import Conv1d

    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, BatchNorm1d):
                setattr(module, name, FrameNorm(child.norm.num_features, frames))
            elif isinstance(child, Conv1d):
                child.padding_mode = "constant"


class EcapaReference(ReferenceEncoder):
    """Log-mel -> style vector: dilated Res2Net blocks with squeeze-excitation, attentive statistics, a bottleneck.

    The pooled statistics pass a layer normalisation where the paper has batch normalisation, whose statistics over a
    handful of clips are noise.

    Args:
        mels: mel bins.
        channels: of the blocks, a multiple of `scale`; what is pooled has three times as many.
        attention_channels, scale, squeeze_channels: of the pooling, the Res2Net parts, the squeeze.
        out_channels: width of the style vector.
        pool: of several references, see `ReferenceEncoder`.
    """

    def __init__(
        self,
        mels: int = 80,
        channels: int = 512,
        attention_channels: int = 128,
        scale: int = 8,
        squeeze_channels: int = 128,
        out_channels: int = 192,
        pool: ReferencePool | None = None,
    ) -> None:
        super().__init__(pool)
        refuse_small("reference", mels=mels, channels=channels, attention_channels=attention_channels, scale=scale,
                     squeeze_channels=squeeze_channels, out_channels=out_channels)  # fmt: skip
        refuse_part("reference.scale", scale, channels, "reference.channels")
        ensure()
        from speechbrain.lobes.models.ECAPA_TDNN import AttentiveStatisticsPooling, SERes2NetBlock, TDNNBlock

        self.out_channels = out_channels
        self.enter = TDNNBlock(mels, channels, 5, 1)
        self.blocks = nn.ModuleList(
            SERes2NetBlock(channels, channels, scale, squeeze_channels, 3, dilation) for dilation in (2, 3, 4)
        )
        self.join = TDNNBlock(3 * channels, 3 * channels, 1, 1)
        self.statistics = AttentiveStatisticsPooling(3 * channels, attention_channels)
        self.norm = nn.LayerNorm(6 * channels)
        self.out = nn.Linear(6 * channels, out_channels)
        self.real = ShapeOfFrames()
        exchange_padding(self, self.real)

    def forward(self, mel: Float[Tensor, "B M L"], mask: Bool[Tensor, "B L"]) -> Float[Tensor, "B G"]:
        """Encode natural-log mel and its mask."""
        self.real.mask = mask
        share = (mask.sum(1) - 0.5) / mask.shape[1]  # of the padded length; half a frame less, against rounding up
        h = self.enter((mel + 5) / 2 * mask[:, None])
        levels = []
        for block in self.blocks:
            h = block(h, share)
            levels.append(h)
        pooled = self.statistics(self.join(torch.cat(levels, dim=1)), share)[..., 0]
        return self.out(self.norm(pooled))
