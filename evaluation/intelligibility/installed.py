"""The word recogniser of this machine: the best one whose weights are there, so that words are judged by default."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from evaluation.intelligibility.words import WordScorer
from evaluation.judges.faster_whisper import FasterWhisper
from sovits_lab.weights.locate import present

NAMES = ("whisper-large-v3", "whisper-base")  # of `python -m sovits_lab weights list`; the best first


def find_word_scorer(names: Sequence[str] = NAMES) -> WordScorer | None:
    """Make a scorer of the first recogniser whose weights are on this machine; nothing is downloaded.

    Args:
        names: of the catalogue of weights, the best first.

    Returns:
        The scorer, or None where there are no weights or faster-whisper is not installed.

    Raises:
        InputError: weights are there and damaged.
    """
    if find_spec("faster_whisper") is None:
        return None
    name = next((one for one in names if present(one)), None)
    return None if name is None else WordScorer(FasterWhisper(name))
