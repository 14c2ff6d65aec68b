"""The prior: tokens and phones -> what the latents should be, and an explicit prosody."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.conditioning.fusion import Fusion, PrefixSumFusion
from sovits_lab.nn.convolution import ChannelNorm, ConvStack
from sovits_lab.nn.modulation import zero_linear


class Prior(NamedTuple):
    """Gaussian over latents at 50 Hz, the prosody and a rough mel.

    `pitch` is log F0 relative to the speaker's own mean (nats), `voiced` its voicing logit, `energy` the log energy
    relative to the speaker's mean in voiced frames (nats), `mel` a direct prediction of the log-mel that only training
    uses: it gives every frame a gradient, not just the decoded slice. `extent` is that of the whole utterance (see
    `sovits_lab.audio.baseline.extent`) relative to the speaker's own, and where `utterance_pitch` is on the median of
    `pitch`.
    """

    mean: Float[Tensor, "B C L"]
    log_std: Float[Tensor, "B C L"]
    pitch: Float[Tensor, "B L"]
    voiced: Float[Tensor, "B L"]
    energy: Float[Tensor, "B L"]
    mel: Float[Tensor, "B M L"]
    extent: Float[Tensor, "B E"]


class Contours(NamedTuple):
    """The prosody of a `Prior` alone."""

    pitch: Float[Tensor, "B L"]
    voiced: Float[Tensor, "B L"]
    energy: Float[Tensor, "B L"]
    extent: Float[Tensor, "B E"]

    def towards(self, other: Contours, strength: float) -> Contours:
        """Return `self + strength (other - self)`."""
        return Contours(*(torch.lerp(a, b, strength) for a, b in zip(self, other, strict=True)))


def progress_features(mask: Bool[Tensor, "B L"], channels: int) -> Float[Tensor, "B L D"]:
    """Return sines of how far through its sequence each position is: a sentence's tokens and phones line up on it."""
    lengths = mask.sum(1, keepdim=True).clamp(min=1)
    place = (torch.arange(mask.shape[1], device=mask.device)[None] + 0.5) / lengths
    rates = math.pi * 2.0 ** torch.linspace(0, 6, channels // 2, device=mask.device)
    angle = place[..., None] * rates
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


class PhoneAttention(nn.Module):
    """Frames look up phones: cross-attention with relative-progress positions on both sides."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        if heads < 1 or channels % heads:
            raise ValueError(f"heads: got {heads}, expected a divisor of {channels}")
        self.heads = heads
        self.norm = ChannelNorm(channels)
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.out = nn.Linear(channels, channels)

    def forward(
        self,
        x: Float[Tensor, "B C L"],
        mask: Bool[Tensor, "B L"],
        phones: Float[Tensor, "B C P"],
        phone_mask: Bool[Tensor, "B P"],
    ) -> Float[Tensor, "B C L"]:
        width = x.shape[1]
        q = self.query(self.norm(x).transpose(1, 2) + progress_features(mask, width))
        k, v = self.key_value(phones.transpose(1, 2) + progress_features(phone_mask, width)).chunk(2, dim=-1)
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (q, k, v))
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=phone_mask[:, None, None])
        return x + self.out(seen.transpose(1, 2).flatten(2)).transpose(1, 2) * mask[:, None]


class StyleExtent(nn.Module):
    """A style -> how far the pitch of an utterance swings and how loud it is, relative to the speaker's own (`extent`).

    It starts at the speaker's own, and without a style it is the same for all that is said.

    Args:
        style_channels: width of the style; 0 for none.
        hidden: width of the layer between.
        values: E, how much is said of an utterance.
    """

    def __init__(self, style_channels: int, hidden: int = 32, values: int = 2) -> None:
        super().__init__()
        self.usual = nn.Parameter(torch.zeros(values))
        self.change = (
            nn.Sequential(nn.Linear(style_channels, hidden), nn.SiLU(), zero_linear(hidden, values))
            if style_channels
            else None
        )

    def forward(self, style: Float[Tensor, "B Y"]) -> Float[Tensor, "B E"]:
        usual = self.usual.expand(len(style), -1)
        return usual if self.change is None else usual + self.change(style)


class TokenPhonePrior(nn.Module):
    """Tokens (25 Hz) doubled to 50 Hz, phones by cross-attention, then two branches.

    The prosody branch (pitch, voicing, energy) sees the style but not the speaker, so a style moves every voice by the
    same semitones and decibels: this is what carries sadness to a speaker who was never sad in training. The latent
    branch takes the speaker, and the style where the style sites say so.

    Args:
        codes, phones: vocabulary sizes K and of the symbol table.
        condition_channels: width of the latent branch's condition.
        prosody_channels: width of the prosody branch's style condition; 0 where it takes none.
        latent: channels of the latents.
        channels: width of the stacks.
        layers: blocks of (phones, shared trunk, latent branch, prosody branch).
        heads: of the cross-attention.
        mels: bins of the rough mel.
        fusion: how conditions enter; None is `PrefixSumFusion`, whatever the configuration's default.
        utterance_pitch: predict also the median pitch of the whole utterance, from the style alone, and bring the
            contour to it. A contour that is learned from few utterances leans to the usual pitch.
    """

    def __init__(
        self,
        codes: int,
        phones: int,
        condition_channels: int,
        prosody_channels: int,
        latent: int = 64,
        channels: int = 192,
        layers: tuple[int, int, int, int] = (2, 3, 3, 2),
        heads: int = 4,
        mels: int = 80,
        fusion: Fusion | None = None,
        utterance_pitch: bool = False,
    ) -> None:
        super().__init__()
        block = (fusion or PrefixSumFusion()).block
        self.tokens = nn.Embedding(codes, channels)
        self.phones = nn.Embedding(phones, channels)
        self.phone_stack = ConvStack(channels, channels, layers=layers[0])
        self.attention = PhoneAttention(channels, heads)
        self.trunk = ConvStack(channels, channels, layers=layers[1])
        self.latent_stack = ConvStack(
            channels, channels, 2 * latent, layers[2], condition_channels=condition_channels, modulate=block
        )
        self.mel = nn.Conv1d(2 * latent, mels, 1)
        self.prosody_stack = ConvStack(
            channels, channels, 3, layers[3], condition_channels=prosody_channels, modulate=block
        )
        self.extent = StyleExtent(prosody_channels)
        self.utterance_pitch = StyleExtent(prosody_channels, values=1) if utterance_pitch else None

    def forward(
        self,
        tokens: Int[Tensor, "B S"],
        mask: Bool[Tensor, "B L"],
        phones: Int[Tensor, "B P"],
        phone_mask: Bool[Tensor, "B P"],
        condition: Float[Tensor, "B G"],
        style: Float[Tensor, "B Y"],
    ) -> Prior:
        h = self.encode(tokens, mask, phones, phone_mask)
        latent = self.latent_stack(h, mask, condition)
        mean, log_std = latent.float().chunk(2, dim=1)
        contours = self.contours(h, mask, style)
        mel = self.mel(latent).float()
        return Prior(mean, log_std.clamp(-6, 2), contours.pitch, contours.voiced, contours.energy, mel, contours.extent)

    def encode(
        self,
        tokens: Int[Tensor, "B S"],
        mask: Bool[Tensor, "B L"],
        phones: Int[Tensor, "B P"],
        phone_mask: Bool[Tensor, "B P"],
    ) -> Float[Tensor, "B C L"]:
        """Return what both branches hear: frames of the words, without a speaker or a style."""
        keep = mask[:, None]
        text = self.phone_stack(self.phones(phones).transpose(1, 2), phone_mask)
        frames = self.tokens(tokens).transpose(1, 2).repeat_interleave(2, dim=2)[..., : mask.shape[1]] * keep
        return self.trunk(self.attention(frames, mask, text, phone_mask), mask)

    def contours(self, h: Float[Tensor, "B C L"], mask: Bool[Tensor, "B L"], style: Float[Tensor, "B Y"]) -> Contours:
        """Return the prosody of encoded frames in a style."""
        pitch, voiced, energy = self.prosody_stack(h, mask, style).float().unbind(dim=1)
        whole = [self.extent] if self.utterance_pitch is None else [self.extent, self.utterance_pitch]
        return Contours(pitch, voiced, energy, torch.cat([part(style).float() for part in whole], dim=1))
