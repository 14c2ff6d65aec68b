"""Whisper (Radford et al. 2022) by transformers: the primary judge of intelligibility."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from evaluation.judges.contract import JudgeCard, WordRecogniser, weight_hash
from sovits_lab.audio.torchaudio_compat import ensure
from sovits_lab.weights import locate

RATE = 16000
WINDOW_SECONDS = 30.0


class Whisper(WordRecogniser):
    """Greedy decoding with the language given, so that a score does not depend on language guessing.

    Args:
        source: hub name or folder in the format of transformers.
        batch: recordings decoded together.
        longest: tokens per 30 s window at most; a loop ends there.
        device: where it runs, by default the GPU if there is one.
    """

    def __init__(
        self,
        source: str | Path = "openai/whisper-large-v3",
        batch: int = 8,
        longest: int = 220,
        device: str | None = None,
    ) -> None:
        self.folder = locate("judge whisper", source, ("config.json", "*.safetensors"), also=("*.json", "*.txt"))
        self.batch, self.longest = batch, longest
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.setting = f"greedy, at most {longest} tokens"
        self.card = JudgeCard(
            name=f"Whisper {Path(str(source)).name}",
            version="transformers, greedy",
            construct="intelligibility",
            rate=RATE,
            weight_hash=weight_hash(*sorted(self.folder.glob("*.safetensors"))),
            minimum_seconds=0.3,
            needs=("text",),
            licence="Apache-2.0",
        )

    @cached_property
    def _parts(self) -> tuple[Any, Any]:
        ensure()
        from transformers import WhisperForConditionalGeneration, WhisperProcessor

        processor = WhisperProcessor.from_pretrained(self.folder)
        half = torch.float16 if self.device.startswith("cuda") else torch.float32
        model: Any = WhisperForConditionalGeneration.from_pretrained(self.folder, dtype=half, use_safetensors=True)
        return processor, model.to(self.device).eval()

    def release(self) -> None:
        self.__dict__.pop("_parts", None)

    def transcribe(self, wavs: Sequence[np.ndarray], language: str) -> list[str]:
        """Return the texts of recordings [T] at 16 kHz; longer ones are cut into windows of 30 s whose texts are
        joined.
        """
        size = int(WINDOW_SECONDS * RATE)
        pieces = [(owner, wav[i : i + size]) for owner, wav in enumerate(wavs) for i in range(0, len(wav), size)]
        texts = [""] * len(wavs)
        for start in range(0, len(pieces), self.batch):
            chunk = pieces[start : start + self.batch]
            for (owner, _), text in zip(chunk, self._decode([wav for _, wav in chunk], language), strict=True):
                texts[owner] = f"{texts[owner]} {text}".strip()
        return texts

    @torch.inference_mode()
    def _decode(self, wavs: list[np.ndarray], language: str) -> list[str]:
        processor, model = self._parts
        features = processor(wavs, sampling_rate=RATE, return_tensors="pt", return_attention_mask=True)
        task = {"language": language.split("-")[0] or "en", "task": "transcribe"}
        multilingual = getattr(model.generation_config, "is_multilingual", False)
        ids = model.generate(
            features.input_features.to(self.device, model.dtype),
            attention_mask=features.attention_mask.to(self.device),
            max_new_tokens=self.longest,
            do_sample=False,
            num_beams=1,
            force_unique_generate_call=True,  # no retries at higher temperature: those are random
            **(task if multilingual else {}),
        )
        return [text.strip() for text in processor.batch_decode(ids, skip_special_tokens=True)]
