"""Changes of a training clip's log-mel that leave its emotion what it was, so that a few voices become many clips."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from jaxtyping import Float32

from sovits_lab.types import got


class Change(Protocol):
    """A random change of a log-mel [L, M]; all its randomness comes from `rng`, and the given array stays as it is."""

    def __call__(self, mel: Float32[np.ndarray, "L M"], rng: np.random.Generator) -> Float32[np.ndarray, "N M"]:
        """The changed mel, perhaps of another length."""


class Tempo:
    """Another rate of speech: frames are interpolated, pitch and formants stay.

    Args:
        most: largest factor of the length, and one over the smallest; drawn evenly on a logarithmic scale.

    Raises:
        InputError: `most` below 1.
    """

    def __init__(self, most: float = 1.2) -> None:
        if most < 1:
            raise got("tempo: most", most, "a factor of at least 1")
        self.most = most

    def __call__(self, mel: Float32[np.ndarray, "L M"], rng: np.random.Generator) -> Float32[np.ndarray, "N M"]:
        """Linear between neighbouring frames."""
        length = max(1, round(len(mel) * self.most ** rng.uniform(-1, 1)))
        where = np.linspace(0, len(mel) - 1, length)
        before = where.astype(int)
        after = np.minimum(before + 1, len(mel) - 1)
        share = (where - before)[:, None].astype(np.float32)
        return mel[before] * (1 - share) + mel[after] * share


class Blanks:
    """Bands of bins and stretches of frames at the clip's mean: SpecAugment (Park et al. 2019) without its time warp.

    Args:
        count: of bands, and of stretches.
        bins: widest band.
        frames: longest stretch; never more than a quarter of the clip.

    Raises:
        InputError: a negative number.
    """

    def __init__(self, count: int = 2, bins: int = 12, frames: int = 15) -> None:
        if min(count, bins, frames) < 0:
            raise got("blanks: count, bins, frames", (count, bins, frames), "numbers of at least 0")
        self.count, self.bins, self.frames = count, bins, frames

    def __call__(self, mel: Float32[np.ndarray, "L M"], rng: np.random.Generator) -> Float32[np.ndarray, "L M"]:
        """Widths and places are drawn evenly, from 0 on."""
        changed, mean = mel.copy(), mel.mean()
        for _ in range(self.count):
            changed[:, _stretch(mel.shape[1], min(self.bins, mel.shape[1]), rng)] = mean
            changed[_stretch(len(mel), min(self.frames, len(mel) // 4), rng)] = mean
        return changed


def _stretch(size: int, most: int, rng: np.random.Generator) -> slice:
    """At most `most` neighbours of `size` places."""
    width = int(rng.integers(most + 1))
    start = int(rng.integers(size - width + 1))
    return slice(start, start + width)
