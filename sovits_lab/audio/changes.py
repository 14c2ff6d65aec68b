"""Changes of a training clip that leave its emotion what it was, so that a few voices become many clips."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float32

from sovits_lab.types import got


class Clip(NamedTuple):
    """A log-mel and its F0 in Hz, 0 where unvoiced."""

    mel: Float32[np.ndarray, "L M"]
    f0: Float32[np.ndarray, " L"]


class Change(Protocol):
    """A random change of a clip; all its randomness comes from `rng`, and the given arrays stay as they are."""

    def __call__(self, clip: Clip, rng: np.random.Generator) -> Clip:
        """The changed clip, perhaps of another length."""


class Tempo:
    """Another rate of speech: frames are interpolated, pitch and formants stay.

    Args:
        max_stretch: largest factor of the length, and one over the smallest; drawn evenly on a logarithmic scale.

    Raises:
        InputError: `max_stretch` below 1.
    """

    def __init__(self, max_stretch: float = 1.2) -> None:
        if max_stretch < 1:
            raise got("tempo: max_stretch", max_stretch, "a factor of at least 1")
        self.max_stretch = max_stretch

    def __call__(self, clip: Clip, rng: np.random.Generator) -> Clip:
        """Mel linear between neighbouring frames, F0 that of the nearest: half voiced is nothing."""
        frames = len(clip.mel)
        where = np.linspace(0, frames - 1, max(1, round(frames * self.max_stretch ** rng.uniform(-1, 1))))
        return Clip(_between(clip.mel, where), clip.f0[np.rint(where).astype(int)])


class Warp:
    """Another length of the vocal tract and another pitch, by one factor: the mel scale stretched from below.

    At the frequencies of F0 the mel scale is about linear, so F0 is multiplied by the same factor.

    Args:
        max_warp: largest factor and one over the smallest; drawn evenly on a logarithmic scale.

    Raises:
        InputError: `max_warp` below 1.
    """

    def __init__(self, max_warp: float = 1.1) -> None:
        if max_warp < 1:
            raise got("warp: max_warp", max_warp, "a factor of at least 1")
        self.max_warp = max_warp

    def __call__(self, clip: Clip, rng: np.random.Generator) -> Clip:
        """Linear between neighbouring bins; what comes from beyond the last bin is the last bin."""
        factor = self.max_warp ** rng.uniform(-1, 1)
        bins = clip.mel.shape[1]
        where = np.minimum(np.arange(bins) / factor, bins - 1)
        return Clip(np.ascontiguousarray(_between(clip.mel.T, where).T), (clip.f0 * factor).astype(np.float32))


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

    def __call__(self, clip: Clip, rng: np.random.Generator) -> Clip:
        """Widths and places are drawn evenly, from 0 on; F0 stays."""
        mel = clip.mel
        changed, mean = mel.copy(), mel.mean()
        for _ in range(self.count):
            changed[:, _stretch(mel.shape[1], min(self.bins, mel.shape[1]), rng)] = mean
            changed[_stretch(len(mel), min(self.frames, len(mel) // 4), rng)] = mean
        return Clip(changed, clip.f0)


def _between(rows: Float32[np.ndarray, "L M"], where: np.ndarray) -> Float32[np.ndarray, "N M"]:
    """Rows at fractional places."""
    before = where.astype(int)
    share = (where - before)[:, None].astype(np.float32)
    return rows[before] * (1 - share) + rows[np.minimum(before + 1, len(rows) - 1)] * share


def _stretch(size: int, most: int, rng: np.random.Generator) -> slice:
    """At most `most` neighbours of `size` places."""
    width = int(rng.integers(most + 1))
    start = int(rng.integers(size - width + 1))
    return slice(start, start + width)
