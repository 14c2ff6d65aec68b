"""What the released SoVITS learns from: mel distance of decoded slices, and the divergence of posterior and prior."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from sovits_lab.audio.upstream import log_mel_32k, spectrogram_32k
from sovits_lab.conditioning.conditions import Conditions
from sovits_lab.losses.divergence import flow_kl
from sovits_lab.models.contracts import AcousticLosses, Slicing, SpokenBatch
from sovits_lab.models.sovits.latent_plan import NOISE, random_starts, slice_frames
from sovits_lab.models.sovits.losses import kl_rise, prior_rows
from sovits_lab.models.sovits.prior_mrte import Gaussian

if TYPE_CHECKING:
    from sovits_lab.models.sovits.synthesizer import VitsSynthesizer


def published_losses(
    model: VitsSynthesizer,
    batch: SpokenBatch,
    conditions: Conditions,
    slicing: Slicing,
    reconstruction: nn.Module | None,
) -> AcousticLosses:
    """Compute mel distance and divergence as published, for a speaker and a style that are told. Where all rows are
    decoded from the prior, the recording is not encoded and `kl` is left out.

    Content features, where the batch has them, are quantized here; else its tokens are taken.

    Args:
        reconstruction: distance of waveforms; None is the L1 distance of 128 log-mels, as published.
    """
    mask, vectors = batch.mask, model.told(conditions)
    frames = model.frames(batch.content, batch.tokens, mask)
    prior = model.predict_prior(frames, mask, batch.phones, batch.phone_mask, vectors)
    count, decoded, losses = prior_rows(batch.step, len(mask), slicing), [], {}
    if count:  # sampled as in synthesis, in the end: what is trained is what is spoken
        own = Gaussian(*(each[:count] for each in prior)).sample(NOISE * kl_rise(batch.step, slicing))
        decoded.append(model.flow(own, mask[:count], vectors.flow[:count], reverse=True))
    encoded = count < len(mask)
    spec = spectrogram_32k(batch.wav) if encoded or reconstruction is None else None
    if encoded:
        posterior = model.posterior(spec, mask, vectors.flow)
        z = posterior.sample()
        decoded.append(z[count:])
        kl = flow_kl(model.flow(z, mask, vectors.flow), posterior.log_std, prior.mean, prior.log_std, mask)
        losses["kl"] = kl_rise(batch.step, slicing) * kl * z.shape[1]
    size = min(slicing.size, int(mask.sum(1).min()))
    starts = random_starts(mask.sum(1), size)
    fake = model.head(slice_frames(torch.cat(decoded), starts, size), vectors.head)
    hop = batch.wav.shape[1] // mask.shape[1]
    real = slice_frames(batch.wav[:, None], starts * hop, size * hop)[:, 0]
    if reconstruction is None:
        assert spec is not None, "it was computed above for this distance"
        to_mel = log_mel_32k().to(spec.device)
        losses["mel"] = (slice_frames(to_mel.from_linear(spec), starts, size) - to_mel(fake)).abs().mean()
    else:
        losses["mel"] = reconstruction(real, fake)
    return AcousticLosses(losses, real, fake)
