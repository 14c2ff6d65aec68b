"""CAM++ (Wang et al. 2023): a speaker-verification network of densely connected, context-aware masked convolutions.

Parameter names are those of the published checkpoints, so that their tensors load by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.audio.trim import trim_silence
from sovits_lab.conditioning.eres2net import SAMPLE_RATE, speaker_features
from sovits_lab.weights import locate, present
from sovits_lab.weights.tensors import load_by_name, read_tensors

WEIGHTS = "campplus_cn_en_common.pt"
SHORTEST = 400  # samples of one frame of the filter bank
SEGMENT = 100  # frames over which the local context of a mask is averaged


def _norm_relu(channels: int) -> nn.Sequential:
    """Batch normalisation and ReLU under the names of the checkpoint."""
    made = nn.Sequential()
    made.add_module("batchnorm", nn.BatchNorm1d(channels))
    made.add_module("relu", nn.ReLU())
    return made


class FrequencyBlock(nn.Module):
    """A residual block of 3 x 3 convolutions whose stride runs over frequency only."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, (stride, 1), padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, (stride, 1), bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: Float[Tensor, "B C F L"]) -> Float[Tensor, "B D G L"]:
        h = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(h)) + self.shortcut(x))


class FrequencyHead(nn.Module):
    """Filter bank as a picture: an eighth of the frequencies, flattened with the channels (section 2.2).

    Args:
        mels: bins of the filter bank, a multiple of 8.
        channels: of every convolution.
    """

    def __init__(self, mels: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.layer1 = nn.Sequential(FrequencyBlock(channels, channels, 2), FrequencyBlock(channels, channels, 1))
        self.layer2 = nn.Sequential(FrequencyBlock(channels, channels, 2), FrequencyBlock(channels, channels, 1))
        self.conv2 = nn.Conv2d(channels, channels, 3, (2, 1), padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.out_channels = channels * (mels // 8)

    def forward(self, x: Float[Tensor, "B M L"]) -> Float[Tensor, "B C L"]:
        h = F.relu(self.bn1(self.conv1(x[:, None])))
        h = F.relu(self.bn2(self.conv2(self.layer2(self.layer1(h)))))
        return h.flatten(1, 2)


class MaskedConvolution(nn.Module):
    """A convolution times a mask that is computed from the whole utterance and from the segment (equations 3 to 6)."""

    def __init__(self, in_channels: int, channels: int, dilation: int) -> None:
        super().__init__()
        self.linear_local = nn.Conv1d(in_channels, channels, 3, padding=dilation, dilation=dilation, bias=False)
        self.linear1 = nn.Conv1d(in_channels, in_channels // 2, 1)
        self.linear2 = nn.Conv1d(in_channels // 2, channels, 1)

    def forward(self, x: Float[Tensor, "B C L"]) -> Float[Tensor, "B D L"]:
        local = F.avg_pool1d(x, SEGMENT, SEGMENT, ceil_mode=True)
        local = local.repeat_interleave(SEGMENT, dim=-1)[..., : x.shape[-1]]
        context = x.mean(-1, keepdim=True) + local
        mask = torch.sigmoid(self.linear2(F.relu(self.linear1(context))))
        return self.linear_local(x) * mask


class DenseStep(nn.Module):
    """One layer of a dense block: its output is put beside its input."""

    def __init__(self, in_channels: int, growth: int, bottleneck: int, dilation: int) -> None:
        super().__init__()
        self.nonlinear1 = _norm_relu(in_channels)
        self.linear1 = nn.Conv1d(in_channels, bottleneck, 1, bias=False)
        self.nonlinear2 = _norm_relu(bottleneck)
        self.cam_layer = MaskedConvolution(bottleneck, growth, dilation)

    def forward(self, x: Float[Tensor, "B C L"]) -> Float[Tensor, "B D L"]:
        new = self.cam_layer(self.nonlinear2(self.linear1(self.nonlinear1(x))))
        return torch.cat([x, new], dim=1)


class Transition(nn.Module):
    """Between dense blocks: half the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.nonlinear = _norm_relu(channels)
        self.linear = nn.Conv1d(channels, channels // 2, 1, bias=False)

    def forward(self, x: Float[Tensor, "B C L"]) -> Float[Tensor, "B D L"]:
        return self.linear(self.nonlinear(x))


class TimeConvolution(nn.Module):
    """The first convolution over time, which halves the frame rate."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(in_channels, channels, 5, 2, padding=2, bias=False)
        self.nonlinear = _norm_relu(channels)

    def forward(self, x: Float[Tensor, "B C L"]) -> Float[Tensor, "B D N"]:
        return self.nonlinear(self.linear(x))


class StatisticsPooling(nn.Module):
    """Mean and standard deviation over time."""

    def forward(self, x: Float[Tensor, "B C L"]) -> Float[Tensor, "B D"]:
        spread = x.std(-1) if x.shape[-1] > 1 else torch.zeros_like(x[..., 0])
        return torch.cat([x.mean(-1), spread], dim=-1)


class Projection(nn.Module):
    """From statistics to the vector, normalised without learned scale."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(in_channels, channels, 1, bias=False)
        self.nonlinear = nn.Sequential()
        self.nonlinear.add_module("batchnorm", nn.BatchNorm1d(channels, affine=False))

    def forward(self, x: Float[Tensor, "B C"]) -> Float[Tensor, "B D"]:
        return self.nonlinear(self.linear(x[..., None])[..., 0])


class Campplus(nn.Module):
    """80-bin Kaldi filter bank without its mean over time -> a speaker vector.

    Args:
        mels: bins of the filter bank.
        embedding: width of the vector.
        front: channels of the head over frequency.
        width: channels of the first convolution over time.
        growth: channels that a layer of a dense block adds.
        blocks: (layers, dilation) of the dense blocks.
    """

    def __init__(
        self,
        mels: int = 80,
        embedding: int = 192,
        front: int = 32,
        width: int = 128,
        growth: int = 32,
        blocks: Sequence[tuple[int, int]] = ((12, 1), (24, 2), (16, 2)),
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.head = FrequencyHead(mels, front)
        self.xvector = nn.Sequential()
        self.xvector.add_module("tdnn", TimeConvolution(self.head.out_channels, width))
        for number, (layers, dilation) in enumerate(blocks, 1):
            block = nn.Sequential()
            for i in range(layers):
                block.add_module(f"tdnnd{i + 1}", DenseStep(width + i * growth, growth, 4 * growth, dilation))
            self.xvector.add_module(f"block{number}", block)
            width += layers * growth
            self.xvector.add_module(f"transit{number}", Transition(width))
            width //= 2
        self.xvector.add_module("out_nonlinear", _norm_relu(width))
        self.xvector.add_module("stats", StatisticsPooling())
        self.xvector.add_module("dense", Projection(2 * width, embedding))

    def forward(self, features: Float[Tensor, "B L M"]) -> Float[Tensor, "B V"]:
        """Embed filter banks in vectors, not yet of unit length."""
        return self.xvector(self.head(features.transpose(1, 2)))


def load_campplus(source: str | Path = "campplus") -> Campplus:
    """Return the network with the released weights: `campplus` of the catalogue, or a folder that holds them.

    Raises:
        InputError: the weights are missing, or are of another network or size.
    """
    path = locate("speaker network", source, (WEIGHTS,)) / WEIGHTS
    network = Campplus()
    load_by_name(network, read_tensors(path), "CAM++ with 192 dimensions", path)
    return network.eval()


@torch.inference_mode()
def speaker_vectors(network: Campplus, wavs: Sequence[np.ndarray]) -> np.ndarray:
    """Return unit vectors [N, V] of recordings [T] at 16 kHz without their quiet ends.

    One at a time: padding would change the features.
    """
    if not wavs:
        return np.zeros((0, network.embedding), dtype=np.float32)
    vectors = []
    for wav in wavs:
        inner = trim_silence(wav.astype(np.float32), SAMPLE_RATE).wav
        inner = np.pad(inner, (0, max(0, SHORTEST - len(inner))))
        features = speaker_features(torch.from_numpy(inner)[None])
        vectors.append(network(features - features.mean(1, keepdim=True))[0])
    return F.normalize(torch.stack(vectors), dim=-1).numpy()


def installed_ears() -> Callable[[Sequence[np.ndarray]], np.ndarray] | None:
    """Return what gives speaker vectors of recordings at 16 kHz, None where the released weights are not installed."""
    if not present("campplus"):
        return None
    return partial(speaker_vectors, load_campplus())
