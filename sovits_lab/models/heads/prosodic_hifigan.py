"""HiFi-GAN behind the contract of our heads: it hears pitch and energy as channels beside the latents."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sovits_lab.models.heads.contract import Prosody
from sovits_lab.models.heads.hifigan import HifiGan
from sovits_lab.models.heads.spectral import hold_pitch

PROSODY_CHANNELS = 3


def prosody_channels(prosody: Prosody) -> Float[Tensor, "B 3 L"]:
    """Return log F0 about 150 Hz (held through pauses), voicing, and energy about -4 nats: each of about unit size."""
    pitch = (hold_pitch(prosody.f0) / 150.0).log().clamp(-3, 3)
    return torch.stack([pitch, (prosody.f0 > 0).to(pitch.dtype), (prosody.energy.float() + 4) / 4], dim=1)


class ProsodicHifiGan(nn.Module):
    """Latents, condition and prosody -> waveform, `prod(rates)` samples a frame.

    Slow on a CPU and made for adversarial training (`discriminator=`); by the mel distance alone it hums.

    Args:
        in_channels: width of the latents.
        condition_channels: width of the condition.
        hop: samples of a frame, which the rates must multiply to.
        channels, rates, kernels, resblock_kernels, resblock_dilations: of `HifiGan`.

    Raises:
        ValueError: the rates do not multiply to the hop, or a kernel cannot be centred on its stride.
    """

    uses_f0 = True

    def __init__(
        self,
        in_channels: int,
        condition_channels: int,
        hop: int = 320,
        channels: int = 256,
        rates: Sequence[int] = (8, 5, 4, 2),
        kernels: Sequence[int] = (16, 11, 8, 4),
        resblock_kernels: Sequence[int] = (3, 7, 11),
        resblock_dilations: Sequence[Sequence[int]] = ((1, 3, 5), (1, 3, 5), (1, 3, 5)),
    ) -> None:
        super().__init__()
        if math.prod(rates) != hop:
            raise ValueError(f"head rates: got {list(rates)}, expected numbers that multiply to the hop of {hop}")
        if any((kernel - rate) % 2 or kernel < rate for rate, kernel in zip(rates, kernels, strict=True)):
            raise ValueError(
                f"head kernels: got {list(kernels)}, expected each its rate {list(rates)} plus an even number"
            )
        self.generator = HifiGan(
            in_channels + PROSODY_CHANNELS,
            channels,
            rates,
            kernels,
            resblock_kernels,
            resblock_dilations,
            condition_channels,
        )

    def forward(
        self,
        z: Float[Tensor, "B C L"],
        condition: Float[Tensor, "B G"],
        prosody: Prosody,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "B T"]:
        return self.generator(torch.cat([z, prosody_channels(prosody).to(z.dtype)], dim=1), condition)
