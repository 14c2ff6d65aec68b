"""Speaker encoder: a clip -> who speaks, whatever the emotion and the words.

Trained here on the corpus' own speakers with an additive-margin softmax (Wang et al. 2018, eq. 5); evaluation judges
are other networks and never enter it. Statistics pooling after x-vectors (Snyder et al. 2018).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.conditioning.checks import refuse_small
from sovits_lab.nn.convolution import ConvStack
from sovits_lab.nn.masks import masked_mean
from sovits_lab.types import got

FEW = 8  # speakers; an encoder that has learned fewer apart says nothing of a new one


def knows_strangers(voice: Mapping[str, Any]) -> bool:
    """Return whether the vector of a new speaker means something to a voice, whose facts are given.

    Raises:
        InputError: its number of speakers of the training is none.
    """
    taught = voice.get("taught", len(voice["speakers"]))
    if type(taught) is not int:
        raise got("bundle: taught", taught, "how many speakers the voice was trained with")
    return taught >= FEW


class SpeakerEncoder(nn.Module):
    """Mel -> unit vector.

    Args:
        mels: mel bins.
        channels: width of the stack.
        layers: residual blocks.
        out_channels: width G of the vector.

    Raises:
        InputError: a size below 1.
    """

    def __init__(self, mels: int = 80, channels: int = 128, layers: int = 4, out_channels: int = 64) -> None:
        super().__init__()
        refuse_small("speaker", mels=mels, channels=channels, layers=layers, out_channels=out_channels)
        self.out_channels = out_channels
        self.stack = ConvStack(mels, channels, layers=layers)
        self.out = nn.Linear(2 * channels, out_channels)

    def forward(self, mel: Float[Tensor, "B M L"], mask: Bool[Tensor, "B L"]) -> Float[Tensor, "B G"]:
        """Turn log-mel into a vector of length 1; the level is removed first: a quiet clip is the same person."""
        level = masked_mean(mel, mask).mean(1)[:, None, None]
        h = self.stack(mel - level, mask)
        mean = masked_mean(h, mask)
        std = (masked_mean(h.square(), mask) - mean.square()).clamp(min=1e-6).sqrt()
        return F.normalize(self.out(torch.cat([mean, std], dim=1)).float(), dim=1)


class MarginClassifier(nn.Module):
    """Additive-margin softmax over training speakers: `s (cos - m [target])` (Wang et al. 2018, eq. 5)."""

    def __init__(self, channels: int, speakers: int, scale: float = 16.0, margin: float = 0.2) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(speakers, channels))
        self.scale, self.margin = scale, margin

    def forward(self, vector: Float[Tensor, "B G"], speaker: Int[Tensor, " B"]) -> Float[Tensor, ""]:
        """Compute the cross-entropy loss."""
        cosine = vector @ F.normalize(self.weight, dim=1).T
        target = F.one_hot(speaker, cosine.shape[1]).to(cosine.dtype)
        return F.cross_entropy(self.scale * (cosine - self.margin * target), speaker)
