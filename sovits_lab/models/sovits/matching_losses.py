"""What v3 and v4 learn from: the velocity of the mel, for a speaker and a style that are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sovits_lab.audio.torch_resample import resampled
from sovits_lab.audio.upstream import SPEC_32K, normalised
from sovits_lab.conditioning.conditions import Conditions
from sovits_lab.models.contracts import AcousticLosses, Slicing, SpokenBatch
from sovits_lab.models.sovits.flow_matching import FlowDraws, flow_loss
from sovits_lab.models.sovits.mel_plan import first_frames

if TYPE_CHECKING:
    from sovits_lab.models.sovits.matching import MatchingSynthesizer

STEP = 1_000_003  # between the seeds of two steps


def matching_losses(
    model: MatchingSynthesizer, batch: SpokenBatch, conditions: Conditions, slicing: Slicing
) -> AcousticLosses:
    """Compute the flow-matching loss on whole utterances; the chance of a step depends on the seed and the step alone.

    The beginning of each utterance is given, up to `prompt_share` of it, and not counted. A share of the batches
    learns shortcuts.
    """
    generator = torch.Generator().manual_seed((slicing.seed + STEP * batch.step) % 2**63)
    vectors, mask = model.told(conditions), batch.mask
    frames = model.prior.encode(
        model.frames(batch.content, batch.tokens, mask), mask, batch.phones, batch.phone_mask, vectors.prior
    )
    features, kept = model.features(frames, mask, vectors)
    mel = normalised(model.to_mel(resampled(batch.wav, SPEC_32K.sample_rate, model.mel_spec.sample_rate)))
    size = min(mel.shape[2], features.shape[2])
    mel, features, kept = mel[..., :size], features[..., :size], kept[:, :size]
    counts = (torch.rand(len(mel), generator=generator).to(mel.device) * kept.sum(1) * model.prompt_share).long()
    prompt = first_frames(counts, size)
    shortcut = bool(torch.rand((), generator=generator) < model.shortcut_share)
    draws = _drawn(model, mel, shortcut, generator)
    step = model.flow.training_step(mel, features.transpose(1, 2), prompt, kept, draws, vectors.field)
    nothing = batch.wav[:, :0]
    return AcousticLosses({"mel": flow_loss(step, kept & ~prompt)}, nothing, nothing)


def _drawn(model: MatchingSynthesizer, mel: Tensor, shortcut: bool, generator: torch.Generator) -> FlowDraws:
    """The chance of a step, drawn on the CPU, so that a run on another device learns from the same."""
    drawn, device = model.flow.draws(mel.cpu(), shortcut, generator), mel.device
    base = None if drawn.base is None else drawn.base.to(device)
    return FlowDraws(drawn.time.to(device), drawn.noise.to(device), base)
