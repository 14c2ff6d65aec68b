"""How loud a voice speaks beside the energy that it was asked for: a head that blurs is too soft."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from sovits_lab.audio.baseline import FEWEST, level_of
from sovits_lab.audio.energy import mel_energy
from sovits_lab.audio.spec import AudioSpec
from sovits_lab.audio.spectrogram import log_mel
from sovits_lab.models.heads.contract import Prosody

Wave = NDArray[np.float32]


class VoicedLevels(NamedTuple):
    """Log of the root-mean-square energy over voiced frames, nats: what was asked, what was made; how many frames."""

    asked: float
    made: float
    frames: int


def voiced_levels(wav: Wave, spec: AudioSpec, asked: Prosody) -> VoicedLevels | None:
    """Compare a waveform with the prosody [1, L] that it was made from; None where hardly any frame is voiced."""
    voiced = asked.f0 > 0
    if voiced.sum() < FEWEST:
        return None
    energy = torch.from_numpy(mel_energy(log_mel(wav, spec)))[None]
    frames = min(energy.shape[1], voiced.shape[1])
    want, have = (level_of(x[:, :frames], voiced[:, :frames]).item() for x in (asked.energy, energy))
    return VoicedLevels(want, have, int(voiced.sum()))


def headroom(wav: Wave) -> float:
    """Return the log of the gain that brings the loudest sample to full scale."""
    return -math.log(max(float(np.abs(wav).max(initial=0.0)), 1e-6))


class LevelSoFar:
    """The gain that brings what was said so far of one recording to the level that was asked for it.

    One window alone would get a gain of its own by chance; all windows before it are known to a stream, too.
    """

    def __init__(self) -> None:
        self.asked = self.made = 0.0  # power, summed over voiced frames

    def add(self, levels: VoicedLevels) -> None:
        """Count one more window."""
        self.asked += levels.frames * math.exp(2 * levels.asked)
        self.made += levels.frames * math.exp(2 * levels.made)

    @property
    def gain(self) -> float:
        """The log of the gain; 0 before anything voiced was said."""
        return math.log(self.asked / self.made) / 2 if self.made else 0.0
