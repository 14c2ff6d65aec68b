"""The upstream family's SoVITS: content projection and quantizer, reference, prior, posterior, flow, head.

v1, v2, v2Pro and v2ProPlus differ only in what fills the slots, see `conf/sovits/`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sovits_lab.models.sovits.prior_mrte import Gaussian, MrtePrior, cross_fade, stretch
from sovits_lab.models.sovits.reference import ReferenceVectors, StyleReference
from sovits_lab.quantization.vector import VectorQuantizer


class TrainingPass(NamedTuple):
    """What the losses need. `starts` are the first frames of the decoded slices."""

    wav: Float[Tensor, "B T"]
    starts: Int[Tensor, " B"]
    prior: Gaussian
    posterior: Gaussian
    z: Float[Tensor, "B C L"]
    z_prior: Float[Tensor, "B C L"]


class Streamed(NamedTuple):
    """A decoded chunk and its frames before the projection, whose tail the next chunk cross-fades with."""

    wav: Float[Tensor, "B T"]
    frames: Float[Tensor, "B D L"]


def slice_frames(x: Float[Tensor, "B C L"], starts: Int[Tensor, " B"], size: int) -> Float[Tensor, "B C _"]:
    """`size` frames of every row from its own start."""
    index = starts[:, None] + torch.arange(size, device=x.device)
    return x.gather(2, index[:, None].expand(-1, x.shape[1], -1))


def random_starts(lengths: Int[Tensor, " B"], size: int, generator: torch.Generator | None = None) -> Int[Tensor, " B"]:
    """floor(u (length - size + 1)), u uniform in [0, 1); rows shorter than `size` start at 0."""
    u = torch.rand(len(lengths), device=lengths.device, generator=generator)
    return (u * (lengths - size + 1).clamp(min=1)).long()


class VitsSynthesizer(nn.Module):
    """Semantic tokens + phones + reference -> waveform.

    Args:
        content: content `B C 2S` -> projected content `B C S` at the token rate.
        quantizer: vectors <-> tokens.
        reference, prior, posterior, flow, head: see the classes of `models/sovits` and `models/heads`.
        token_frames: latent frames for each token.
    """

    content: nn.Module
    quantizer: VectorQuantizer
    reference: StyleReference
    prior: MrtePrior

    def __init__(
        self,
        content: nn.Module,
        quantizer: VectorQuantizer,
        reference: StyleReference,
        prior: MrtePrior,
        posterior: nn.Module,
        flow: nn.Module,
        head: nn.Module,
        token_frames: int = 2,
    ) -> None:
        super().__init__()
        self.content, self.quantizer, self.reference = content, quantizer, reference
        self.prior, self.posterior, self.flow, self.head = prior, posterior, flow, head
        self.token_frames = token_frames

    def tokens(self, content: Float[Tensor, "B C L"]) -> Int[Tensor, "B S"]:
        """Content features (50 Hz) -> semantic tokens (25 Hz)."""
        return self.quantizer(self.content(content).transpose(1, 2)).tokens

    def quantized(self, tokens: Int[Tensor, "B S"]) -> Float[Tensor, "B C L"]:
        """Tokens -> their vectors, each repeated for its frames."""
        return self.quantizer.vectors(tokens).transpose(1, 2).repeat_interleave(self.token_frames, dim=2)

    def forward(
        self,
        content: Float[Tensor, "B C L"],
        spec: Float[Tensor, "B F L"],
        mask: Bool[Tensor, "B L"],
        phones: Int[Tensor, "B P"],
        phone_mask: Bool[Tensor, "B P"],
        speaker: Float[Tensor, "B V"] | None = None,
        segment: int = 32,
        starts: Int[Tensor, " B"] | None = None,
        noise: Float[Tensor, "B D L"] | None = None,
        generator: torch.Generator | None = None,
    ) -> TrainingPass:
        """One training pass: the utterance is its own reference, and a slice of it is decoded.

        Args:
            content: content features, as many frames as `spec`.
            segment: frames to decode.
            starts, noise: given, or drawn from `generator`.
        """
        keep = mask[:, None].to(spec.dtype)
        voice, text = self.reference(spec * keep, mask, speaker)
        vectors = self.quantizer(self.content(content).transpose(1, 2)).vectors.transpose(1, 2)
        frames = vectors.repeat_interleave(self.token_frames, dim=2)[..., : mask.shape[1]]
        prior = self.prior(frames, mask, phones, phone_mask, text)
        posterior = self.posterior(spec, mask, voice)
        z = posterior.sample(generator=generator, noise=noise)
        if starts is None:
            starts = random_starts(mask.sum(1), segment, generator)
        wav = self.head(slice_frames(z, starts, segment), voice)
        return TrainingPass(wav, starts, prior, posterior, z, self.flow(z, mask, voice))

    def _waveform(
        self, gaussian: Gaussian, voice: Tensor, noise_scale: float, generator: torch.Generator | None
    ) -> Float[Tensor, "B T"]:
        z = gaussian.sample(noise_scale, generator)
        z = self.flow(z, gaussian.mask, voice, reverse=True)
        return self.head(z * gaussian.mask[:, None].to(z.dtype), voice)

    @torch.no_grad()
    def speak(
        self,
        tokens: Int[Tensor, "B S"],
        phones: Int[Tensor, "B P"],
        reference: ReferenceVectors,
        token_mask: Bool[Tensor, "B S"] | None = None,
        phone_mask: Bool[Tensor, "B P"] | None = None,
        noise_scale: float = 0.5,
        speed: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "B T"]:
        """Waveforms; masks are only needed for padded batches, whose padding comes out near silence.

        Args:
            noise_scale: standard deviations of the prior to sample with.
            speed: above 1 is faster.
        """
        mask, phone_mask = self._masks(tokens, phones, token_mask, phone_mask)
        gaussian = self.prior(self.quantized(tokens), mask, phones, phone_mask, reference.text, speed)
        return self._waveform(gaussian, reference.voice, noise_scale, generator)

    @torch.no_grad()
    def speak_chunk(
        self,
        tokens: Int[Tensor, "B S"],
        phones: Int[Tensor, "B P"],
        reference: ReferenceVectors,
        drop_last: int = 0,
        keep_last: int | None = None,
        overlap: Float[Tensor, "B D O"] | None = None,
        noise_scale: float = 0.5,
        speed: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Streamed:
        """Decode all tokens so far and return the newest frames.

        Args:
            drop_last: tokens of look-ahead whose frames are not returned.
            keep_last: tokens whose frames are returned, `None` for all.
            overlap: last frames of the chunk before, cross-faded into the first of this one.
        """
        mask, phone_mask = self._masks(tokens, phones, None, None)
        look_ahead = drop_last * self.token_frames
        frames = self.prior.encode(self.quantized(tokens), mask, phones, phone_mask, reference.text, look_ahead)
        begin = 0 if keep_last is None else max(0, frames.shape[2] - keep_last * self.token_frames)
        mask = mask[:, begin : frames.shape[2]]
        frames = frames[..., begin:]
        if overlap is not None:
            frames = cross_fade(frames, overlap)
        gaussian = self.prior.gaussian(*stretch(frames, mask, speed))
        return Streamed(self._waveform(gaussian, reference.voice, noise_scale, generator), frames)

    def _masks(
        self, tokens: Tensor, phones: Tensor, token_mask: Tensor | None, phone_mask: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        token_mask = torch.ones_like(tokens, dtype=torch.bool) if token_mask is None else token_mask
        phone_mask = torch.ones_like(phones, dtype=torch.bool) if phone_mask is None else phone_mask
        return token_mask.repeat_interleave(self.token_frames, dim=1), phone_mask
