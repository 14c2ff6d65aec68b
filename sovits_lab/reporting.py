"""What a stage may say while it works: progress, words, metrics and media.

A stage gets a `Reporter` and never prints: only the runner writes to the terminal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class Reporter(Protocol):
    """The one way from a running stage to the person who started it."""

    def progress(self, done: int, total: int, unit: str) -> None:
        """`done` of `total` `unit`s are finished; call as often as you like, calls are thinned out."""

    def say(self, text: str) -> None:
        """One line for the user, such as a count of what was found."""

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers of one training step or of the whole stage; kept in `metrics.jsonl`, sent to the logger."""

    def audio(self, name: str, step: int, wave: np.ndarray, sample_rate: int) -> None:
        """Sound [T] in [-1, 1], kept as `media/<name>-<step>.wav`, sent to the logger."""

    def picture(self, name: str, step: int, image: np.ndarray, caption: str = "") -> None:
        """A matrix such as a mel spectrogram [M L], low rows at the bottom, kept as `media/<name>-<step>.png`."""


class Silent:
    """A reporter that drops everything: for tests and for calls from a notebook."""

    def progress(self, done: int, total: int, unit: str) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Nothing."""

    def audio(self, name: str, step: int, wave: np.ndarray, sample_rate: int) -> None:
        """Nothing."""

    def picture(self, name: str, step: int, image: np.ndarray, caption: str = "") -> None:
        """Nothing."""
