"""What every content model gives to the rest: tokens of recordings and, where it knows phones, where they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

import numpy as np
from jaxtyping import Float, Int


class Heard(NamedTuple):
    """One utterance of L frames: S = L // 2 tokens, and log-probabilities of phone labels (blank first) or None."""

    tokens: Int[np.ndarray, " S"]
    labels: Float[np.ndarray, "S Q"] | None


class ContentModel(Protocol):
    """A trained content bundle, ready to listen. `codes` is the number of tokens K."""

    codes: int

    @property
    def hears(self) -> Literal["mel", "wav"]:
        """What `listen` takes of each utterance: log-mel [L M] or waveform [T]."""
        ...

    def listen(self, utterances: Sequence[np.ndarray]) -> list[Heard]:
        """Tokens of each utterance, whatever its neighbours."""
        ...
