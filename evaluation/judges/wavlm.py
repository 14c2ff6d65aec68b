"""WavLM with an x-vector head by transformers: an optional speaker judge."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from evaluation.judges.contract import JudgeCard, weight_hash
from sovits_lab.audio.torchaudio_compat import ensure
from sovits_lab.weights import locate

RATE = 16000


class WavlmSpeaker:
    """Vectors of `WavLMForXVector`; threshold 0.86 as on the card of the released base-plus model.

    Args:
        source: hub name or folder in the format of transformers.
        self_graded: the judged model was trained with it.
    """

    def __init__(self, source: str | Path = "microsoft/wavlm-base-plus-sv", self_graded: bool = False) -> None:
        self.folder = locate("judge wavlm", source, ("*.json", "*.safetensors"))
        self.card = JudgeCard(
            name=f"WavLM {Path(str(source)).name}",
            version="transformers",
            construct="speaker",
            rate=RATE,
            weight_hash=weight_hash(*sorted(self.folder.glob("*.safetensors"))),
            minimum_seconds=1.0,
            needs=("enrolment",),
            threshold=0.86,
            licence="CC-BY-SA-3.0",
            self_graded=self_graded,
        )

    @cached_property
    def _parts(self) -> tuple[Any, Any]:
        ensure()
        from transformers import AutoFeatureExtractor, WavLMForXVector

        extractor = AutoFeatureExtractor.from_pretrained(self.folder)  # type: ignore[no-untyped-call]
        model: Any = WavLMForXVector.from_pretrained(self.folder, use_safetensors=True)
        return extractor, model.eval()

    def release(self) -> None:
        """Let go of the network."""
        self.__dict__.pop("_parts", None)

    @torch.inference_mode()
    def embed(self, wavs: Sequence[np.ndarray]) -> np.ndarray:
        """Return unit vectors [N, D] of recordings [T] at 16 kHz."""
        extractor, model = self._parts
        found = [model(**extractor(wav, sampling_rate=RATE, return_tensors="pt")).embeddings[0] for wav in wavs]
        return torch.nn.functional.normalize(torch.stack(found), dim=-1).numpy()
