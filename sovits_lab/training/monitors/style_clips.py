"""Style vectors of clips that are not trained on, for those who look on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sovits_lab.conditioning.reference import ReferenceEncoder
from sovits_lab.data.batches import Mels, stack_mels
from sovits_lab.data.store import FeatureStore

TOGETHER = 32  # clips in one pass


@runtime_checkable
class Styled(Protocol):
    """A training task with a reference encoder."""

    @property
    def reference(self) -> ReferenceEncoder:
        """The reference encoder of the model that is trained."""


def passes(store: FeatureStore, rows: Sequence[int]) -> Iterator[tuple[list[int], Mels]]:
    """Yield these utterances, the short ones first, in padded batches; where each stands in `rows`, and their mels."""
    order = sorted(range(len(rows)), key=lambda place: store.rows[rows[place]].frames)
    for first in range(0, len(order), TOGETHER):
        places = order[first : first + TOGETHER]
        yield places, stack_mels([store.mel(rows[place]) for place in places])


@torch.no_grad()
def styles(reference: ReferenceEncoder, store: FeatureStore, rows: Sequence[int]) -> Float[np.ndarray, "N Y"]:
    """Return the style vectors of whole utterances, in the order of `rows`; the encoder is in evaluation mode."""
    device = next((p.device for p in reference.parameters()), torch.device("cpu"))
    made = np.zeros((len(rows), reference.out_channels), dtype=np.float64)
    for places, (mel, mask) in passes(store, rows):
        made[places] = reference(mel.to(device), mask.to(device)).double().cpu().numpy()
    return made


def mean_by_emotion(
    vectors: Float[np.ndarray, "N Y"], store: FeatureStore, rows: Sequence[int]
) -> dict[str, Float[Tensor, " Y"]]:
    """Return the mean style of every emotion."""
    emotions = np.array([store.rows[i].emotion for i in rows])
    return {str(name): torch.from_numpy(vectors[emotions == name].mean(0)).float() for name in np.unique(emotions)}
