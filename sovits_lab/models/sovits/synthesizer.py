"""The upstream family's SoVITS: content projection and quantizer, reference, prior, posterior, flow, head.

v1, v2, v2Pro and v2ProPlus differ only in what fills the slots, see `conf/sovits/`.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sovits_lab.audio.upstream import SPEC_32K, log_mel_32k, spectrogram_32k
from sovits_lab.conditioning.conditions import SPEAKER, Conditions, StyleSites
from sovits_lab.conditioning.labels import LabelEmbedding, NoLabels
from sovits_lab.conditioning.reference import ReferenceEncoder
from sovits_lab.losses.divergence import flow_kl
from sovits_lab.models.adapters.sovits import NoSovitsAdapters, ReleasedConditions, SovitsAdapters
from sovits_lab.models.contracts import (
    AcousticLosses,
    Rendered,
    Slicing,
    SpokenBatch,
    Streamed,
)
from sovits_lab.models.heads.contract import Prosody
from sovits_lab.models.sovits.latent_plan import NOISE, LatentPlan, random_starts, slice_frames
from sovits_lab.models.sovits.prior_mrte import Gaussian, MrtePrior, cross_fade, stretch
from sovits_lab.models.sovits.reference import StyleReference
from sovits_lab.models.sovits.released_synthesizer import ReleasedSynthesizer
from sovits_lab.quantization.vector import VectorQuantizer


class VitsSynthesizer(ReleasedSynthesizer):
    """Semantic tokens + phones + reference -> waveform.

    The speaker is the voice vector that `reference` makes of a clip of the speaker. The style condition is
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
    # Explicit prosody and latents are one prior here.
    sites: ClassVar = {"prior": ("prosody", "latents"), "flow": ("flow",), "head": ("head",)}
    sample_rate: int | None = SPEC_32K.sample_rate
    speaks_from_clip, explicit_prosody = True, False
    prior: MrtePrior
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
        widths = {"prior": reference.text_channels, "flow": reference.channels, "head": reference.channels}
        self._open_style_slot(style_encoder, labels, style_sites, widths)
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

    def part_conditions(self, conditions: Conditions) -> ReleasedConditions:
        """Return the vector of each part."""
        filled = self.conditions(conditions)
        voice = filled[SPEAKER]
        vectors = self._styled({"prior": self.reference.text(voice), "flow": voice, "head": voice}, filled)
        return self.adapters.styled(ReleasedConditions(**vectors), filled)

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
        """Compute mel distance and divergence as published, under a speaker's and a style's condition.

        Content features, where the batch has them, are quantized here; else its tokens are taken. Where all rows are
        decoded from the prior, the recording is not encoded and `kl` is left out.

        Args:
            reconstruction: distance of waveforms; None is the L1 distance of 128 log-mels, as published.
        """
        mask, vectors = batch.mask, self.part_conditions(conditions)
        frames = self.frames(batch.content, batch.tokens, mask)
        prior = self.predict_prior(frames, mask, batch.phones, batch.phone_mask, vectors)
        count, decoded, losses = slicing.prior_rows(batch.step, len(mask)), [], {}
        if count:  # sampled as in synthesis, in the end: what is trained is what is spoken
            own = Gaussian(*(each[:count] for each in prior)).sample(NOISE * slicing.kl_rise(batch.step))
            decoded.append(self.flow(own, mask[:count], vectors.flow[:count], reverse=True))
        encoded = count < len(mask)
        spec = spectrogram_32k(batch.wav) if encoded or reconstruction is None else None
        if encoded:
            posterior = self.posterior(spec, mask, vectors.flow)
            z = posterior.sample()
            decoded.append(z[count:])
            kl = flow_kl(self.flow(z, mask, vectors.flow), posterior.log_std, prior.mean, prior.log_std, mask)
            losses["kl"] = slicing.kl_rise(batch.step) * kl * z.shape[1]
        size = min(slicing.size, int(mask.sum(1).min()))
        starts = random_starts(mask.sum(1), size)
        fake = self.head(slice_frames(torch.cat(decoded), starts, size), vectors.head)
        hop = batch.wav.shape[1] // mask.shape[1]
        real = slice_frames(batch.wav[:, None], starts * hop, size * hop)[:, 0]
        if reconstruction is None:
            assert spec is not None, "it was computed above for this distance"
            to_mel = log_mel_32k().to(spec.device)
            losses["mel"] = (slice_frames(to_mel.from_linear(spec), starts, size) - to_mel(fake)).abs().mean()
        else:
            losses["mel"] = reconstruction(real, fake)
        return AcousticLosses(losses, real, fake)

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
        vectors = self.part_conditions(conditions)
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
        vectors = self.part_conditions(conditions)
        mask = torch.ones_like(tokens, dtype=torch.bool).repeat_interleave(self.token_frames, dim=1)
        inputs = self.quantized(tokens), mask, phones, torch.ones_like(phones, dtype=torch.bool)
        frames = self.prior.encode(*inputs, vectors.prior, drop_last * self.token_frames)
        frames = self.adapters.behind(frames, vectors.how)
        begin = 0 if keep_last is None else max(0, frames.shape[2] - keep_last * self.token_frames)
        mask, frames = mask[:, begin : frames.shape[2]], frames[..., begin:]
        if overlap is not None:
            frames = cross_fade(frames, overlap)
        gaussian = self.prior.gaussian(*stretch(frames, mask, rate))
        planned = self._planned(gaussian, vectors, NOISE if noise is None else noise, generator)
        return Streamed(self.render(planned).wav, frames)
