"""Prepared folders in upstream's layout, for tests of fine-tuning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from sovits_lab.data.upstream_folder import CONTENT, RATE, SPEAKERS, TEXTS, WAVES


def write_utterance(
    folder: Path, name: str, phones: Sequence[str], wav: np.ndarray, content: Tensor, speaker: Tensor | None = None
) -> None:
    """Add one utterance to a folder in upstream's layout.

    Args:
        wav: 32 kHz, in [-1, 1].
        content: `C L` at 50 Hz.
    """
    for part in (CONTENT, WAVES, SPEAKERS):
        (folder / part).mkdir(parents=True, exist_ok=True)
    with (folder / TEXTS).open("a", encoding="utf-8") as file:
        file.write(f"{name}\t{' '.join(phones)}\tNone\t\n")
    torch.save(content[None], folder / CONTENT / f"{name}.pt")
    soundfile.write(folder / WAVES / name, wav, RATE, subtype="PCM_16", format="WAV")
    if speaker is not None:
        torch.save(speaker[None], folder / SPEAKERS / f"{name}.pt")
