"""SoVITS as five slots: prior, posterior, flow, reference encoder, head."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sovits_lab.conditioning.reference import ReferenceEncoder
from sovits_lab.models.heads.contract import Prosody
from sovits_lab.models.sovits.prior import Prior
from sovits_lab.nn.convolution import ConvStack


class Posterior(NamedTuple):
    """Gaussian over latents given the recording."""

    mean: Float[Tensor, "B C L"]
    log_std: Float[Tensor, "B C L"]


class MelPosterior(nn.Module):
    """Recording's log-mel -> posterior over latents.

    Args:
        latent: channels of the latents.
        condition_channels: width of speaker + style.
        mels, channels, layers: of the stack.
    """

    def __init__(
        self, latent: int, condition_channels: int, mels: int = 80, channels: int = 192, layers: int = 4
    ) -> None:
        super().__init__()
        self.stack = ConvStack(mels, channels, 2 * latent, layers, condition_channels=condition_channels)

    def forward(
        self, mel: Float[Tensor, "B M L"], mask: Bool[Tensor, "B L"], condition: Float[Tensor, "B G"]
    ) -> Posterior:
        mean, log_std = self.stack(mel / 4 + 1, mask, condition).float().chunk(2, dim=1)
        return Posterior(mean, log_std.clamp(-6, 2))


class Trained(NamedTuple):
    """What the losses need of one training pass. `z_prior` is the posterior's sample after the flow."""

    prior: Prior
    posterior: Posterior
    z: Float[Tensor, "B C L"]
    z_prior: Float[Tensor, "B C L"]
    style: Float[Tensor, "B Y"]
    condition: Float[Tensor, "B G"]


class Spoken(NamedTuple):
    """A synthesis: waveform and the prosody that the head was given."""

    wav: Float[Tensor, "B T"]
    prosody: Prosody


class SoVits(nn.Module):
    """Tokens + phones + speaker + style -> waveform.

    `speaker` (who) and `style` (how) are separate inputs from end to end. F0 and energy enter the head explicitly: the
    prior predicts them relative to the speaker's means, and the caller may replace them by curves of its own.
    """

    def __init__(
        self, prior: nn.Module, posterior: nn.Module, flow: nn.Module, reference: ReferenceEncoder, head: nn.Module
    ) -> None:
        super().__init__()
        self.prior, self.posterior, self.flow, self.reference, self.head = prior, posterior, flow, reference, head

    def forward(
        self,
        mel: Float[Tensor, "B M L"],
        mask: Bool[Tensor, "B L"],
        tokens: Int[Tensor, "B S"],
        phones: Int[Tensor, "B P"],
        phone_mask: Bool[Tensor, "B P"],
        speaker: Float[Tensor, "B G"],
        style: Float[Tensor, "B Y"],
    ) -> Trained:
        """Both paths of a training step, before any waveform is made."""
        condition = torch.cat([speaker, style], dim=1)
        prior = self.prior(tokens, mask, phones, phone_mask, speaker, style)
        posterior = self.posterior(mel, mask, condition)
        z = posterior.mean + torch.randn_like(posterior.mean) * posterior.log_std.exp()
        z = z * mask[:, None]
        return Trained(prior, posterior, z, self.flow(z, mask, condition), style, condition)

    def speak(
        self,
        tokens: Int[Tensor, "B S"],
        mask: Bool[Tensor, "B L"],
        phones: Int[Tensor, "B P"],
        phone_mask: Bool[Tensor, "B P"],
        speaker: Float[Tensor, "B G"],
        style: Float[Tensor, "B Y"],
        base_f0: Float[Tensor, " B"],
        base_energy: Float[Tensor, " B"],
        noise: float = 0.0,
        prosody: Prosody | None = None,
    ) -> Spoken:
        """Waveforms of a padded batch, silent past each end.

        Args:
            base_f0, base_energy: means of each speaker's neutral voiced speech, Hz and nats; predictions are relative.
            noise: standard deviations of the prior to sample with.
            prosody: curves to follow instead of the predicted ones.
        """
        condition = torch.cat([speaker, style], dim=1)
        prior = self.prior(tokens, mask, phones, phone_mask, speaker, style)
        z = prior.mean + noise * torch.randn_like(prior.mean) * prior.log_std.exp()
        z = self.flow(z * mask[:, None], mask, condition, reverse=True)
        if prosody is None:
            f0 = torch.where(prior.voiced > 0, base_f0[:, None] * prior.pitch.exp(), 0.0)
            prosody = Prosody(f0, prior.energy + base_energy[:, None])
        prosody = Prosody(prosody.f0 * mask, prosody.energy)
        wav = self.head(z, condition, prosody)
        hop = wav.shape[1] // mask.shape[1]
        return Spoken(wav * mask.repeat_interleave(hop, dim=1), prosody)
