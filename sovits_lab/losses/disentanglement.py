"""What keeps style and speaker apart: classifiers, adversaries, a contrast."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.losses.regulariser import Facts, Regulariser
from sovits_lab.nn.gradient import reverse_gradient
from sovits_lab.nn.masks import masked_mean


class Classifier(Regulariser):
    """Cross-entropy of a small network that reads `target` from the vectors.

    Args:
        input, target: names of vectors `B Y` and of ids `B`.
        width: Y.
        classes: number of ids.
        hidden: of the network.
    """

    def __init__(self, input: str, target: str, width: int, classes: int, hidden: int = 64) -> None:
        super().__init__(input)
        self.target = target
        self.net = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, classes))

    def forward(self, facts: Facts) -> Float[Tensor, ""]:
        return cross_entropy(self.net(facts[self.input]), facts[self.target])


class Adversary(Classifier):
    """A classifier that the vectors are trained to defeat (Ganin & Lempitsky 2015).

    Args:
        input, target, width, classes, hidden: see `Classifier`.
        stop_at_chance: leave vectors alone whose class has less than a chance's probability. The reversed cross-entropy
            is unbounded, so an encoder whose vectors have no bound either lowers it by their length alone, and to be
            mistaken for another tells as much as to be known.
    """

    def __init__(
        self, input: str, target: str, width: int, classes: int, hidden: int = 64, stop_at_chance: bool = False
    ) -> None:
        super().__init__(input, target, width, classes, hidden)
        self.stop_at_chance = stop_at_chance

    def forward(self, facts: Facts) -> Float[Tensor, ""]:
        vector, label = facts[self.input], facts[self.target]
        reversed_vector = reverse_gradient(vector)
        if self.stop_at_chance:
            reversed_vector = torch.where(self._recognised(vector, label)[:, None], reversed_vector, vector.detach())
        return cross_entropy(self.net(reversed_vector), label)

    @torch.no_grad()
    def _recognised(self, vector: Float[Tensor, "B Y"], label: Int[Tensor, " B"]) -> Bool[Tensor, " B"]:
        """Rows whose class the network knows better than chance; of an unknown one (-1) it does not matter."""
        share = self.net(vector).float().softmax(1)
        return share.gather(1, label.clamp(min=0)[:, None])[:, 0] > 1 / share.shape[1]


class SequenceAdversary(Regulariser):
    """An adversary of a whole sequence `B S D`: it reads the mean of what it makes of each vector, so their histogram.

    Args:
        input, target: names of the vectors and of the ids `B`; `mask` says which vectors are real.
        width: D.
        classes: number of ids.
        hidden: of the network.
    """

    def __init__(self, input: str, target: str, width: int, classes: int, hidden: int = 128) -> None:
        super().__init__(input)
        self.target = target
        self.each = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU())
        self.all = nn.Linear(hidden, classes)

    def forward(self, facts: Facts) -> Float[Tensor, ""]:
        each = self.each(reverse_gradient(facts[self.input]))
        return cross_entropy(self.all(masked_mean(each.transpose(1, 2), facts["mask"])), facts[self.target])


class Contrast(Regulariser):
    """`supervised_contrast` of vectors by a label.

    Args:
        input, target: names of vectors `B Y` and of ids `B`.
        temperature: of the similarities.
    """

    def __init__(self, input: str, target: str, temperature: float = 0.2) -> None:
        super().__init__(input)
        self.target, self.temperature = target, temperature

    def forward(self, facts: Facts) -> Float[Tensor, ""]:
        return supervised_contrast(facts[self.input], facts[self.target], self.temperature)


def cross_entropy(logits: Float[Tensor, "B K"], target: Int[Tensor, " B"]) -> Float[Tensor, ""]:
    """Compute the cross-entropy over the rows whose target is known (not -1); 0 where none is."""
    if not (target >= 0).any():
        return logits.float().sum() * 0
    return F.cross_entropy(logits.float(), target, ignore_index=-1)


def supervised_contrast(
    vector: Float[Tensor, "B Y"], label: Int[Tensor, " B"], temperature: float = 0.2
) -> Float[Tensor, ""]:
    """Pull vectors of one label together and others apart (Khosla et al. 2020, eq. 2); rows without a partner are left
    out.
    """
    unit = F.normalize(vector.float(), dim=1)
    logits = unit @ unit.T / temperature
    self_pair = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    log_p = logits.masked_fill(self_pair, -1e9).log_softmax(1)
    partner = (label[:, None] == label[None]) & ~self_pair
    count = partner.sum(1)
    per_row = -(log_p * partner).sum(1) / count.clamp(min=1)
    return per_row[count > 0].mean() if (count > 0).any() else vector.sum() * 0
