"""What the released SoVITS decides before its head, and cuts of its frames."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

NOISE = 0.5  # standard deviations of the prior with which the family is used


class LatentPlan(NamedTuple):
    """A synthesis before its waveform: latents for the head, which frames are real, and the head's condition."""

    z: Float[Tensor, "B C L"]
    mask: Bool[Tensor, "B L"]
    head: Float[Tensor, "B G"]

    @property
    def frames(self) -> int:
        """Number of latent frames."""
        return self.z.shape[2]

    def lasting(self, frames: int) -> LatentPlan:
        """Return the same speech in so many frames, by interpolation; `plan(rate=...)` sounds better."""
        if frames == self.frames:
            return self
        mask = F.interpolate(self.mask[:, None].to(self.z.dtype), size=frames, mode="nearest")[:, 0] > 0
        return LatentPlan(F.interpolate(self.z, size=frames, mode="linear"), mask, self.head)

    def prosody(self, baseline: Float[Tensor, "B 4"]) -> None:
        """Return None: pitch and level are implicit in the latents."""


def slice_frames(x: Float[Tensor, "B C L"], starts: Int[Tensor, " B"], size: int) -> Float[Tensor, "B C _"]:
    """Cut `size` frames of every row from its own start."""
    index = starts[:, None] + torch.arange(size, device=x.device)
    return x.gather(2, index[:, None].expand(-1, x.shape[1], -1))


def random_starts(lengths: Int[Tensor, " B"], size: int, generator: torch.Generator | None = None) -> Int[Tensor, " B"]:
    """Return floor(u (length - size + 1)), u uniform in [0, 1); rows shorter than `size` start at 0."""
    u = torch.rand(len(lengths), device=lengths.device, generator=generator)
    return (u * (lengths - size + 1).clamp(min=1)).long()
