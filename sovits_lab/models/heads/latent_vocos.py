"""A light head for the released family: one inverse STFT in place of HiFi-GAN's stages of transposed convolutions."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sovits_lab.models.heads.contract import Prosody
from sovits_lab.models.heads.spectral import FrameEdges, InverseStft, spectrum_of
from sovits_lab.nn.convolution import ConvStack
from sovits_lab.types import got

LOUDEST = 6.0  # log of the largest magnitude of a bin


class LatentVocos(nn.Module):
    """Latent frames -> waveform, with the contract of `HifiGan`: magnitude and phase of each STFT frame are predicted
    freely (Siuzdak 2023, section 3).

    HiFi-GAN computes most of its products at thousands of steps a second; this head computes all of them at a few STFT
    frames for each latent frame. It is made to learn from a trained head, see `TeachHead`.

    Args:
        in_channels: width C of the latent.
        channels, layers: of the residual blocks.
        condition_channels: width G of the condition, 0 for none.
        samples_per_frame: samples T/L of a latent frame.
        steps: STFT frames for each latent frame; divides `samples_per_frame`.
        overlap: STFT windows that a sample lies in; at least 2.

    Raises:
        InputError: steps or overlap that make no STFT.
    """

    uses_f0 = False

    def __init__(
        self,
        in_channels: int = 192,
        channels: int = 384,
        layers: int = 6,
        condition_channels: int = 0,
        samples_per_frame: int = 640,
        steps: int = 2,
        overlap: int = 4,
    ) -> None:
        super().__init__()
        if steps < 1 or samples_per_frame % steps:
            raise got("head steps", steps, f"a divisor of {samples_per_frame} samples a frame")
        if overlap < 2:
            raise got("head overlap", overlap, "at least 2 windows over each sample")
        self.samples_per_frame = samples_per_frame
        hop = samples_per_frame // steps
        self.pre = nn.Conv1d(in_channels, channels, 7, padding=3)
        self.upsample = nn.ConvTranspose1d(channels, channels, 3 * steps, steps, padding=steps)
        self.stack = ConvStack(channels, channels, layers=layers, condition_channels=condition_channels)
        self.spectrum = FrameEdges(channels, 2 * (overlap * hop // 2 + 1))
        self.stft = InverseStft(overlap * hop, hop)

    def forward(
        self,
        latents: Float[Tensor, "B C L"],
        condition: Float[Tensor, "B G"] | None = None,
        prosody: Prosody | None = None,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "B T"]:
        """Return the waveform.

        Args:
            latents: zero where padded.
            condition: global vector; required where the head was built with `condition_channels`.
            prosody, generator: part of every head's contract, unused here: pitch and level are implicit in the latents,
                and no noise is made.
        """
        x = self.upsample(self.pre(latents))
        every = torch.ones(x.shape[0], x.shape[2], dtype=torch.bool, device=x.device)
        magnitude, phase = self.spectrum(self.stack(x, every, condition)).float().chunk(2, dim=1)
        spectrum = spectrum_of(magnitude.clamp(max=LOUDEST), phase)
        return self.stft(spectrum, latents.shape[2] * self.samples_per_frame)
