"""What a training pass of our SoVITS returns, and what is learnt from it: the variational bound, explicit prosody, and
slices decoded from posterior and prior."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.audio.baseline import FEWEST, extent, median_of
from sovits_lab.losses.divergence import flow_kl
from sovits_lab.models.contracts import AcousticLosses, Slicing, SpokenBatch
from sovits_lab.models.heads.contract import Prosody
from sovits_lab.models.sovits.prior import Prior
from sovits_lab.nn.masks import masked_average


class Posterior(NamedTuple):
    """Gaussian over latents given the recording."""

    mean: Float[Tensor, "B C L"]
    log_std: Float[Tensor, "B C L"]


class PartConditions(NamedTuple):
    """Condition of each part: all but the prosody take the speaker, those in `style_sites.parts` the style."""

    prosody: Float[Tensor, "B Y"]
    latents: Float[Tensor, "B _"]
    flow: Float[Tensor, "B _"]
    head: Float[Tensor, "B _"]


class Recognised(NamedTuple):
    """Latents of the recording: the posterior, a sample of it, and that sample after the flow."""

    posterior: Posterior
    z: Float[Tensor, "B C L"]
    z_prior: Float[Tensor, "B C L"]


class VariationalPass(NamedTuple):
    """What the losses need of one training pass; `recognised` is None where nothing is decoded from the recording."""

    prior: Prior
    recognised: Recognised | None
    parts: PartConditions


class Slices(NamedTuple):
    """Equal-length cuts of a batch for the head: the real waveform and the made one."""

    real: Tensor
    fake: Tensor


def mel_energy(mel: Float[Tensor, "B M L"]) -> Float[Tensor, "B L"]:
    """Return the log of the mean mel magnitude per frame; as `sovits_lab.audio.energy.mel_energy`."""
    return mel.float().exp().mean(1).log()


def variational_losses(
    out: VariationalPass,
    batch: SpokenBatch,
    slicing: Slicing,
    flow: nn.Module,
    head: nn.Module,
    reconstruction: nn.Module,
) -> AcousticLosses:
    """Compute VITS' variational loss and the explicit prosody; a share of the batch is decoded from the prior, so that
    what is sampled sounds at once. Where that is all of it, `kl` is left out.
    """
    slices = _slices(out, batch, slicing, flow, head)
    voiced = (batch.f0 > 0) & batch.mask
    base_f0, base_energy, spread, level = batch.baseline[..., None].unbind(1)
    true_pitch = torch.where(voiced, (batch.f0.clamp(min=1) / base_f0).log(), 0.0)
    energy = mel_energy(batch.mel)
    wide = extent(true_pitch, energy, voiced) - torch.cat([spread.log(), level], dim=1)
    whole = torch.cat([wide, median_of(true_pitch, voiced)[:, None]], dim=1)[:, : out.prior.extent.shape[1]]
    known = voiced.sum(1) >= FEWEST
    voicing = F.binary_cross_entropy_with_logits(out.prior.voiced, voiced.float(), reduction="none")
    # An octave error of the tracker is no swing: the extent is compared robustly.
    extents = F.huber_loss(out.prior.extent, whole, reduction="none", delta=0.5)
    losses = {
        "mel": reconstruction(slices.real, slices.fake),
        "prior_mel": masked_average((out.prior.mel - batch.mel).abs().mean(1), batch.mask),
        "pitch": masked_average((out.prior.pitch - true_pitch).abs(), voiced),
        "voicing": masked_average(voicing, batch.mask),
        "energy": masked_average((out.prior.energy + base_energy - energy).abs(), batch.mask),
        "utterance_prosody": masked_average(extents, known[:, None].expand_as(extents)),
    }
    if out.recognised is not None:
        posterior, _, z_prior = out.recognised
        kl = flow_kl(z_prior, posterior.log_std, out.prior.mean, out.prior.log_std, batch.mask)
        losses["kl"] = slicing.kl_rise(batch.step) * kl
    return AcousticLosses(losses, slices.real, slices.fake)


def slice_starts(step: int, lengths: Int[Tensor, " B"], slicing: Slicing) -> tuple[Int[Tensor, " B"], int]:
    """Return the first frames of the decoded slices, drawn from seed and step, and their common size."""
    draw = torch.Generator().manual_seed(slicing.seed * 1_000_003 + step)
    size = min(slicing.size, int(lengths.min()))
    return (torch.rand(len(lengths), generator=draw) * (lengths.cpu() - size + 1)).long().to(lengths.device), size


def _slices(out: VariationalPass, batch: SpokenBatch, slicing: Slicing, flow: nn.Module, head: nn.Module) -> Slices:
    """Cut frames from each utterance, from the prior for some rows and from the posterior for the rest."""
    starts, size = slice_starts(batch.step, batch.mask.sum(1), slicing)
    parts = []
    if count := slicing.prior_rows(batch.step, len(batch.mel)):
        means = out.prior.mean[:count] * batch.mask[:count, None]
        parts.append(flow(means, batch.mask[:count], out.parts.flow[:count], reverse=True))
    if out.recognised is not None:
        parts.append(out.recognised.z[count:])
    z = torch.cat(parts)
    frames = starts[:, None] + torch.arange(size, device=starts.device)
    hop = batch.wav.shape[1] // batch.mask.shape[1]
    samples = starts[:, None] * hop + torch.arange(size * hop, device=starts.device)
    cut = z.gather(2, frames[:, None].expand(-1, z.shape[1], -1))
    prosody = Prosody(batch.f0.gather(1, frames), mel_energy(batch.mel).gather(1, frames))
    fake = head(cut, out.parts.head, prosody)
    return Slices(batch.wav.gather(1, samples), fake)
