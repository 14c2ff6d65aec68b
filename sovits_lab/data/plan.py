"""Which utterances are in which batch: a pure function of (seed, step), so a resumed run needs no sampler state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sovits_lab.types import InputError

SORTED_TOGETHER = 16  # batches' worth of items; more is less padding, fewer is more random


class Size(NamedTuple):
    """How large batches and epochs are.

    Attributes:
        seconds: of speech in one rank's batch, on average.
        items: utterances or clips in it, on average.
        batches: in an epoch, of all ranks together.
    """

    seconds: float
    items: float
    batches: int


class BatchPlan:
    """Batches of similar length, shuffled anew every epoch, the same number on every rank.

    Args:
        frames: length of every item.
        batch_frames: longest batch, padded: items x longest item.
        seed: of the shuffle.
        world: processes that share the work; rank r takes batches r, r + world, ...
        shards: number of the shard that every item lies in, for a stream.
        window: shards that are read together: an epoch goes through groups of so many, drawn anew each time, and mixes
            what is in a group. 0 mixes everything.

    Raises:
        InputError: no items, or one item longer than a batch.
    """

    def __init__(
        self,
        frames: Sequence[int],
        batch_frames: int,
        seed: int,
        world: int = 1,
        shards: Sequence[int] | np.ndarray = (),
        window: int = 0,
    ) -> None:
        if not frames:
            raise InputError("training data: got no utterance, expected at least one; `sovits_lab doctor` says why")
        if max(frames) > batch_frames:
            raise InputError(
                f"batch_frames: got {batch_frames}, expected {max(frames)} or more, as long as the longest utterance"
            )
        self.frames, self.batch_frames, self.seed = np.asarray(frames), batch_frames, seed
        self.world, self.shards, self.window = world, np.asarray(shards), window
        self._epochs: list[list[np.ndarray]] = []
        self._starts = [0]

    def batch(self, step: int, rank: int = 0) -> list[int]:
        """Return the items of this step on this rank."""
        while step >= self._starts[-1]:
            epoch = self._epoch(len(self._epochs))
            self._epochs.append(epoch)
            self._starts.append(self._starts[-1] + len(epoch) // self.world)
        epoch_index = int(np.searchsorted(self._starts, step, side="right")) - 1
        place = (step - self._starts[epoch_index]) * self.world + rank
        return self._epochs[epoch_index][place].tolist()

    def size(self, frames_per_second: float) -> Size:
        """Return the size of the first epoch."""
        self.batch(0)
        batches = self._epochs[0]
        frames = sum(int(self.frames[batch].sum()) for batch in batches)
        items = sum(len(batch) for batch in batches)
        return Size(frames / frames_per_second / len(batches), items / len(batches), len(batches))

    def _epoch(self, epoch: int) -> list[np.ndarray]:
        """All items once, in batches; what does not fill a round over the ranks is filled up from the epoch's start."""
        rng = np.random.default_rng([self.seed, epoch])
        batches = [batch for items in self._groups(rng) for batch in self._mix(items, rng)]
        missing = -len(batches) % self.world
        return batches + [batches[i % len(batches)] for i in range(missing)]

    def _groups(self, rng: np.random.Generator) -> list[np.ndarray]:
        """Items that are read together."""
        if not self.window:
            return [np.arange(len(self.frames))]
        order = rng.permutation(np.unique(self.shards))
        groups = [order[first : first + self.window] for first in range(0, len(order), self.window)]
        return [np.flatnonzero(np.isin(self.shards, group)) for group in groups]

    def _mix(self, items: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
        """Batches of neighbours in length, in random order."""
        order = rng.permutation(items)
        size = max(1, self.batch_frames // int(self.frames.mean())) * SORTED_TOGETHER
        batches: list[np.ndarray] = []
        for start in range(0, len(order), size):
            near = order[start : start + size]
            batches += self._cut(near[np.argsort(self.frames[near], kind="stable")])
        return [batches[i] for i in rng.permutation(len(batches))]

    def _cut(self, ordered: np.ndarray) -> list[np.ndarray]:
        """Greedily from short to long, each batch at most `batch_frames` padded."""
        batches, start = [], 0
        for stop in range(1, len(ordered) + 1):
            if stop == len(ordered) or (stop + 1 - start) * self.frames[ordered[stop]] > self.batch_frames:
                batches.append(ordered[start:stop])
                start = stop
        return batches


def generator(*key: int) -> np.random.Generator:
    """Return a random generator that depends on nothing but `key`, for example (seed, step, rank)."""
    return np.random.default_rng(list(key))
