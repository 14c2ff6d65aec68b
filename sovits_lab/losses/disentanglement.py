"""What keeps style and speaker apart: an emotion classifier, an adversary, a contrast."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.nn.gradient import reverse_gradient


class Classifier(nn.Module):
    """Cross-entropy of a small network on a vector; with `reverse` > 0 its input is trained to defeat it."""

    def __init__(self, channels: int, classes: int, hidden: int = 64, reverse: float = 0.0) -> None:
        super().__init__()
        self.reverse = reverse
        self.net = nn.Sequential(nn.Linear(channels, hidden), nn.GELU(), nn.Linear(hidden, classes))

    def forward(self, vector: Float[Tensor, "B Y"], target: Int[Tensor, " B"]) -> Float[Tensor, ""]:
        if self.reverse:
            vector = reverse_gradient(vector, self.reverse)
        return F.cross_entropy(self.net(vector).float(), target)


def supervised_contrast(
    vector: Float[Tensor, "B Y"], label: Int[Tensor, " B"], temperature: float = 0.2
) -> Float[Tensor, ""]:
    """Vectors of one label attract, others repel (Khosla et al. 2020, eq. 2); rows without a partner are left out."""
    unit = F.normalize(vector.float(), dim=1)
    logits = unit @ unit.T / temperature
    self_pair = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    log_p = logits.masked_fill(self_pair, -1e9).log_softmax(1)
    partner = (label[:, None] == label[None]) & ~self_pair
    count = partner.sum(1)
    per_row = -(log_p * partner).sum(1) / count.clamp(min=1)
    return per_row[count > 0].mean() if (count > 0).any() else vector.sum() * 0
