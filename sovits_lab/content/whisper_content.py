"""Whisper's encoder as a content encoder: frozen, by CTranslate2, from an installed package, a folder or a hub."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from sovits_lab.content.contract import RATE
from sovits_lab.types import got
from sovits_lab.weights import locate
from sovits_lab.weights.hashes import file_hash

WINDOW, HOP = 400, 160  # 25 ms, 10 ms
STRIDE = 2 * HOP  # the encoder's second convolution halves the frame rate
LONGEST = 30 * RATE  # samples that the network takes at once
SHORTEST = RATE  # shorter ones are padded with silence to this
PAUSE = RATE // 2  # of silence after a window
NEEDED = ("model.bin", "config.json")


class WhisperContent:
    """Waveform at 16 kHz -> the encoder's last features at 50 Hz (Radford et al. 2022).

    A clip is heard in windows of at most 30 s, each with a little silence after it, not padded to 30 s: that is several
    times faster and the features tell sentences apart as well. Nothing is loaded before the first use.

    Args:
        source: `whisper-base` or another name of the catalogue, a hub id, or a folder with a CTranslate2 model.
        compute_type: CTranslate2's number format.
        threads: of one encoding.
    """

    def __init__(self, source: str = "whisper-base", compute_type: str = "float32", threads: int = 1) -> None:
        self.source, self.compute_type, self.threads = source, compute_type, threads
        self._models: dict[int, Any] = {}

    @cached_property
    def folder(self) -> Path:
        """Where the weights lie.

        Raises:
            InputError: they are missing, or not the released ones.
        """
        return locate("content encoder", self.source, NEEDED, ("*.json", "*.txt"))

    @property
    def model(self) -> Any:
        """CTranslate2's model of this process: one that was loaded before a fork has lost its threads.

        Raises:
            InputError: CTranslate2 is not installed, or the folder holds another kind of model.
        """
        if os.getpid() not in self._models:
            self._models[os.getpid()] = self._load()
        return self._models[os.getpid()]

    @property
    def stride(self) -> int:
        """Samples between two features."""
        return STRIDE

    @cached_property
    def channels(self) -> int:
        """Width D of the features."""
        return int(self._encode(np.zeros(SHORTEST, dtype=np.float32)).shape[1])

    @torch.no_grad()
    def __call__(self, wav: Float32[np.ndarray, " T"]) -> Float[Tensor, "L D"]:
        """Features of one waveform at 16 kHz, exactly T // stride of them."""
        count = len(wav) // STRIDE
        if not count:
            return torch.zeros(0, self.channels)
        parts = [self._encode(wav[start : start + LONGEST]) for start in range(0, len(wav), LONGEST)]
        return torch.from_numpy(np.concatenate(parts)[:count])

    def digest(self) -> str:
        """Return the SHA-256 of the weights: clusters belong to one encoder only."""
        return file_hash(self.folder / "model.bin")

    def _load(self) -> Any:
        try:
            import ctranslate2
        except ImportError as error:
            missing = "no package ctranslate2"
            raise got(f"content encoder {self.source}", missing, "`pip install ctranslate2`") from error
        try:
            return ctranslate2.models.Whisper(
                str(self.folder), device="cpu", compute_type=self.compute_type, intra_threads=self.threads
            )
        except (RuntimeError, ValueError) as error:
            why = str(error).splitlines()[0]
            raise got(f"content encoder {self.source}", why, "a Whisper model of CTranslate2") from error

    def _encode(self, wav: Float32[np.ndarray, " T"]) -> Float32[np.ndarray, "L D"]:
        """Features of one window, one for each whole stride of it."""
        import ctranslate2

        padded = np.pad(wav, (0, min(LONGEST, max(SHORTEST, len(wav) + PAUSE)) - len(wav)))
        features = whisper_mel(padded, self.model.n_mels)
        found = self.model.encode(ctranslate2.StorageView.from_array(features[None]), to_cpu=True)
        return np.array(found, dtype=np.float32)[0, : -(-len(wav) // STRIDE)]


def whisper_mel(wav: Float32[np.ndarray, " T"], mels: int = 80) -> Float32[np.ndarray, "M L"]:
    """Compute Whisper's log-mel at 100 Hz: eight decades below the loudest bin at most, scaled to about [-1, 1]."""
    import librosa

    window = torch.hann_window(WINDOW)
    spectrum = torch.stft(torch.from_numpy(wav), WINDOW, HOP, window=window, return_complex=True)[:, :-1]
    filters = torch.from_numpy(librosa.filters.mel(sr=RATE, n_fft=WINDOW, n_mels=mels))
    log = (filters @ spectrum.abs().square()).clamp(min=1e-10).log10()
    log = log.clamp(min=float(log.max()) - 8.0)
    return ((log + 4.0) / 4.0).contiguous().numpy()
