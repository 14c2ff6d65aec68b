"""Controlled triplets: does a judge of emotion follow the emotion, or the voice and the words?

    A (emotion, voice, words)   P: the same emotion, another voice, other words   N: another emotion, and ...

A judge that hears emotion finds A nearer to P than to N, whatever N shares with A. N shares nothing, A's voice, A's
words, or both; the last is the hardest. Chance is one half for a judge that knows nothing; one that follows the voice
or the words falls below it. The construction is that of "The False Resonance" (arXiv 2604.26347, 2026), which showed
that similarities of emotion embeddings follow words and voice and depart from listeners.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.statistics import bootstrap_interval
from evaluation.style.vectors import ClipLabels

CONDITIONS = {
    "nothing": (False, False),
    "the voice": (True, False),
    "the words": (False, True),
    "voice and words": (True, True),
}  # what N shares with A: its voice, its words
CHANCE = 0.5


class TripletResult(NamedTuple):
    """Share of triplets in which A was nearer to P than to N, with its 95 % interval over voices and sentences."""

    shared: str
    share: float
    low: float
    high: float
    anchors: int
    voices: int
    sentences: int
    note: str

    @property
    def verdict(self) -> str:
        """The conclusion, in words, from the interval against chance."""
        if math.isnan(self.low):
            return "not known"
        if self.low > CHANCE:
            return "hears emotion"
        return "misled" if self.high < CHANCE else "not shown"


def try_triplets(distances: NDArray[np.float64], labels: ClipLabels) -> list[TripletResult]:
    """Try all triplets of a distance matrix [N, N] under each condition; ties count half."""
    emotion, speaker, text = labels.emotion, labels.speaker, labels.text
    other_voice = speaker[:, None] != speaker
    other_words = text[:, None] != text
    other_emotion = emotion[:, None] != emotion
    positive = ~other_emotion & other_voice & other_words
    made = []
    for name, (voice, words) in CONDITIONS.items():
        negative = other_emotion & (other_voice != voice) & (other_words != words)
        usable = np.flatnonzero(positive.any(1) & negative.any(1))
        shares = [_nearer(distances[i, positive[i]], distances[i, negative[i]]) for i in usable]
        if not shares:
            made.append(TripletResult(name, math.nan, math.nan, math.nan, 0, 0, 0, "no such triplets in these clips"))
            continue
        found = bootstrap_interval(shares, speaker[usable].tolist(), text[usable].tolist())
        made.append(
            TripletResult(
                name,
                found.estimate,
                found.low,
                found.high,
                len(usable),
                found.n_speakers,
                found.n_sentences,
                found.note,
            )
        )
    return made


def _nearer(near: NDArray[np.float64], far: NDArray[np.float64]) -> float:
    """Share of pairs of a positive and a negative in which the positive is nearer; ties count half."""
    ordered = np.sort(far)
    above = ordered.size - np.searchsorted(ordered, near, side="right")
    ties = ordered.size - np.searchsorted(ordered, near, side="left") - above
    return float((above + 0.5 * ties).mean() / ordered.size)
