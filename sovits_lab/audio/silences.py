"""Silences within a recording, told by their level."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from sovits_lab.audio.energy import NATS_PER_DB, mel_energy

QUIET_DB = 30.0  # below the loud frames (nine tenths are softer) that a silence is at least
LEAST_SILENCE = 6  # frames (120 ms); closures of stops are shorter


def silences(mel: Float[np.ndarray, "M L"]) -> Bool[np.ndarray, " L"]:
    """Return which frames of a natural-log mel are in a silence; none where there would be nothing else."""
    levels = mel_energy(mel)
    quiet = levels < np.quantile(levels, 0.9) - QUIET_DB * NATS_PER_DB
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]])))
    for begin, end in edges.reshape(-1, 2):
        quiet[begin:end] = end - begin >= LEAST_SILENCE
    return quiet & ~quiet.all()
