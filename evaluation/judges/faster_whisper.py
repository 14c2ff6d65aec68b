"""Whisper by CTranslate2 (faster-whisper): several times faster on a CPU than by transformers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.judges.contract import JudgeCard, WordRecogniser, weight_hash
from sovits_lab.corpora.transcripts import open_whisper
from sovits_lab.types import InputError, got
from sovits_lab.weights import CATALOGUE, locate

RATE = 16000
MULTILINGUAL_WORDS = 51865  # size of the vocabulary from which on a Whisper model has learned more than English


class FasterWhisper(WordRecogniser):
    """Beam search without temperature fallback and without the text before, so that a score is repeatable.

    Args:
        source: `whisper-base`, `whisper-tiny.en` or another name of the catalogue, a hub id, or a folder with a
            CTranslate2 model.
        languages: what it is asked to judge; clips in other languages are refused. Empty for all that it knows.
        beam: hypotheses kept.
        compute_type: CTranslate2's number format.
        device: auto, cpu or cuda.

    Raises:
        InputError: the weights are missing, or know a language not that they are asked for.
    """

    def __init__(
        self,
        source: str | Path = "Systran/faster-whisper-large-v3",
        languages: Sequence[str] = (),
        beam: int = 5,
        compute_type: str = "default",
        device: str = "auto",
    ) -> None:
        if find_spec("faster_whisper") is None:
            raise got("judge faster-whisper", "no installed package faster_whisper", "`pip install faster-whisper`")
        self.folder = locate("judge faster-whisper", source, ("model.bin", "config.json"), also=("*.json", "*.txt"))
        self.beam, self.compute_type, self.device = beam, compute_type, device
        self.languages = known_languages(source, self.folder, tuple(languages))
        self.setting = f"beam {beam}, {compute_type}"
        self.card = JudgeCard(
            name=f"faster-whisper {Path(str(source)).name.removeprefix('faster-whisper-')}",
            version=f"beam {beam}, {compute_type}",
            construct="intelligibility",
            rate=RATE,
            weight_hash=weight_hash(self.folder / "model.bin"),
            minimum_seconds=0.3,
            needs=("text",),
            licence=CATALOGUE["whisper-base"].licence,
        )

    @cached_property
    def _model(self) -> Any:
        import logging

        import ctranslate2

        ctranslate2.set_log_level(logging.ERROR)  # it warns of float16 weights on every CPU
        return open_whisper("judge faster-whisper", self.folder, device=self.device, compute_type=self.compute_type)

    def release(self) -> None:
        self.__dict__.pop("_model", None)

    def transcribe(self, wavs: Sequence[np.ndarray], language: str) -> list[str]:
        """Return the texts of recordings [T] at 16 kHz.

        Raises:
            InputError: it was not asked for this language.
        """
        if not self.understands(language):
            raise got(f"judge {self.card.name}, language of the clips", language, f"one of {', '.join(self.languages)}")
        return [self._transcribe(wav, language) for wav in wavs]

    def _transcribe(self, wav: np.ndarray, language: str) -> str:
        segments, _ = self._model.transcribe(
            wav,
            language=language.split("-")[0] or (self.languages or ("en",))[0],
            beam_size=self.beam,
            temperature=0.0,
            condition_on_previous_text=False,
        )
        return " ".join(segment.text.strip() for segment in segments).strip()


def known_languages(source: str | Path, folder: Path, asked: tuple[str, ...]) -> tuple[str, ...]:
    """Return the languages to judge: those asked for, or English alone for a model that knows nothing else.

    Raises:
        InputError: one was asked for that the model does not know.
    """
    if not multilingual(folder):
        if set(asked) - {"en"}:
            raise got(f"judge faster-whisper {source}, languages", list(asked), "['en']: the model knows English only")
        return ("en",)
    tokenizer = folder / "tokenizer.json"
    text = tokenizer.read_text(encoding="utf-8") if asked and tokenizer.is_file() else ""
    for language in asked:
        if text and f'"<|{language}|>"' not in text:
            raise got(f"judge faster-whisper {source}, language", language, "a language code that Whisper knows")
    return asked


def multilingual(folder: Path) -> bool:
    """Return whether a model knows more than English, by the size of its vocabulary.

    Raises:
        InputError: it has no vocabulary.
    """
    for name in ("vocabulary.json", "vocabulary.txt"):
        path = folder / name
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            words = len(json.loads(text)) if name.endswith("json") else text.count("\n") + (not text.endswith("\n"))
            return words >= MULTILINGUAL_WORDS
    raise InputError(f"judge faster-whisper, folder {folder}: got no vocabulary.json or vocabulary.txt, expected one")
