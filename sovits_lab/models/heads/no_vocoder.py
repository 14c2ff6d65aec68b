"""The absence of a vocoder: models of mels that are only compared, trained or adapted."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from sovits_lab.types import InputError


class NoVocoder(nn.Module):
    """A head that refuses to speak."""

    uses_f0 = False
    samples_per_frame = context_frames = 0

    def forward(self, latents: Float[Tensor, "B C L"]) -> Float[Tensor, "B T"]:
        """Refuse, naming the option that brings a vocoder."""
        raise InputError("vocoder: got none, expected one in the bundle: convert takes vocoder=FILE")
