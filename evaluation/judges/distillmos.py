"""DistillMOS (Stahl and Gamper 2025): listening quality, distilled from a much larger model. Never read alone.

It hears synthesis artefacts, noise and a flat intonation. It does not tell good synthesis from people, and marks quiet
or roomy recordings down, so its value means something only beside that of the true recording.

The network is stated here under the names of the released tensors; the package is not imported.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from evaluation.judges.contract import JudgeCard, weight_hash
from sovits_lab.weights import locate
from sovits_lab.weights.tensors import load_by_name, read_tensors

RATE = 16000
WEIGHTS = "distill_mos_v7.pt"
WINDOW, HOP = 320, 160  # 20 ms, 10 ms
SAMPLES = 122880  # of one window that the network rates, 7.68 s
APART = 16000  # samples between two windows at most
EXPONENT = 0.3  # of the magnitudes


class SpectrumConvolutions(nn.Module):
    """Compressed complex spectrum to frames at 50 Hz: [B, T] to [B, L, D]."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        self.bins = WINDOW // 2 + 1
        for i, (narrow, wide) in enumerate(zip([2, *channels[:-1]], channels, strict=True)):
            stride = (2 if i else 1, 2 if i == len(channels) - 1 else 1)
            layers += [nn.Conv2d(narrow, wide, 3, stride, padding=(0, 1)), nn.LeakyReLU(0.1)]
            self.bins = (self.bins - 3) // stride[0] + 1
        self.cnn = nn.Sequential(*layers)

    def forward(self, wav: Float[Tensor, "B T"]) -> Float[Tensor, "B L D"]:
        edge = (WINDOW - HOP) // 2
        padded = F.pad(wav, (edge, edge), mode="reflect")
        window = torch.hann_window(WINDOW, device=wav.device)
        spectrum = torch.stft(padded, WINDOW, HOP, window=window, center=False, return_complex=True)
        size = spectrum.abs().clamp(min=1e-12)
        pictures = torch.view_as_real(size**EXPONENT * spectrum / size).permute(0, 3, 1, 2)
        return self.cnn(pictures).flatten(1, 2).transpose(1, 2)


class SinusoidalPositions(nn.Module):
    """Positions that are added, a buffer of the released weights."""

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        place = torch.arange(length)[:, None] * torch.exp(torch.arange(0, width, 2) * (-math.log(2 * length) / width))
        self.pe: Tensor
        self.register_buffer("pe", torch.stack([place.sin(), place.cos()], dim=-1).flatten(1)[None])


class FrameTransformer(nn.Module):
    """Frames through a normalisation, a projection, positions and a transformer."""

    def __init__(self, width: int, model: int, heads: int, layers: int, length: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)
        self.position_encoding = SinusoidalPositions(length, model)
        self.linear_proj = nn.Linear(width, model)
        layer = nn.TransformerEncoderLayer(model, heads, 2 * model, dropout=0.0, batch_first=True)
        self.transformer_encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)

    def forward(self, x: Float[Tensor, "B L D"]) -> Float[Tensor, "B L E"]:
        x = self.linear_proj(self.norm(x.transpose(1, 2)).transpose(1, 2))
        return self.transformer_encoder(x + self.position_encoding.pe)


class AttentivePooling(nn.Module):
    """A weighted mean over time, then one number."""

    def __init__(self, model: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(model, 2 * model)
        self.linear2 = nn.Linear(2 * model, 1)
        self.linear3 = nn.Linear(model, 1)

    def forward(self, x: Float[Tensor, "B L D"]) -> Float[Tensor, " B"]:
        weight = self.linear2(F.relu(self.linear1(x))).softmax(dim=1)
        return self.linear3((weight * x).sum(1))[:, 0]


class OpinionHead(nn.Module):
    """Frames to a quality in [0, 1]."""

    def __init__(self, width: int, model: int, heads: int, layers: int, length: int) -> None:
        super().__init__()
        self.norm_input = nn.BatchNorm1d(width)
        self.transformer = FrameTransformer(width, model, heads, layers, length)
        self.norm_trans = nn.BatchNorm1d(model)
        self.pool = AttentivePooling(model)

    def forward(self, x: Float[Tensor, "B L D"]) -> Float[Tensor, " B"]:
        x = self.transformer(self.norm_input(x.transpose(1, 2)).transpose(1, 2))
        return torch.sigmoid(self.pool(self.norm_trans(x.transpose(1, 2)).transpose(1, 2)))


class OpinionNetwork(nn.Module):
    """Windows of `samples` samples to scores from 1 to 5.

    Args:
        channels: of the convolutions over the spectrum.
        model, heads, layers: of the transformer.
        samples: length of a window, a multiple of 320.
    """

    def __init__(
        self,
        channels: Sequence[int] = (64, 64, 128, 256, 256, 256),
        model: int = 200,
        heads: int = 8,
        layers: int = 7,
        samples: int = SAMPLES,
    ) -> None:
        super().__init__()
        self.samples = samples
        self.cnn = SpectrumConvolutions(channels)
        width = channels[-1] * self.cnn.bins
        self.transformer_pool_attn = OpinionHead(width, model, heads, layers, samples // (2 * HOP))

    def forward(self, windows: Float[Tensor, "B T"]) -> Float[Tensor, " B"]:
        loudest = windows.abs().amax(dim=1, keepdim=True)
        return 1 + 4 * self.transformer_pool_attn(self.cnn(windows / (loudest + 1e-8)))

    def score(self, wav: Float[Tensor, " T"]) -> float:
        """Return the mean over windows at most a second apart; a shorter recording is padded with silence."""
        wav = F.pad(wav, (0, max(0, self.samples - len(wav))))
        over = len(wav) - self.samples
        starts = [int(share * over) for share in np.linspace(0, 1, math.ceil(over / APART) + 1)]
        return float(self(torch.stack([wav[start : start + self.samples] for start in starts])).mean())


class DistillMos:
    """One score from 1 to 5, `distillmos`.

    Args:
        source: `distillmos`, or a folder with `distill_mos_v7.pt`.
    """

    names = ("distillmos",)
    worst = 1.0

    def __init__(self, source: str | Path = "distillmos") -> None:
        self.path = locate("judge", source, (WEIGHTS,)) / WEIGHTS
        self.card = JudgeCard(
            name="DistillMOS",
            version="0.9.1",
            construct="quality",
            rate=RATE,
            weight_hash=weight_hash(self.path),
            minimum_seconds=1.0,
            needs=("truth beside it",),
            licence="MIT",
            caution="rates good synthesis as people, and quiet or roomy recordings low: read it beside the truth",
        )

    @cached_property
    def network(self) -> OpinionNetwork:
        """The network with the released weights, loaded at first use."""
        network = OpinionNetwork()
        load_by_name(network, read_tensors(self.path, "model"), "DistillMOS", self.path)
        return network.eval()

    @torch.inference_mode()
    def rate(self, wavs: Sequence[np.ndarray]) -> list[Mapping[str, float]]:
        """Return the scores of recordings [T] at 16 kHz, by name."""
        return [{"distillmos": self.network.score(torch.from_numpy(wav.astype(np.float32)))} for wav in wavs]

    def release(self) -> None:
        """Let go of the network."""
        self.__dict__.pop("network", None)
