"""What the released SoVITS learns from: mel distance of decoded slices, and the divergence of posterior and prior."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from sovits_lab.audio.upstream import log_mel_32k, spectrogram_32k
from sovits_lab.conditioning.conditions import Conditions
from sovits_lab.losses.divergence import flow_kl
from sovits_lab.models.contracts import AcousticLosses, Slicing, SpokenBatch
from sovits_lab.models.sovits.latent_plan import random_starts, slice_frames
from sovits_lab.models.sovits.losses import kl_rise, prior_rows

if TYPE_CHECKING:
    from sovits_lab.models.sovits.synthesizer import VitsSynthesizer


def published_losses(
    model: VitsSynthesizer,
    batch: SpokenBatch,
    conditions: Conditions,
    slicing: Slicing,
    reconstruction: nn.Module | None,
) -> AcousticLosses:
    """Compute mel distance and divergence as published, for a speaker and a style that are told.

    Content features, where the batch has them, are quantized here; else its tokens are taken.

    Args:
        reconstruction: distance of waveforms; None is the L1 distance of 128 log-mels, as published.
    """
    spec = spectrogram_32k(batch.wav)
    mask, vectors = batch.mask, model.told(conditions)
    frames = model.frames(batch.content, batch.tokens, mask)
    prior, posterior, z = model.encode(frames, spec, mask, batch.phones, batch.phone_mask, vectors)
    size = min(slicing.size, int(mask.sum(1).min()))
    starts = random_starts(mask.sum(1), size)
    decoded = z
    if count := prior_rows(batch.step, len(z), slicing):
        own = prior.mean[:count] * mask[:count, None]
        own = model.flow(own, mask[:count], vectors.flow[:count], reverse=True)
        decoded = torch.cat([own, z[count:]])
    fake = model.head(slice_frames(decoded, starts, size), vectors.head)
    hop = batch.wav.shape[1] // spec.shape[2]
    real = slice_frames(batch.wav[:, None], starts * hop, size * hop)[:, 0]
    if reconstruction is None:
        to_mel = log_mel_32k().to(spec.device)
        distance = (slice_frames(to_mel.from_linear(spec), starts, size) - to_mel(fake)).abs().mean()
    else:
        distance = reconstruction(real, fake)
    z_prior = model.flow(z, mask, vectors.flow)
    kl = flow_kl(z_prior, posterior.log_std, prior.mean, prior.log_std, mask) * z.shape[1]
    return AcousticLosses({"mel": distance, "kl": kl_rise(batch.step, slicing) * kl}, real, fake)
