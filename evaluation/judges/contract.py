"""What a judge must offer: a card that says who judges, and one protocol for each construct."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from evaluation.scoring.judge_card import JudgeCard, weight_hash

__all__ = ["JudgeCard", "PhoneRecogniser", "SpeakerJudge", "WordRecogniser", "weight_hash"]


@runtime_checkable
class SpeakerJudge(Protocol):
    """Embeds voices: `embed` takes recordings [T] at `card.rate` and returns unit vectors [N, D]."""

    card: JudgeCard

    def embed(self, wavs: Sequence[np.ndarray]) -> np.ndarray: ...

    def release(self) -> None: ...


@runtime_checkable
class PhoneRecogniser(Protocol):
    """Hears phones: `transcribe` takes recordings [T] and their rate and returns one list of phones each."""

    def transcribe(self, wavs: list[np.ndarray], rate: int) -> list[list[str]]: ...


class WordRecogniser(ABC):
    """Hears words: recordings [T] at `card.rate` become texts.

    Attributes:
        card: who judges.
        languages: the languages it knows, empty for all.
        setting: what beside the weights decides what it hears (beam, vocabulary), for the cache.
    """

    card: JudgeCard
    languages: tuple[str, ...] = ()
    setting: str = ""

    def understands(self, language: str) -> bool:
        """Return whether it knows a language; an empty language is taken for its first."""
        return not self.languages or not language or language.split("-")[0] in self.languages

    def prepare(self, texts: Sequence[str]) -> None:  # noqa: B027  most judges need no vocabulary
        """Learn what may be said at all, for judges with a closed vocabulary."""

    @abstractmethod
    def transcribe(self, wavs: Sequence[np.ndarray], language: str) -> list[str]:
        """Return one text per recording, empty where nothing was heard."""

    def release(self) -> None:  # noqa: B027  some judges hold nothing
        """Let go of what was loaded."""
