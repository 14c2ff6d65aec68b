"""Small models of our own for tests: widths of at most 32, random weights in every layer."""

from __future__ import annotations

import torch
from torch import nn

from sovits_lab.conditioning.conv_gru import ConvGruReference
from sovits_lab.models.gpt.semantic import SemanticGpt
from sovits_lab.models.heads.spectral import HarmonicHead
from sovits_lab.models.sovits.acoustic import MelPosterior, SoVits
from sovits_lab.models.sovits.coupling import ConvCoupling
from sovits_lab.models.sovits.prior import TokenPhonePrior

CODES, PHONES, MELS, SPEAKER, STYLE, LATENT = 20, 9, 10, 6, 5, 8
HOP, RATE, N_FFT = 320, 16_000, 1024


def reference(mels: int = MELS) -> ConvGruReference:
    """A style encoder of width STYLE."""
    return ConvGruReference(mels, (8, 12), 3, 2, 12, STYLE)


def shaken(model: nn.Module, std: float = 0.15, seed: int = 0) -> nn.Module:
    """Add noise to all weights, also to those that start at zero, so that no part is idle; to eval mode."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * std)
    return model.eval()


def gpt(max_tokens: int = 60, phones: int = PHONES, mels: int = MELS) -> SemanticGpt:
    """Two layers."""
    torch.manual_seed(0)
    model = SemanticGpt(CODES, phones, reference(mels), SPEAKER, 16, 2, 2, 0.1, 1, 1, max_tokens)
    shaken(model)
    return model


def head(latent: int = LATENT) -> HarmonicHead:
    """The harmonic head at the rates of the configuration."""
    return HarmonicHead(latent, SPEAKER + STYLE, 16, 1, N_FFT, HOP, RATE)


def sovits(
    phones: int = PHONES, mels: int = MELS, waveform_head: nn.Module | None = None, utterance_pitch: bool = False
) -> SoVits:
    """All five slots."""
    torch.manual_seed(0)
    widths = SPEAKER + STYLE, STYLE, LATENT, 16
    model = SoVits(
        TokenPhonePrior(CODES, phones, *widths, (1, 1, 1, 1), 2, mels, utterance_pitch=utterance_pitch),
        MelPosterior(LATENT, SPEAKER + STYLE, mels, 16, 1),
        ConvCoupling(LATENT, 8, 1, SPEAKER + STYLE, 3),
        reference(mels),
        waveform_head or head(),
        SPEAKER,
    )
    shaken(model, 0.05)
    return model
