"""What every head is given besides latents and condition."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor


class Prosody(NamedTuple):
    """The explicit part of a waveform, per frame: F0 in Hz (0 = unvoiced), energy = log of the mean mel magnitude."""

    f0: Float[Tensor, "B L"]
    energy: Float[Tensor, "B L"]
