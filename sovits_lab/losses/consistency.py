"""The same phone of the same sentence gives the same vectors, whoever speaks it and however."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from sovits_lab.losses.regulariser import Facts, Regulariser


class ParallelConsistency(Regulariser):
    """Share of the vectors' variance that lies within parallel renditions.

    Vectors belong together when they speak the same part of the same phone of the same sentence in other utterances.
    The loss is their mean squared distance from the mean of their group, divided by the variance of all those vectors:
    1 where groups say nothing, 0 where renditions agree, and blind to the scale of the vectors.

    Args:
        input: name of the vectors `B S D`.
        parts: equal parts in time that a phone is divided into.
    """

    def __init__(self, input: str, parts: int = 2) -> None:
        super().__init__(input)
        self.parts = parts

    def forward(self, facts: Facts) -> Float[Tensor, ""]:
        vectors, phone = facts[self.input].float(), facts["phone"]
        part = (facts["position"] * self.parts).long().clamp(max=self.parts - 1)
        sentence = facts["sentence"][:, None].expand_as(phone)
        real = facts["mask"] & (phone >= 0)
        utterance = torch.arange(len(phone), device=phone.device)[:, None].expand_as(phone)[real]
        cells = torch.stack([sentence, phone, part], -1)[real]
        x = vectors[real]
        if not len(x):
            return vectors.sum() * 0
        group = torch.unique(cells, dim=0, return_inverse=True)[1]
        lowest = torch.full_like(group, len(phone)).scatter_reduce(0, group, utterance, "amin")
        highest = torch.zeros_like(group).scatter_reduce(0, group, utterance, "amax")
        shared = (highest > lowest)[group]  # groups of at least two utterances
        if not shared.any():
            return vectors.sum() * 0
        x, group = x[shared], group[shared]
        count = torch.bincount(group, minlength=len(lowest)).clamp(min=1)[:, None]
        mean = x.new_zeros(len(lowest), x.shape[1]).index_add(0, group, x) / count
        within = (x - mean[group]).square().sum(1).mean()
        return within / (x - x.mean(0)).square().sum(1).mean().clamp(min=1e-6)
