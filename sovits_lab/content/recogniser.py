"""A trained tokenizer as a recogniser: waveforms in, phones or tokens out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from sovits_lab.audio.files import resample
from sovits_lab.audio.spec import AudioSpec
from sovits_lab.audio.spectrogram import log_mel
from sovits_lab.content.ctc import CtcTokenizer


class Recogniser:
    """Greedy phone recognition. `sovits_lab.checkpoints.content.load_recogniser` makes one from a bundle."""

    def __init__(self, model: CtcTokenizer, spec: AudioSpec, symbols: Sequence[str]) -> None:
        self.model, self.spec, self.symbols = model.eval(), spec, list(symbols)

    def transcribe(self, wavs: Sequence[np.ndarray], rate: int) -> list[list[str]]:
        """Phones of each mono waveform at `rate`; a waveform shorter than a frame has none."""
        return [self._one(resample(wav, rate, self.spec.sample_rate)) for wav in wavs]

    def _one(self, wav: np.ndarray) -> list[str]:
        if len(wav) < self.spec.hop:
            return []
        mel = torch.from_numpy(log_mel(np.ascontiguousarray(wav, dtype=np.float32), self.spec))[None]
        ids = self.model.recognise(mel, torch.tensor([mel.shape[-1]]))[0]
        return [self.symbols[i] for i in ids]
