"""What v3 and v4 decide before the vocoder, the conditions of their parts, and the clip that they go on from."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F


class MatchedConditions(NamedTuple):
    """The global vector of each part; `field` modulates the velocity field, None where it hears no style."""

    prior: Float[Tensor, "B E"]
    network: Float[Tensor, "B G"]
    field: Float[Tensor, "B D"] | None


class SpokenClip(NamedTuple):
    """A clip of the speaker that the flow goes on from: 32 kHz samples, and what is said in it."""

    wav: Float[Tensor, " T"]
    tokens: Int[Tensor, " S"]
    phones: Int[Tensor, " P"]


class MelPlan(NamedTuple):
    """A synthesis before its waveform: the normalised mel, its real frames, and how many it has for one at 50 Hz."""

    mel: Float[Tensor, "B M N"]
    mask: Bool[Tensor, "B N"]
    upsampling: float

    @property
    def frames(self) -> int:
        """Number of frames at 50 Hz, the last one perhaps cut."""
        return round(self.mel.shape[2] / self.upsampling)

    def lasting(self, frames: int) -> MelPlan:
        """Return the same speech in so many frames, by interpolation; `plan(rate=...)` sounds better."""
        if frames == self.frames:
            return self
        size = max(1, int(frames * self.upsampling))
        mask = F.interpolate(self.mask[:, None].to(self.mel.dtype), size=size, mode="nearest")[:, 0] > 0
        return self._replace(mel=F.interpolate(self.mel, size=size, mode="linear"), mask=mask)

    def prosody(self, baseline: Float[Tensor, "B 4"]) -> None:
        """Return None: pitch and level are in the mel."""
