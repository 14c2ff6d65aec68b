"""The one contract of all judges: a card that says who judges, and a protocol for each construct."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np


@dataclass(frozen=True)
class JudgeCard:
    """Who judges. No score is printed without one.

    Attributes:
        name: what the report prints.
        version: of the package or of our code, whichever can change the score.
        construct: speaker, intelligibility, emotion, prosody, quality or speed.
        weight_hash: first 16 hex digits of the weights' SHA-256, empty for a measure without weights.
        rate: sampling rate that it is fed, in Hz.
        minimum_seconds: shorter audio is outside of what the judge was made for.
        needs: what beside the output it needs: text, phones, enrolment, truth.
        threshold: similarity at a speaker judge's equal-error point on real speech, above which a voice is verified.
        licence: SPDX id of the weights, or of the code where there are none.
        deterministic: whether the same audio always gets the same score.
        self_graded: the judged model, or its training, used this judge.
        caution: what it is known to get wrong, as measured.
    """

    name: str
    version: str
    construct: str
    rate: int
    weight_hash: str = ""
    minimum_seconds: float = 0.0
    needs: tuple[str, ...] = ()
    threshold: float | None = None
    licence: str = ""
    deterministic: bool = True
    self_graded: bool = False
    caution: str = ""

    @property
    def label(self) -> str:
        """The name as printed, with its warning."""
        return f"{self.name} (self-graded)" if self.self_graded else self.name


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
        """Whether it knows a language; an empty language is taken for its first."""
        return not self.languages or not language or language.split("-")[0] in self.languages

    def prepare(self, texts: Sequence[str]) -> None:  # noqa: B027  most judges need no vocabulary
        """Learn what may be said at all, for judges with a closed vocabulary."""

    @abstractmethod
    def hear(self, wavs: Sequence[np.ndarray], language: str) -> list[str]:
        """One text per recording, empty where nothing was heard."""

    def release(self) -> None:  # noqa: B027  some judges hold nothing
        """Let go of what was loaded."""


def weight_hash(*paths: Path) -> str:
    """First 16 hex digits of the SHA-256 over files, or over every weight file of folders, in name order."""
    digest = hashlib.sha256()
    for path in paths:
        files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        for one in files:
            with one.open("rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
    return digest.hexdigest()[:16]
