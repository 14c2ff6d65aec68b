"""Clips of speakers in training, for models that hear who speaks from a clip."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from sovits_lab.data.padding import mask_of, pad
from sovits_lab.data.store import FeatureStore

PLAIN = "neutral"


class Voices(NamedTuple):
    """Waveforms of clips, and which of their frames are real."""

    wav: Float[Tensor, "B T"]
    mask: Bool[Tensor, "B L"]


class SpeakerClips:
    """Another utterance of the same speaker, neutral where there is one: it says who, and as little as can be of how.

    Args:
        store, rows: where clips come from.
        seconds: longest piece that is heard.
    """

    def __init__(self, store: FeatureStore, rows: Sequence[int], seconds: float = 6.0) -> None:
        self.store, self.frames = store, int(seconds * store.frames_per_second)
        every: dict[str, list[int]] = defaultdict(list)
        for i in rows:
            every[store.rows[i].speaker].append(i)
        self.of = {
            name: [i for i in mine if store.rows[i].emotion == PLAIN] or mine for name, mine in sorted(every.items())
        }

    def draw(self, rows: Sequence[int], rng: np.random.Generator) -> Voices:
        """Draw a clip for each of these utterances; a speaker without another one gets the utterance itself."""
        waves = []
        for row in rows:
            own = self.of.get(self.store.rows[row].speaker, [row])
            others = [i for i in own if i != row] or own
            waves.append(self.store.wav(int(rng.choice(others)), 0, self.frames))
        return self._batch(waves)

    def some(self, speaker: str, count: int = 8) -> list[Voices]:
        """Return the first clips of a speaker, one at a time."""
        return [self._batch([self.store.wav(i, 0, self.frames)]) for i in self.of[speaker][:count]]

    def _batch(self, waves: Sequence[np.ndarray]) -> Voices:
        lengths = [len(wave) // self.store.hop for wave in waves]
        return Voices(pad(waves), mask_of([np.zeros(length) for length in lengths]))
