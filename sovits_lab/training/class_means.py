"""Mean style vectors of the emotions: what `emotion=sad` and the zero of `strength` mean in a bundle."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sovits_lab.data.batches import stack_mels
from sovits_lab.data.store import FeatureStore


def mean_styles(reference: nn.Module, store: FeatureStore, rows: Sequence[int]) -> dict[str, list[float]]:
    """Compute each emotion's mean style vector over training utterances."""
    return {emotion: styles.mean(0).tolist() for emotion, styles in styles_of(reference, store, rows).items()}


@torch.no_grad()
def styles_of(reference: nn.Module, store: FeatureStore, rows: Sequence[int]) -> dict[str, Float[Tensor, "N Y"]]:
    """Compute the style vectors of each emotion's utterances, one utterance at a time (no padding)."""
    reference.eval()
    vectors: dict[str, list[Tensor]] = defaultdict(list)
    for i in rows:
        mels = stack_mels([store.mel(i)])
        vectors[store.rows[i].emotion].append(reference(mels.mel, mels.mask)[0])
    return {emotion: torch.stack(each) for emotion, each in sorted(vectors.items())}
