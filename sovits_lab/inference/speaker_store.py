"""Speakers that outlive a process: what a voice made of a clip, as bytes under the clip's digest."""

from __future__ import annotations

import io
from typing import Protocol

import numpy as np
import torch

from sovits_lab.audio.baseline import Baseline
from sovits_lab.inference.voice import Speaker


class SpeakerStore(Protocol):
    """Keeps speakers by the digest of their clip, for one model."""

    def get(self, digest: str) -> bytes | None:
        """Return what was kept, or None."""

    def put(self, digest: str, data: bytes) -> None:
        """Store a speaker's bytes under the digest of the clip."""


def speaker_bytes(speaker: Speaker, remarks: tuple[str, ...]) -> bytes | None:
    """Return a speaker and the remarks on its clip as bytes; None for one with a prompt, which holds its clip."""
    if speaker.prompt is not None or speaker.opening is not None:
        return None
    parts = {"vector": speaker.vector.cpu().numpy(), "remarks": np.array(remarks, dtype=np.str_)}
    if speaker.baseline is not None:
        parts["baseline"] = np.array(speaker.baseline)
    if speaker.acoustic is not None:
        parts["acoustic"] = speaker.acoustic.cpu().numpy()
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, **parts)
    return out.getvalue()


def speaker_of(data: bytes, device: torch.device) -> tuple[Speaker, tuple[str, ...]]:
    """Return the speaker of `speaker_bytes`, and the remarks on its clip."""
    with np.load(io.BytesIO(data), allow_pickle=False) as parts:
        baseline = Baseline(*map(float, parts["baseline"])) if "baseline" in parts else None
        acoustic = torch.from_numpy(parts["acoustic"]).to(device) if "acoustic" in parts else None
        return Speaker(torch.from_numpy(parts["vector"]), baseline, acoustic), tuple(map(str, parts["remarks"]))
