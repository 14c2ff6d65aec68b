"""Stage: mel spectrograms as if every utterance had been spoken at one level."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from sovits_lab.audio.energy import level_dbfs
from sovits_lab.audio.spec import AudioSpec
from sovits_lab.audio.spectrogram import mel_frames
from sovits_lab.checkpoints.bundle import build
from sovits_lab.data.store import FeatureStore, StoreWriter
from sovits_lab.types import Level

SILENT = -80.0  # dBFS: what is quieter has no level to be brought to


def levelled_mel(wav: Float32[np.ndarray, " T"], spec: AudioSpec, level: float) -> Float32[np.ndarray, "L M"]:
    """Return the log-mel of a waveform as if its root-mean-square were `level` dBFS; silence stays as it is."""
    own = level_dbfs(wav)
    gain = 10 ** ((level - own) / 20) if own > SILENT else 1.0
    return mel_frames((wav * gain).astype(np.float32), spec)


class LevelMels:
    """Stage: the features of `recorded`, every mel as if the utterance had been spoken at one level.

    Waveforms, F0 and the speakers' means stay as recorded: only what a reference encoder hears is changed.

    Args:
        audio: node of the `AudioSpec`.
        level: dBFS.
    """

    resumable = False

    def __init__(self, audio: Mapping[str, Any], level: Level) -> None:
        self.spec: AudioSpec = build(audio)
        self.level = level

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Level the mels: needs `inputs["recorded"]`, a feature store, and writes another."""
        store = FeatureStore(inputs["recorded"])
        frames = sum(row.frames for row in store.rows)
        writer = StoreWriter(out, store.hop, self.spec.n_mels, frames, store.frames_per_second)
        for i, row in enumerate(store.rows):
            mel = levelled_mel(store.wav(i), self.spec, self.level)[: row.frames]
            writer.copy(row.start, mel.astype(np.float16), store.f0(i), store.stored("wav", i))
            report.progress(i + 1, len(store.rows), "utterances")
        writer.close(store.rows, store.symbols, store.baselines)
