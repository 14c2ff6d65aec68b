"""The upstream family's SoVITS: content projection and quantizer, reference, prior, posterior, flow, head.

v1, v2, v2Pro and v2ProPlus differ only in what fills the slots, see `conf/sovits/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sovits_lab.audio.upstream import SPEC_32K
from sovits_lab.conditioning.conditions import EMOTION, SPEAKER, STYLE, Conditioner, Conditions, StyleSites
from sovits_lab.conditioning.labels import LabelEmbedding, NoLabels
from sovits_lab.conditioning.reference import NoReference, ReferenceEncoder
from sovits_lab.models.adapters.sovits import NoSovitsAdapters, SovitsAdapters
from sovits_lab.models.contracts import (
    AcousticLosses,
    Rendered,
    Slicing,
    SpokenBatch,
    Streamed,
)
from sovits_lab.models.heads.contract import Prosody
from sovits_lab.models.sovits.latent_plan import NOISE, LatentPlan, ReleasedConditions, random_starts, slice_frames
from sovits_lab.models.sovits.prior_mrte import Gaussian, MrtePrior, cross_fade, stretch
from sovits_lab.models.sovits.published_losses import published_losses
from sovits_lab.models.sovits.reference import ReferenceVectors, StyleReference
from sovits_lab.models.sovits.released_synthesizer import ReleasedSynthesizer
from sovits_lab.nn.modulation import zero_linear
from sovits_lab.quantization.vector import VectorQuantizer

# Where the style is heard -> the parts of style_sites that ask for it: explicit prosody and latents are one prior here.
SITES = {"prior": ("prosody", "latents"), "flow": ("flow",), "head": ("head",)}


class TrainingPass(NamedTuple):
    """What the losses need. `starts` are the first frames of the decoded slices."""

    wav: Float[Tensor, "B T"]
    starts: Int[Tensor, " B"]
    prior: Gaussian
    posterior: Gaussian
    z: Float[Tensor, "B C L"]
    z_prior: Float[Tensor, "B C L"]


class VitsSynthesizer(ReleasedSynthesizer):
    """Semantic tokens + phones + reference -> waveform.

    The speaker is the voice vector that `reference` makes of a clip of the speaker. What is told of the style is
    projected and added to it, for each part that the style sites name. The projections start at zero, so a released
    model with them sounds exactly as without until they are trained. A model that is trained already takes adapters
    instead, see `SovitsAdapters`.

    Args:
        content: content `B C 2S` -> projected content `B C S` at the token rate.
        quantizer: vectors <-> tokens.
        reference, prior, posterior, flow, head: see the classes of `models/sovits` and `models/heads`.
        token_frames: latent frames for each token.
        style_encoder: encodes a style clip's mel; None hears no style.
        labels: vectors of emotion labels; None for none.
        style_sites: which parts hear the style, and how often conditions are dropped; None: all, never.
    """

    own_losses: ClassVar[tuple[str, ...]] = ("mel", "kl")
    sample_rate: int | None = SPEC_32K.sample_rate
    speaks_from_clip, explicit_prosody = True, False
    prior: MrtePrior
    style_encoder: ReferenceEncoder
    labels: LabelEmbedding | NoLabels
    conditions: Conditioner
    adapters: SovitsAdapters | NoSovitsAdapters

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
        style_encoder: ReferenceEncoder | None = None,
        labels: LabelEmbedding | NoLabels | None = None,
        style_sites: StyleSites | None = None,
    ) -> None:
        super().__init__()
        self.content, self.quantizer, self.reference = content, quantizer, reference
        self.prior, self.posterior, self.flow, self.head = prior, posterior, flow, head
        self.token_frames = token_frames
        self.style_encoder, self.labels = style_encoder or NoReference(), labels or NoLabels()
        heard = self.style_encoder.out_channels if self.style_encoder.hears else 0
        widths = {SPEAKER: reference.channels, STYLE: heard, EMOTION: self.labels.out_channels}
        self.conditions = Conditioner(style_sites or StyleSites(), widths)
        how = sum(self.conditions.widths.values()) - reference.channels
        out = {"prior": reference.text_channels, "flow": reference.channels, "head": reference.channels}
        self.styles = nn.ModuleDict({part: zero_linear(how, out[part]) for part in SITES if how and self._hears(part)})
        self.adapters = NoSovitsAdapters()

    @property
    def adapter_sizes(self) -> dict[str, int]:
        """Sizes that adapters must have."""
        reference, frames = self.reference, self.prior.project.in_channels
        return {
            "voice_channels": reference.channels,
            "text_channels": reference.text_channels,
            "frame_channels": frames,
        }

    def _hears(self, part: str) -> bool:
        return any(each in self.conditions.style_sites.parts for each in SITES[part])

    def told(self, conditions: Conditions) -> ReleasedConditions:
        """Return the vector of each part."""
        filled = self.conditions(conditions)
        return self._styled(filled[SPEAKER], filled)

    def _styled(self, voice: Tensor, filled: Mapping[str, Tensor]) -> ReleasedConditions:
        vectors = {"prior": self.reference.text(voice), "flow": voice, "head": voice}
        if self.styles:
            how = torch.cat([filled[name] for name in self.conditions.widths if name != SPEAKER], dim=1)
            vectors |= {part: vectors[part] + project(how) for part, project in self.styles.items()}
        return self.adapters.styled(ReleasedConditions(**vectors), filled)

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
        """Make one training pass as published: the utterance is its own reference, and a slice of it is decoded.

        Args:
            content: content features, as many frames as `spec`.
            segment: frames to decode.
            starts, noise: given, or drawn from `generator`.
        """
        voice, text = self.reference(spec * mask[:, None].to(spec.dtype), mask, speaker)
        frames = self.frames(content, None, mask)
        vectors = ReleasedConditions(text, voice, voice)
        prior, posterior, z = self.encode(frames, spec, mask, phones, phone_mask, vectors, noise, generator)
        if starts is None:
            starts = random_starts(mask.sum(1), segment, generator)
        wav = self.head(slice_frames(z, starts, segment), voice)
        return TrainingPass(wav, starts, prior, posterior, z, self.flow(z, mask, voice))

    def encode(
        self,
        frames: Tensor,
        spec: Tensor,
        mask: Tensor,
        phones: Tensor,
        phone_mask: Tensor,
        vectors: ReleasedConditions,
        noise: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[Gaussian, Gaussian, Tensor]:
        """Return the prior, the posterior, and latents of the posterior."""
        prior = self.predict_prior(frames, mask, phones, phone_mask, vectors)
        posterior = self.posterior(spec, mask, vectors.flow)
        return prior, posterior, posterior.sample(generator=generator, noise=noise)

    def predict_prior(
        self,
        frames: Tensor,
        mask: Tensor,
        phones: Tensor,
        phone_mask: Tensor,
        vectors: ReleasedConditions,
        rate: float = 1.0,
    ) -> Gaussian:
        """Return the Gaussian of these content frames' latents, with what adapters add; `rate` as in `plan`."""
        h = self.prior.encode(frames, mask, phones, phone_mask, vectors.prior)
        return self.prior.gaussian(*stretch(self.adapters.behind(h, vectors.how), mask, rate))

    def training_pass(
        self, batch: SpokenBatch, conditions: Conditions, slicing: Slicing, reconstruction: nn.Module | None
    ) -> AcousticLosses:
        """See `published_losses`."""
        return published_losses(self, batch, conditions, slicing, reconstruction)

    def plan(
        self,
        tokens: Int[Tensor, "B S"],
        mask: Bool[Tensor, "B L"],
        phones: Int[Tensor, "B P"],
        phone_mask: Bool[Tensor, "B P"],
        conditions: Conditions,
        noise: float | None = None,
        rate: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> LatentPlan:
        """Return the latents of these tokens, sampled from the prior."""
        vectors = self.told(conditions)
        gaussian = self.predict_prior(self.quantized(tokens), mask, phones, phone_mask, vectors, rate)
        return self._planned(gaussian, vectors, NOISE if noise is None else noise, generator)

    def _planned(
        self, gaussian: Gaussian, vectors: ReleasedConditions, noise: float, generator: torch.Generator | None
    ) -> LatentPlan:
        z = self.flow(gaussian.sample(noise, generator), gaussian.mask, vectors.flow, reverse=True)
        return LatentPlan(z, gaussian.mask, vectors.head)

    def render(
        self,
        planned: LatentPlan,
        mask: Bool[Tensor, "B L"] | None = None,
        prosody: Prosody | None = None,
        generator: torch.Generator | None = None,
    ) -> Rendered:
        """Return the waveform of a plan, silent past the end of each row; its pitch and level are its own."""
        mask = planned.mask if mask is None else mask
        wav = self.head(planned.z * mask[:, None].to(planned.z.dtype), planned.head)
        hop = wav.shape[1] // mask.shape[1]
        return Rendered(wav if mask.all() else wav * mask.repeat_interleave(hop, dim=1), None)

    @torch.no_grad()
    def stream(
        self,
        tokens: Int[Tensor, "B S"],
        phones: Int[Tensor, "B P"],
        conditions: Conditions,
        keep_last: int | None = None,
        drop_last: int = 0,
        overlap: Float[Tensor, "B D O"] | None = None,
        noise: float | None = None,
        rate: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Streamed:
        """Decode all tokens so far and return the newest; frames of the prior are cross-faded."""
        vectors = self.told(conditions)
        scale = NOISE if noise is None else noise
        return self._chunk(tokens, phones, vectors, drop_last, keep_last, overlap, scale, rate, generator)

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
        """Make waveforms; masks are only needed for padded batches, whose padding comes out near silence.

        Args:
            noise_scale: standard deviations of the prior to sample with.
            speed: above 1 is faster.
        """
        mask, phone_mask = self._masks(tokens, phones, token_mask, phone_mask)
        gaussian = self.prior(self.quantized(tokens), mask, phones, phone_mask, reference.text, speed)
        planned = self._planned(gaussian, _of_reference(reference), noise_scale, generator)
        wav: Tensor = self.head(planned.z * planned.mask[:, None].to(planned.z.dtype), planned.head)
        return wav

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
        vectors = _of_reference(reference)
        return self._chunk(tokens, phones, vectors, drop_last, keep_last, overlap, noise_scale, speed, generator)

    def _chunk(
        self,
        tokens: Tensor,
        phones: Tensor,
        vectors: ReleasedConditions,
        drop_last: int,
        keep_last: int | None,
        overlap: Tensor | None,
        noise_scale: float,
        speed: float,
        generator: torch.Generator | None,
    ) -> Streamed:
        mask, phone_mask = self._masks(tokens, phones, None, None)
        look_ahead = drop_last * self.token_frames
        frames = self.prior.encode(self.quantized(tokens), mask, phones, phone_mask, vectors.prior, look_ahead)
        frames = self.adapters.behind(frames, vectors.how)
        begin = 0 if keep_last is None else max(0, frames.shape[2] - keep_last * self.token_frames)
        mask = mask[:, begin : frames.shape[2]]
        frames = frames[..., begin:]
        if overlap is not None:
            frames = cross_fade(frames, overlap)
        gaussian = self.prior.gaussian(*stretch(frames, mask, speed))
        planned = self._planned(gaussian, vectors, noise_scale, generator)
        wav = self.head(planned.z * planned.mask[:, None].to(planned.z.dtype), planned.head)
        return Streamed(wav, frames)

    def _masks(
        self, tokens: Tensor, phones: Tensor, token_mask: Tensor | None, phone_mask: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        token_mask = torch.ones_like(tokens, dtype=torch.bool) if token_mask is None else token_mask
        phone_mask = torch.ones_like(phones, dtype=torch.bool) if phone_mask is None else phone_mask
        return token_mask.repeat_interleave(self.token_frames, dim=1), phone_mask


def _of_reference(reference: ReferenceVectors) -> ReleasedConditions:
    """A voice alone, whose style is its own."""
    return ReleasedConditions(reference.text, reference.voice, reference.voice)
