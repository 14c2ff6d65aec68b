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
        """Report that `done` of `total` `unit`s are finished; call as often as you like, calls are thinned out."""

    def say(self, text: str) -> None:
        """Say one line to the user, such as a count of what was found."""

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Report numbers of one step or of the whole stage; kept in `metrics.jsonl`, sent to the logger."""

    def audio(self, name: str, step: int, wave: np.ndarray, sample_rate: int) -> None:
        """Report sound [T] in [-1, 1], kept as `media/<name>-<step>.wav`, sent to the logger."""

    def picture(self, name: str, step: int, image: np.ndarray, caption: str = "") -> None:
        """Report a matrix such as a mel spectrogram [M L], low rows at the bottom, as `media/<name>-<step>.png`."""


class Silent:
    """A reporter that drops everything: for tests and for calls from a notebook."""

    def progress(self, done: int, total: int, unit: str) -> None:
        """Do nothing."""

    def say(self, text: str) -> None:
        """Do nothing."""

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Do nothing."""

    def audio(self, name: str, step: int, wave: np.ndarray, sample_rate: int) -> None:
        """Do nothing."""

    def picture(self, name: str, step: int, image: np.ndarray, caption: str = "") -> None:
        """Do nothing."""
