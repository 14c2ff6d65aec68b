"""Whisper by CTranslate2 (faster-whisper): the same weights several times faster on a CPU."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.judges.contract import JudgeCard, WordRecogniser, weight_hash
from sovits_lab.weights import locate

RATE = 16000


class FasterWhisper(WordRecogniser):
    """Beam search without temperature fallback and without the text before, so that a score is repeatable.

    Args:
        source: hub name or folder with a CTranslate2 model.
        beam: hypotheses kept.
        compute_type: CTranslate2's number format.
        device: auto, cpu or cuda.
    """

    def __init__(
        self,
        source: str | Path = "Systran/faster-whisper-large-v3",
        beam: int = 5,
        compute_type: str = "default",
        device: str = "auto",
    ) -> None:
        self.folder = locate("judge faster-whisper", source, ("model.bin", "config.json"), also=("*.json", "*.txt"))
        self.beam, self.compute_type, self.device = beam, compute_type, device
        self.setting = f"beam {beam}, {compute_type}"
        self.card = JudgeCard(
            name=f"faster-whisper {Path(str(source)).name}",
            version=f"beam {beam}, {compute_type}",
            construct="intelligibility",
            rate=RATE,
            weight_hash=weight_hash(self.folder / "model.bin"),
            minimum_seconds=0.3,
            needs=("text",),
            licence="MIT",
        )

    @cached_property
    def _model(self) -> Any:
        from faster_whisper import WhisperModel

        return WhisperModel(str(self.folder), device=self.device, compute_type=self.compute_type)

    def release(self) -> None:
        self.__dict__.pop("_model", None)

    def hear(self, wavs: Sequence[np.ndarray], language: str) -> list[str]:
        """Texts of recordings [T] at 16 kHz."""
        return [self._hear(wav, language) for wav in wavs]

    def _hear(self, wav: np.ndarray, language: str) -> str:
        segments, _ = self._model.transcribe(
            wav,
            language=language.split("-")[0] or "en",
            beam_size=self.beam,
            temperature=0.0,
            condition_on_previous_text=False,
        )
        return " ".join(segment.text.strip() for segment in segments).strip()
