"""SoVITS as five slots: prior, posterior, flow, reference encoder, head."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.audio.baseline import FEWEST, extent
from sovits_lab.conditioning.conditions import EMOTION, SPEAKER, STYLE, Conditioner, Conditions, Site
from sovits_lab.conditioning.fusion import Fusion, PrefixSumFusion
from sovits_lab.conditioning.labels import LabelEmbedding, NoLabels
from sovits_lab.conditioning.reference import ReferenceEncoder
from sovits_lab.models.heads.contract import Prosody
from sovits_lab.models.sovits.prior import Prior
from sovits_lab.nn.convolution import ConvStack

MOST = 1.0  # nats by which a contour is stretched or raised at most


class Posterior(NamedTuple):
    """Gaussian over latents given the recording."""

    mean: Float[Tensor, "B C L"]
    log_std: Float[Tensor, "B C L"]


class MelPosterior(nn.Module):
    """Recording's log-mel -> posterior over latents.

    Args:
        latent: channels of the latents.
        condition_channels: width of what it is told.
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


class Heard(NamedTuple):
    """What each part is told: all of them who, and how where the site says so; the prosody must not know who."""

    prosody: Float[Tensor, "B Y"]
    latents: Float[Tensor, "B _"]
    flow: Float[Tensor, "B _"]
    head: Float[Tensor, "B _"]


class Trained(NamedTuple):
    """What the losses need of one training pass. `z_prior` is the posterior's sample after the flow."""

    prior: Prior
    posterior: Posterior
    z: Float[Tensor, "B C L"]
    z_prior: Float[Tensor, "B C L"]
    heard: Heard


class Planned(NamedTuple):
    """A synthesis before its waveform: latents for the head, the prosody relative to the speaker's as in `Prior`, and
    what the head is told."""

    z: Float[Tensor, "B C L"]
    pitch: Float[Tensor, "B L"]
    voiced: Float[Tensor, "B L"]
    energy: Float[Tensor, "B L"]
    extent: Float[Tensor, "B 2"]
    head: Float[Tensor, "B _"]

    def lasting(self, frames: int) -> Planned:
        """The same speech in so many frames: latents and contours are interpolated, so pitch and level stay."""
        if frames == self.z.shape[2]:
            return self
        contours = torch.stack([self.pitch, self.voiced, self.energy], dim=1)
        z, contours = (F.interpolate(x, size=frames, mode="linear") for x in (self.z, contours))
        pitch, voiced, energy = contours.unbind(1)
        return self._replace(z=z, pitch=pitch, voiced=voiced, energy=energy)

    def prosody(self, baseline: Float[Tensor, "B 4"]) -> Prosody:
        """For speakers with these fields of a `Baseline`; contours are stretched and raised to the planned extent."""
        base_f0, base_energy, spread, level = baseline[..., None].unbind(1)
        voiced, energy = self.voiced > 0, self.energy + base_energy
        asked = self.extent + torch.cat([spread.log(), level], dim=1)
        swing, gain = (asked - extent(self.pitch, energy, voiced)).clamp(-MOST, MOST)[..., None].unbind(1)
        enough = voiced.sum(1, keepdim=True) >= FEWEST
        mean = torch.where(voiced, self.pitch, 0.0).sum(1, keepdim=True) / voiced.sum(1, keepdim=True).clamp(min=1)
        pitch = torch.where(enough, mean + (self.pitch - mean) * swing.exp(), self.pitch)
        f0 = torch.where(voiced, base_f0 * pitch.exp(), 0.0)
        return Prosody(f0, torch.where(enough, energy + gain, energy))


class Spoken(NamedTuple):
    """A synthesis: waveform and the prosody that the head was given."""

    wav: Float[Tensor, "B T"]
    prosody: Prosody


class SoVits(nn.Module):
    """Tokens + phones + conditions -> waveform.

    Who and how are separate from end to end. F0 and energy enter the head explicitly: the prior predicts them relative
    to the speaker's own, and the caller may replace them by curves of its own.

    Args:
        prior, posterior, flow, head: built for the widths that `site` gives them.
        reference: mel of a style reference -> style vector.
        speaker_channels: width of the speaker vector.
        site: which parts hear the style, and how often conditions are dropped; None: all, never.
        labels: vectors of emotion labels; None for none.
    """

    def __init__(
        self,
        prior: nn.Module,
        posterior: nn.Module,
        flow: nn.Module,
        reference: ReferenceEncoder,
        head: nn.Module,
        speaker_channels: int,
        site: Site | None = None,
        labels: LabelEmbedding | NoLabels | None = None,
    ) -> None:
        super().__init__()
        self.prior, self.posterior, self.flow, self.reference, self.head = prior, posterior, flow, reference, head
        self.labels = labels = labels or NoLabels()
        widths = {SPEAKER: speaker_channels, STYLE: reference.out_channels, EMOTION: labels.out_channels}
        self.conditions = Conditioner(site or Site(), widths)

    def heard(self, conditions: Conditions) -> Heard:
        """What each part is told, as the site says."""
        told, filled = self.conditions, self.conditions(conditions)
        flow = told.vector("flow", filled)
        head = flow if told.names("head") == told.names("flow") else told.vector("head", filled)
        return Heard(told.manner("prosody", filled), told.vector("latents", filled), flow, head)

    def forward(
        self,
        mel: Float[Tensor, "B M L"],
        mask: Bool[Tensor, "B L"],
        tokens: Int[Tensor, "B S"],
        phones: Int[Tensor, "B P"],
        phone_mask: Bool[Tensor, "B P"],
        conditions: Conditions,
    ) -> Trained:
        """Both paths of a training step, before any waveform is made."""
        heard = self.heard(conditions)
        prior = self.prior(tokens, mask, phones, phone_mask, heard.latents, heard.prosody)
        posterior = self.posterior(mel, mask, heard.flow)
        z = posterior.mean + torch.randn_like(posterior.mean) * posterior.log_std.exp()
        z = z * mask[:, None]
        return Trained(prior, posterior, z, self.flow(z, mask, heard.flow), heard)

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
    ) -> Spoken:
        """Waveforms of a padded batch, silent past each end.

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
        noise: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> Planned:
        """All that is decided before the head; arguments as `speak`, chance from `generator` (None: the global one)."""
        heard = self.heard(conditions)
        prior = self.prior(tokens, mask, phones, phone_mask, heard.latents, heard.prosody)
        drawn = torch.empty_like(prior.mean).normal_(generator=generator)
        z = prior.mean + noise * drawn * prior.log_std.exp()
        z = self.flow(z * mask[:, None], mask, heard.flow, reverse=True)
        return Planned(z, prior.pitch, prior.voiced, prior.energy, prior.extent, heard.head)

    def render(
        self,
        planned: Planned,
        mask: Bool[Tensor, "B L"],
        prosody: Prosody,
        generator: torch.Generator | None = None,
    ) -> Spoken:
        """The waveform of a plan with this prosody; a head that makes noise takes it from `generator`."""
        prosody = Prosody(prosody.f0 * mask, prosody.energy)
        wav = self.head(planned.z, planned.head, prosody, generator)
        hop = wav.shape[1] // mask.shape[1]
        return Spoken(wav * mask.repeat_interleave(hop, dim=1), prosody)
