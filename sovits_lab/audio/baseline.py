"""What prosody is relative to: a voice's neutral speech; and how far an utterance goes from it as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sovits_lab.audio.energy import mel_energy

FEWEST = 10  # voiced frames of which an extent can be said: 0.2 s


class Baseline(NamedTuple):
    """Neutral speech of one voice, over voiced frames.

    Attributes:
        f0: geometric mean, Hz.
        energy: mean of the log energy, nats.
        spread: standard deviation of log F0 within an utterance, nats.
        level: log of the root-mean-square energy of an utterance, nats.
    """

    f0: float
    energy: float
    spread: float
    level: float


class Voiced(NamedTuple):
    """Log F0 (Hz) and log energy (nats) of the voiced frames of an utterance, each [N]."""

    log_f0: np.ndarray
    energy: np.ndarray


def voiced_frames(f0: np.ndarray, mel: np.ndarray) -> Voiced:
    """Find the voiced frames of an utterance with F0 [L] in Hz, 0 where unvoiced, and log-mel [M, L]."""
    speaking = f0 > 0
    return Voiced(np.log(f0[speaking]), mel_energy(mel.astype(np.float32))[speaking])


def baseline(utterances: Sequence[Voiced]) -> Baseline | None:
    """Measure the baseline of a voice, from utterances of neutral speech; None where hardly anything is voiced."""
    usable = [one for one in utterances if len(one.log_f0) >= FEWEST]
    if not usable:
        return None
    log_f0, energy = (np.concatenate(values) for values in zip(*usable, strict=True))
    spread, level = np.mean([extent(*_row(one)).tolist()[0] for one in usable], axis=0).tolist()
    return Baseline(float(np.exp(log_f0.mean())), float(energy.mean()), float(np.exp(spread)), level)


def _row(one: Voiced) -> tuple[Tensor, Tensor, Tensor]:
    log_f0, energy = (torch.from_numpy(values.astype(np.float32))[None] for values in one)
    return log_f0, energy, torch.ones_like(log_f0, dtype=torch.bool)


def spread_of(log_f0: Float[Tensor, "B L"], voiced: Bool[Tensor, "B L"]) -> Float[Tensor, " B"]:
    """Return the log of the standard deviation over voiced frames."""
    count = voiced.sum(1).clamp(min=1)
    mean = torch.where(voiced, log_f0, 0.0).sum(1, keepdim=True) / count[:, None]
    variance = torch.where(voiced, (log_f0 - mean).square(), 0.0).sum(1) / count
    return variance.clamp(min=1e-6).log() / 2


def median_of(log_f0: Float[Tensor, "B L"], voiced: Bool[Tensor, "B L"]) -> Float[Tensor, " B"]:
    """Return the median over voiced frames, 0 where there are none."""
    count = voiced.sum(1)
    ranked = torch.where(voiced, log_f0, torch.inf).sort(dim=1).values
    middle = torch.stack([(count - 1).clamp(min=0) // 2, count // 2], dim=1)
    return torch.where(count > 0, ranked.gather(1, middle.clamp(max=log_f0.shape[1] - 1)).mean(1), 0.0)


def level_of(energy: Float[Tensor, "B L"], voiced: Bool[Tensor, "B L"]) -> Float[Tensor, " B"]:
    """Return the log of the root-mean-square over voiced frames, of a log energy in nats."""
    power = torch.where(voiced, (2 * energy).exp(), 0.0).sum(1) / voiced.sum(1).clamp(min=1)
    return power.clamp(min=1e-12).log() / 2


def extent(
    log_f0: Float[Tensor, "B L"], energy: Float[Tensor, "B L"], voiced: Bool[Tensor, "B L"]
) -> Float[Tensor, "B 2"]:
    """Return how far an utterance's pitch swings and how loud it is: log spread and level of a `Baseline`.

    A predicted contour is smoother and flatter than any true one, so these are predicted by themselves and imposed: the
    global variance of Toda & Tokuda (2007).
    """
    return torch.stack([spread_of(log_f0, voiced), level_of(energy, voiced)], dim=1)
