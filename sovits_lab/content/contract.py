"""What every content model gives to the rest: tokens of recordings and, where it knows phones, where they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

import numpy as np
from jaxtyping import Float, Float32, Int
from torch import Tensor

RATE = 16_000  # of the waveforms that released encoders take


class ContentTokens(NamedTuple):
    """One utterance of L frames: S = L // 2 tokens, and log-probabilities of phone labels (blank first) or None."""

    tokens: Int[np.ndarray, " S"]
    labels: Float[np.ndarray, "S Q"] | None


class ContentEncoder(Protocol):
    """A frozen network that others trained: waveform to features. `source` says where it came from.

    Attributes:
        channels: width D of the features.
        stride: samples at 16 kHz between two features.
    """

    source: str

    @property
    def channels(self) -> int: ...

    @property
    def stride(self) -> int: ...

    def __call__(self, wav: Float32[np.ndarray, " T"]) -> Float[Tensor, "L D"]:
        """Features of one waveform at 16 kHz, T // stride of them."""
        ...

    def digest(self) -> str:
        """Return the SHA-256 of the weights: clusters belong to one encoder only."""
        ...


class ContentModel(Protocol):
    """A trained content bundle, ready to listen. `codes` is the number of tokens K."""

    codes: int

    @property
    def input_kind(self) -> Literal["mel", "wav"]:
        """What `listen` takes of each utterance: log-mel [L M] or waveform [T]."""
        ...

    def listen(self, utterances: Sequence[np.ndarray]) -> list[ContentTokens]:
        """Return the tokens of each utterance, whatever its neighbours."""
        ...
