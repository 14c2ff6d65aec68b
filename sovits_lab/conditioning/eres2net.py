"""ERes2NetV2 (Chen et al. 2024): the speaker-verification network whose feature map conditions the Pro models.

What the family uses is not the usual embedding but the fused stage-4 map, flattened over channels and frequency and
averaged over time: 20480 values. Parameter names are those of the published checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

SAMPLE_RATE = 16_000
MELS = 80


def clipped(x: Tensor) -> Tensor:
    """Apply the network's activation: ReLU, at most 20."""
    return F.hardtanh(x, 0.0, 20.0)


class FeatureFusion(nn.Module):
    """Attentional fusion of two maps: x (1 + tanh a) + y (1 - tanh a), a from both (Chen et al. 2024, eq. 3).

    Args:
        channels: of each map; the bottleneck has a quarter of them.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = channels // 4
        self.local_att = nn.Sequential(
            nn.Conv2d(2 * channels, narrow, 1),
            nn.BatchNorm2d(narrow),
            nn.SiLU(),
            nn.Conv2d(narrow, channels, 1),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Float[Tensor, "B C F L"], y: Float[Tensor, "B C F L"]) -> Float[Tensor, "B C F L"]:
        weight = 1 + torch.tanh(self.local_att(torch.cat([x, y], dim=1)))
        return x * weight + y * (2 - weight)


class Res2Block(nn.Module):
    """A residual block whose inner convolution runs over slices of the channels, each added to or fused with the last.

    Args:
        in_channels, planes: width in, and base of the inner width.
        stride: of the first convolution.
        fuse: attentional fusion of neighbouring slices instead of their sum.
        base_width, scale, expansion: inner width is planes * base_width / 64 * scale, the output planes * expansion.
    """

    def __init__(
        self,
        in_channels: int,
        planes: int,
        stride: int = 1,
        fuse: bool = False,
        base_width: int = 24,
        scale: int = 4,
        expansion: int = 4,
    ) -> None:
        super().__init__()
        width = planes * base_width // 64
        self.width = width
        self.conv1 = nn.Conv2d(in_channels, width * scale, 1, stride, bias=False)
        self.bn1 = nn.BatchNorm2d(width * scale)
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(scale))
        self.bns = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(scale))
        self.fuse_models = nn.ModuleList(FeatureFusion(width) for _ in range(scale - 1)) if fuse else None
        self.conv3 = nn.Conv2d(width * scale, planes * expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * expansion)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != planes * expansion:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, planes * expansion, 1, stride, bias=False), nn.BatchNorm2d(planes * expansion)
            )

    def forward(self, x: Float[Tensor, "B C F L"]) -> Float[Tensor, "B D G N"]:
        slices = torch.split(clipped(self.bn1(self.conv1(x))), self.width, dim=1)
        outs: list[Tensor] = []
        for i, (conv, norm) in enumerate(zip(self.convs, self.bns, strict=True)):
            h = slices[i]
            if i and self.fuse_models is not None:
                h = self.fuse_models[i - 1](outs[-1], h)
            elif i:
                h = outs[-1] + h
            outs.append(clipped(norm(conv(h))))
        return clipped(self.bn3(self.conv3(torch.cat(outs, dim=1))) + self.shortcut(x))


class ERes2NetV2(nn.Module):
    """80-bin Kaldi filter bank -> the Pro models' speaker vector.

    Args:
        blocks: residual blocks in each of four stages; the last two fuse.
        channels: of the first convolution.
        base_width, scale, expansion: of every block.
        embedding: width of the published embedding, whose layer is kept for the checkpoint and not used here.
    """

    def __init__(
        self,
        blocks: Sequence[int] = (3, 4, 6, 3),
        channels: int = 64,
        base_width: int = 24,
        scale: int = 4,
        expansion: int = 4,
        embedding: int = 192,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        width = channels
        for stage, count in enumerate(blocks, start=1):
            planes = channels * 2 ** (stage - 1)
            layers = []
            for i in range(count):
                stride = 2 if stage > 1 and i == 0 else 1
                layers.append(Res2Block(width, planes, stride, stage > 2, base_width, scale, expansion))
                width = planes * expansion
            setattr(self, f"layer{stage}", nn.Sequential(*layers))
        self.layer3_ds = nn.Conv2d(width // 2, width, 3, 2, padding=1, bias=False)
        self.fuse34 = FeatureFusion(width)
        self.seg_1 = nn.Linear(width * (MELS // 8) * 2, embedding)

    def stem(self, features: Float[Tensor, "B L 80"]) -> Float[Tensor, "B C 80 L"]:
        """Apply the first convolution, whose ReLU is not clipped."""
        return F.relu(self.bn1(self.conv1(features.transpose(1, 2)[:, None])))

    def fused(self, features: Float[Tensor, "B L 80"]) -> Float[Tensor, "B D 10 N"]:
        """Return the fused map of stages 3 and 4."""
        third = self.layer3(self.layer2(self.layer1(self.stem(features))))  # type: ignore[operator]
        made: Tensor = self.fuse34(self.layer4(third), self.layer3_ds(third))  # type: ignore[operator]
        return made

    def forward(self, features: Float[Tensor, "B L 80"]) -> Float[Tensor, "B V"]:
        """Return the mean over time of the fused map, `width * 10` values: the Pro models' speaker condition."""
        return self.fused(features).flatten(1, 2).mean(-1)

    def embedding(self, features: Float[Tensor, "B L 80"]) -> Float[Tensor, "B E"]:
        """Return the published embedding, by mean and deviation over time; the Pro models do not use it."""
        fused = self.fused(features)
        deviation = (fused.var(-1) + 1e-8).sqrt()
        return self.seg_1(torch.cat([fused.mean(-1).flatten(1), deviation.flatten(1)], dim=1))


def speaker_features(wav: Float[Tensor, "B T"]) -> Float[Tensor, "B L 80"]:
    """Compute Kaldi's filter bank of 16 kHz waveforms in [-1, 1]: 25/10 ms, Povey window, no dither, mean kept."""
    from sovits_lab.audio.torchaudio_compat import ensure

    ensure()
    from torchaudio.compliance.kaldi import fbank

    settings = {"num_mel_bins": MELS, "sample_frequency": SAMPLE_RATE, "dither": 0.0}
    return torch.stack([fbank(row[None], **settings) for row in wav])


def mel_banks() -> Float[Tensor, "80 256"]:
    """Return the triangles of the filter bank, without the bin at half the rate, which they leave out."""
    from sovits_lab.audio.torchaudio_compat import ensure

    ensure()
    from torchaudio.compliance.kaldi import get_mel_banks

    banks: Tensor = get_mel_banks(MELS, 512, SAMPLE_RATE, 20.0, 0.0, 100.0, -500.0, 1.0)[0]
    return banks
