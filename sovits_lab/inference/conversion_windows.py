"""Windows of a recording that is converted: cut where it is softest within reach, each heard with what is around it.

A join within a word loses the word: both sides hear half of it. So a window ends in the longest of the softest places
of its second half, which is a pause wherever there is one, and never later than its given length. Where it ends depends
on nothing but the samples of the window and its look-ahead; so a stream cuts where the whole recording is cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sovits_lab.audio.energy import frame_rms_db
from sovits_lab.types import got

Wave = NDArray[np.float32]
TOKEN_SECONDS = 0.04
FADE = 1  # tokens over which neighbouring windows are faded
REACH = 0.5  # share of a window, up to its end, within which the place of the cut is looked for
AROUND = 2  # tokens on each side of a cut that must be soft: 160 ms in all, while the closure of a stop is shorter
SILENT_DB = -60.0  # relative to full scale; what is softer is equally silent
AS_SOFT_DB = 3.0  # above the softest place


@dataclass(frozen=True)
class ConversionWindows:
    """Seconds of a window at most, of what is heard before it, and of what is heard after it.

    Raises:
        InputError: no multiples of a token, or too short.
    """

    seconds: float = 10.0
    before: float = 1.0
    after: float = 0.4

    def __post_init__(self) -> None:
        for name, least in (("seconds", 0.2), ("before", 0.0), ("after", FADE * TOKEN_SECONDS)):
            value = getattr(self, name)
            if not least <= value <= 30 or abs(value / TOKEN_SECONDS - round(value / TOKEN_SECONDS)) > 1e-6:
                raise got(f"windows.{name}", value, f"a multiple of {TOKEN_SECONDS} s from {least:g} to 30")

    @property
    def latency(self) -> float:
        """Seconds of sound that a stream waits for before its first piece, the computing aside."""
        return self.seconds + self.after


class Window(NamedTuple):
    """A stretch of a recording.

    Attributes:
        number: 0 for the first.
        wav: its samples, and those that are heard before and after it.
        before: how many tokens are heard before it.
        own: its own seconds.
        is_last: whether nothing follows.
    """

    number: int
    wav: Wave
    before: int
    own: float
    is_last: bool


def windows(blocks: Iterator[Wave], rate: int, sizes: ConversionWindows) -> Iterator[Window]:
    """Cut what comes in; places are whole tokens, so that every rate has whole samples.

    The last window takes what would be left for another one of less than the look-ahead.

    Args:
        blocks: samples as they come, of any lengths.
        rate: their rate.
        sizes: see `ConversionWindows`.
    """
    unit = round(rate * TOKEN_SECONDS)
    most, before, after = (round(s / TOKEN_SECONDS) for s in (sizes.seconds, sizes.before, sizes.after))
    buffer, start, number = np.zeros(0, np.float32), 0, 0  # `start` of the window's own part, in tokens
    ended = False
    while True:
        needed = (start + most + after) * unit
        while not ended and len(buffer) < needed:
            block = next(blocks, None)
            ended = block is None
            buffer = buffer if block is None else np.concatenate([buffer, np.asarray(block, np.float32)])
        is_last = len(buffer) < needed
        own = buffer[start * unit :]
        if not len(own):
            return
        first = max(0, start - before)
        if is_last:
            yield Window(number, buffer[first * unit :], start - first, len(own) / rate, True)
            return
        length = cut_place(own[: (most + after) * unit], unit, most)
        end = start + length
        yield Window(number, buffer[first * unit : (end + after) * unit], start - first, length * unit / rate, False)
        number += 1
        buffer, start = buffer[max(0, end - before) * unit :], min(before, end)


def cut_place(wav: Wave, unit: int, most: int) -> int:
    """Return after how many tokens a window ends: in the middle of the longest of its softest places.

    Args:
        wav: the window at its longest, and its look-ahead.
        unit: samples of a token.
        most: tokens of the longest window.
    """
    levels = np.maximum(frame_rms_db(wav, unit), SILENT_DB)
    power = np.concatenate([[0.0], np.cumsum(10.0 ** (levels / 10))])
    places = np.arange(max(1, most - int(REACH * most)), most + 1)
    first, last = np.maximum(places - AROUND, 0), np.minimum(places + AROUND, len(levels))
    around = 10 * np.log10((power[last] - power[first]) / (last - first))
    soft = np.flatnonzero(around <= around.min() + AS_SOFT_DB)
    runs = np.split(soft, np.flatnonzero(np.diff(soft) > 1) + 1)
    longest = max(runs, key=lambda run: (len(run), run[0]))
    return int(places[longest[len(longest) // 2]])
