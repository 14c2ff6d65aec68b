"""Style references in training: of whom they are, which piece is heard, and how its voice is changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np

from sovits_lab.data.store import FeatureStore
from sovits_lab.types import ArgumentsOf, got


class References:
    """Style references: any utterance with the same emotion, or the utterance itself.

    Args:
        store, rows: where references come from.
        other_speaker: probability of a draw over all utterances of the emotion, whoever speaks; else it is the
            utterance itself.
        frames: crop the reference to this range of lengths.
        spectral_jitter: strength in nats of a random smooth filter over the mel bins. It and a shift of the bins change
            the voice but neither level nor rhythm, so that the encoder learns to look at how and not at who.
        mel_shift: largest shift of the bins.
        same_speaker: whether a draw over all utterances may give the speaker's own. Within a stream's shard it does
            where nobody else speaks with this emotion.

    Raises:
        InputError: others are asked for, and an emotion is of one speaker; what `check` refuses.
    """

    def __init__(
        self,
        store: FeatureStore,
        rows: Sequence[int],
        other_speaker: float = 0.8,
        frames: Sequence[int] = (75, 200),
        spectral_jitter: float = 0.0,
        mel_shift: int = 0,
        same_speaker: bool = True,
    ) -> None:
        self.check(
            {
                "other_speaker": other_speaker,
                "frames": frames,
                "spectral_jitter": spectral_jitter,
                "mel_shift": mel_shift,
            }
        )
        self.store, self.other_speaker, self.frames = store, other_speaker, frames
        self.spectral_jitter, self.mel_shift, self.same_speaker = spectral_jitter, mel_shift, same_speaker
        if not same_speaker:
            _refuse_lonely(store, rows)
        self.of: dict[tuple[int, str], list[int]] = defaultdict(list)
        for i in rows:
            self.of[self._kind(i)].append(i)

    @staticmethod
    def check(values: Mapping[str, Any]) -> None:
        """Refuse arguments out of range, so that a stage can before it has anything to draw from.

        Raises:
            InputError: naming the argument.
        """
        if not 0 <= (share := values.get("other_speaker", 0)) <= 1:
            raise got("references.other_speaker", share, "a probability, 0 to 1")
        if "frames" in values and (len(frames := values["frames"]) != 2 or not 1 <= frames[0] <= frames[1]):
            raise got("references.frames", list(frames), "[FEWEST, MOST], at least 1")
        for name in ("spectral_jitter", "mel_shift"):
            if not 0 <= (value := values.get(name, 0)) < float("inf"):
                raise got(f"references.{name}", value, "a number of at least 0")

    def _kind(self, row: int) -> tuple[int, str]:
        """What can be drawn for each other: the same emotion and, in a stream, the same shard."""
        return int(self.store.shards[row]), self.store.rows[row].emotion

    def draw(self, row: int, rng: np.random.Generator) -> np.ndarray:
        """Draw the mel [L, M] of a reference for this utterance."""
        same = self.of.get(self._kind(row), [row])
        if not self.same_speaker:
            own = self.store.rows[row].speaker
            same = [i for i in same if self.store.rows[i].speaker != own] or same
        return self.crop(int(rng.choice(same)) if rng.random() < self.other_speaker else row, rng)

    def crop(self, row: int, rng: np.random.Generator) -> np.ndarray:
        """Return a piece of this very utterance [L, M], its voice changed as asked for."""
        return self.disguised(self.store.mel(row, *self.piece(row, rng)), rng)

    def piece(self, row: int, rng: np.random.Generator) -> tuple[int, int]:
        """Return the first frame and number of frames of a piece of this utterance; a short one ends earlier."""
        length = int(rng.integers(self.frames[0], self.frames[1] + 1))
        spare = self.store.rows[row].frames - length
        return int(rng.integers(max(spare, 0) + 1)), length

    def disguised(self, mel: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the mel [L, M] with its voice changed as asked for."""
        return recolour(shift(mel, rng, self.mel_shift), rng, self.spectral_jitter)


ReferenceArguments = Annotated[Mapping[str, Any], ArgumentsOf(References, supplied=("store", "rows"))]


def _refuse_lonely(store: FeatureStore, rows: Sequence[int]) -> None:
    of: dict[str, set[str]] = defaultdict(set)
    for i in rows:
        of[store.rows[i].emotion].add(store.rows[i].speaker)
    if lonely := sorted(emotion for emotion, speakers in of.items() if len(speakers) < 2):
        raise got("references.same_speaker", False, f"true: {lonely[0]} is spoken by one speaker alone")


def recolour(mel: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Add a random sum of the first four cosines over the bins to a log-mel [L, M]; its mean over the bins is zero."""
    bins = (np.arange(mel.shape[1]) + 0.5) / mel.shape[1]
    cosines = np.cos(np.pi * np.arange(1, 5)[:, None] * bins)
    return mel + (strength * rng.standard_normal(4) @ cosines).astype(np.float32)


def shift(mel: np.ndarray, rng: np.random.Generator, most: int) -> np.ndarray:
    """Return a log-mel [L, M] moved by a random number of bins, `most` at most; its edge fills what is left."""
    by = int(rng.integers(-most, most + 1)) if most else 0
    if not by:
        return mel
    moved = np.roll(mel, by, axis=1)
    edge = slice(0, by) if by > 0 else slice(by, None)
    moved[:, edge] = mel[:, :1] if by > 0 else mel[:, -1:]
    return moved
