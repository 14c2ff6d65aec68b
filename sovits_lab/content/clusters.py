"""Tokens as the nearest of K cluster centres of an encoder's features (HuBERT's units; Lakhotia et al. 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from torch import Tensor, nn

from sovits_lab.audio.files import resample
from sovits_lab.content.contract import RATE, ContentEncoder, ContentTokens


def halve_rate(features: Float[Tensor, "L D"]) -> Float[Tensor, "S D"]:
    """Halve 50 Hz to 25 Hz by the mean of each pair of frames; an odd last frame is dropped."""
    pairs = features[: len(features) // 2 * 2]
    return (pairs[::2] + pairs[1::2]) / 2


class ClusteredContent(nn.Module):
    """An encoder and cluster centres; the centres are the bundle's only weights.

    It knows no phones: it cannot recognise speech and cannot align it.

    Args:
        encoder: waveform to features.
        codes: number of centres K.
        channels: width D of the features.
        sample_rate: of the waveforms that `listen` gets.
    """

    input_kind: Literal["wav"] = "wav"
    centres: Tensor

    def __init__(self, encoder: ContentEncoder, codes: int, channels: int, sample_rate: int) -> None:
        super().__init__()
        self.encoder, self.codes, self.sample_rate = encoder, codes, sample_rate
        self.register_buffer("centres", torch.zeros(codes, channels))

    def features(self, wav: Float32[np.ndarray, " T"]) -> Float[Tensor, "S D"]:
        """Return the features of one waveform at 25 Hz."""
        return halve_rate(self.encoder(resample(wav, self.sample_rate, RATE)))

    def nearest(self, features: Float[Tensor, "S D"]) -> Int[Tensor, " S"]:
        """Return the index of the nearest centre of each vector."""
        return torch.cdist(features[None], self.centres[None])[0].argmin(1)

    def listen(self, utterances: Sequence[np.ndarray]) -> list[ContentTokens]:
        """See `ContentModel`: waveforms."""
        return [ContentTokens(self.nearest(self.features(wav)).numpy(), None) for wav in utterances]
