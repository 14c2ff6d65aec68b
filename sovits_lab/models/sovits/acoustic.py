"""SoVITS as five slots: prior, posterior, flow, reference encoder, head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.audio.baseline import FEWEST, extent, median_of
from sovits_lab.conditioning.conditions import EMOTION, SPEAKER, STYLE, Conditioner, Conditions, StyleSites
from sovits_lab.conditioning.fusion import Fusion, PrefixSumFusion
from sovits_lab.conditioning.labels import LabelEmbedding, NoLabels
from sovits_lab.conditioning.reference import ReferenceEncoder
from sovits_lab.models.contracts import (
    AcousticLosses,
    Build,
    DataSizes,
    Rendered,
    Slicing,
    SpokenBatch,
    filled,
)
from sovits_lab.models.heads.contract import Prosody
from sovits_lab.models.sovits.prior import Contours, TokenPhonePrior
from sovits_lab.models.sovits.variational import (
    PartConditions,
    Posterior,
    Recognised,
    VariationalPass,
    variational_losses,
)
from sovits_lab.nn.convolution import ConvStack

SLOT_OF = {STYLE: "reference", EMOTION: "labels"}  # condition -> slot that makes it
PART_OF = {"prior": "latents", "posterior": "flow", "flow": "flow", "head": "head"}  # slot -> part of style_sites
MOST = 1.0  # nats by which a contour is stretched or raised at most


class MelPosterior(nn.Module):
    """Recording's log-mel -> posterior over latents.

    Args:
        latent: channels of the latents.
        condition_channels: width of the condition.
        mels, channels, layers: of the stack.
        fusion: how the condition enters; None is `PrefixSumFusion`, whatever the configuration's default.
    """

    def __init__(
        self,
        latent: int,
        condition_channels: int,
        mels: int = 80,
        channels: int = 192,
        layers: int = 4,
        fusion: Fusion | None = None,
    ) -> None:
        super().__init__()
        block = (fusion or PrefixSumFusion()).block
        self.stack = ConvStack(
            mels, channels, 2 * latent, layers, condition_channels=condition_channels, modulate=block
        )

    def forward(
        self, mel: Float[Tensor, "B M L"], mask: Bool[Tensor, "B L"], condition: Float[Tensor, "B G"]
    ) -> Posterior:
        mean, log_std = self.stack(mel / 4 + 1, mask, condition).float().chunk(2, dim=1)
        return Posterior(mean, log_std.clamp(-6, 2))


class Planned(NamedTuple):
    """A synthesis before its waveform: latents for the head, the prosody relative to the speaker's as in `Prior`, and
    the head's condition."""

    z: Float[Tensor, "B C L"]
    pitch: Float[Tensor, "B L"]
    voiced: Float[Tensor, "B L"]
    energy: Float[Tensor, "B L"]
    extent: Float[Tensor, "B E"]
    head: Float[Tensor, "B _"]

    @property
    def frames(self) -> int:
        """Number of latent frames."""
        return self.z.shape[2]

    @property
    def contours(self) -> Contours:
        """The plan's prosody: pitch, voicing, energy, extent."""
        return Contours(self.pitch, self.voiced, self.energy, self.extent)

    def lasting(self, frames: int) -> Planned:
        """Return the same speech in so many frames: latents and contours are interpolated, so pitch and level stay."""
        if frames == self.z.shape[2]:
            return self
        contours = torch.stack([self.pitch, self.voiced, self.energy], dim=1)
        z, contours = (F.interpolate(x, size=frames, mode="linear") for x in (self.z, contours))
        pitch, voiced, energy = contours.unbind(1)
        return self._replace(z=z, pitch=pitch, voiced=voiced, energy=energy)

    def prosody(self, baseline: Float[Tensor, "B 4"]) -> Prosody:
        """Return the prosody for speakers with these fields of a `Baseline`, stretched and raised to the planned
        extent.
        """
        base_f0, base_energy, spread, level = baseline[..., None].unbind(1)
        voiced, energy = self.voiced > 0, self.energy + base_energy
        asked = self.extent[:, :2] + torch.cat([spread.log(), level], dim=1)
        swing, gain = (asked - extent(self.pitch, energy, voiced)).clamp(-MOST, MOST)[..., None].unbind(1)
        enough = voiced.sum(1, keepdim=True) >= FEWEST
        middle, wanted = self._middle(voiced)
        pitch = torch.where(enough, wanted + (self.pitch - middle) * swing.exp(), self.pitch)
        f0 = torch.where(voiced, base_f0 * pitch.exp(), 0.0)
        return Prosody(f0, torch.where(enough, energy + gain, energy))

    def _middle(self, voiced: Bool[Tensor, "B L"]) -> tuple[Float[Tensor, "B 1"], Float[Tensor, "B 1"]]:
        """The pitch about which the contour is stretched, and where that is to be."""
        if self.extent.shape[1] > 2:
            return median_of(self.pitch, voiced)[:, None], self.extent[:, 2:]
        mean = torch.where(voiced, self.pitch, 0.0).sum(1, keepdim=True) / voiced.sum(1, keepdim=True).clamp(min=1)
        return mean, mean


class SoVits(nn.Module):
    """Tokens + phones + conditions -> waveform.

    Who and how are separate from end to end. F0 and energy enter the head explicitly: the prior predicts them relative
    to the speaker's own, and the caller may replace them by curves of its own.

    Args:
        prior, posterior, flow, head: built for the widths that `style_sites` gives them.
        reference: mel of a style reference -> style vector.
        speaker_channels: width of the speaker vector.
        style_sites: which parts hear the style, and how often conditions are dropped; None: all, never.
        labels: vectors of emotion labels; None for none.
    """

    own_losses: ClassVar[tuple[str, ...]] = (
        "mel",
        "kl",
        "prior_mel",
        "pitch",
        "voicing",
        "energy",
        "utterance_prosody",
    )
    sample_rate: int | None = None
    speaks_from_clip, takes_vector, explicit_prosody = False, True, True
    labels: LabelEmbedding | NoLabels
    conditions: Conditioner

    def __init__(
        self,
        prior: TokenPhonePrior,
        posterior: nn.Module,
        flow: nn.Module,
        reference: ReferenceEncoder,
        head: nn.Module,
        speaker_channels: int,
        style_sites: StyleSites | None = None,
        labels: LabelEmbedding | NoLabels | None = None,
    ) -> None:
        super().__init__()
        self.prior, self.posterior, self.flow, self.reference, self.head = prior, posterior, flow, reference, head
        self.labels = labels = labels or NoLabels()
        widths = {SPEAKER: speaker_channels, STYLE: reference.out_channels, EMOTION: labels.out_channels}
        self.conditions = Conditioner(style_sites or StyleSites(), widths)

    @staticmethod
    def sized(node: Mapping[str, Any], sizes: DataSizes, build: Build) -> dict[str, Any]:
        """Return the model's node with what only the data know: vocabularies, labels, widths of conditions."""
        given_by_data = {"codes": sizes.codes, "phones": sizes.phones, "labels": list(sizes.emotions),
                         "speaker_channels": sizes.speaker}  # fmt: skip
        known = {name: filled(slot, given_by_data) for name, slot in node.items() if isinstance(slot, Mapping)}
        widths = {name: build(known[slot]).out_channels for name, slot in SLOT_OF.items() if slot in known}
        style_sites = build(known["style_sites"]) if "style_sites" in known else StyleSites()
        conditioner = Conditioner(style_sites, {SPEAKER: sizes.speaker, **widths})
        prosody = conditioner.channels("prosody") - sizes.speaker
        for slot, part in PART_OF.items():
            channels = {"condition_channels": conditioner.channels(part), "prosody_channels": prosody}
            known[slot] = filled(known[slot], channels)
        return {**node, **known, "speaker_channels": sizes.speaker}

    @property
    def style_encoder(self) -> ReferenceEncoder:
        """The reference encoder."""
        return self.reference

    def speaker(
        self, wav: Float[Tensor, "B T"] | None, mask: Bool[Tensor, "B L"] | None, vector: Float[Tensor, "B V"] | None
    ) -> Float[Tensor, "B V"]:
        """Return the speaker vector as it is, or raise a ValueError without one."""
        if vector is None:
            raise ValueError("speaker vector: got none, expected one for each row")
        return vector

    def training_pass(
        self, batch: SpokenBatch, conditions: Conditions, slicing: Slicing, reconstruction: nn.Module | None
    ) -> AcousticLosses:
        """Compute `variational_losses`; where every row is decoded from the prior, the recording is not encoded.

        Raises:
            ValueError: no reconstruction.
        """
        if reconstruction is None:
            raise ValueError("reconstruction: got none, expected a distance of waveforms")
        mixed = slicing.prior_rows(batch.step, len(batch.mel)) < len(batch.mel)
        out = self(batch.mel, batch.mask, batch.tokens, batch.phones, batch.phone_mask, conditions, mixed)
        return variational_losses(out, batch, slicing, self.flow, self.head, reconstruction)

    def part_conditions(self, conditions: Conditions) -> PartConditions:
        """Return the condition of each part, as the style sites say."""
        conditioner, filled = self.conditions, self.conditions(conditions)
        flow = conditioner.vector("flow", filled)
        head = flow if conditioner.names("head") == conditioner.names("flow") else conditioner.vector("head", filled)
        return PartConditions(conditioner.style("prosody", filled), conditioner.vector("latents", filled), flow, head)

    def forward(
        self,
        mel: Float[Tensor, "B M L"],
        mask: Bool[Tensor, "B L"],
        tokens: Int[Tensor, "B S"],
        phones: Int[Tensor, "B P"],
        phone_mask: Bool[Tensor, "B P"],
        conditions: Conditions,
        recognise: bool = True,
    ) -> VariationalPass:
        """Return both paths of a training step, before any waveform is made; that of the recording if `recognise`."""
        parts = self.part_conditions(conditions)
        prior = self.prior(tokens, mask, phones, phone_mask, parts.latents, parts.prosody)
        return VariationalPass(prior, self._recognised(mel, mask, parts) if recognise else None, parts)

    def _recognised(self, mel: Tensor, mask: Tensor, parts: PartConditions) -> Recognised:
        posterior = self.posterior(mel, mask, parts.flow)
        z = posterior.mean + torch.randn_like(posterior.mean) * posterior.log_std.exp()
        z = z * mask[:, None]
        return Recognised(posterior, z, self.flow(z, mask, parts.flow))

    def speak(
        self,
        tokens: Int[Tensor, "B S"],
        mask: Bool[Tensor, "B L"],
        phones: Int[Tensor, "B P"],
        phone_mask: Bool[Tensor, "B P"],
        conditions: Conditions,
        baseline: Float[Tensor, "B 4"],
        noise: float = 0.0,
        prosody: Prosody | None = None,
    ) -> Rendered:
        """Return the waveforms of a padded batch, silent past each end.

        Args:
            baseline: fields of each speaker's `Baseline`, to which predictions are relative.
            noise: standard deviations of the prior to sample with.
            prosody: curves to follow instead of the predicted ones.
        """
        planned = self.plan(tokens, mask, phones, phone_mask, conditions, noise)
        return self.render(planned, mask, prosody or planned.prosody(baseline))

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
    ) -> Planned:
        """Return all that is decided before the head; the prior's mean unless `noise` says otherwise."""
        parts = self.part_conditions(conditions)
        prior = self.prior(tokens, mask, phones, phone_mask, parts.latents, parts.prosody)
        drawn = torch.empty_like(prior.mean).normal_(generator=generator)
        z = prior.mean + (noise or 0.0) * drawn * prior.log_std.exp()
        z = self.flow(z * mask[:, None], mask, parts.flow, reverse=True)
        planned = Planned(z, prior.pitch, prior.voiced, prior.energy, prior.extent, parts.head)
        return planned if rate == 1.0 else planned.lasting(max(1, round(planned.frames / rate)))

    def contours(
        self,
        tokens: Int[Tensor, "B S"],
        mask: Bool[Tensor, "B L"],
        phones: Int[Tensor, "B P"],
        phone_mask: Bool[Tensor, "B P"],
        styles: Sequence[Conditions],
    ) -> list[Contours]:
        """Return the prosody that `plan` gives these tokens in each style; the words are encoded once."""
        h = self.prior.encode(tokens, mask, phones, phone_mask)
        return [self.prior.contours(h, mask, self.part_conditions(style).prosody) for style in styles]

    def render(
        self,
        planned: Planned,
        mask: Bool[Tensor, "B L"] | None,
        prosody: Prosody | None,
        generator: torch.Generator | None = None,
    ) -> Rendered:
        """Return the waveform of a plan with this prosody; a head that makes noise takes it from `generator`.

        Raises:
            ValueError: no prosody.
        """
        if prosody is None:
            raise ValueError("prosody: got none, expected F0 and energy of each frame")
        if mask is None:
            mask = torch.ones(prosody.f0.shape, dtype=torch.bool, device=prosody.f0.device)
        prosody = Prosody(prosody.f0 * mask, prosody.energy)
        wav = self.head(planned.z, planned.head, prosody, generator)
        hop = wav.shape[1] // mask.shape[1]
        return Rendered(wav * mask.repeat_interleave(hop, dim=1), prosody)
