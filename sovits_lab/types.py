"""The alphabet of axes and the few records that cross package borders.

Axes: B batch, P phones, S semantic steps (25 Hz), L frames (50 Hz, L = 2 S), T samples, C channels, F frequency bins,
M mel bins, K codebook size, D model width. Sequence models are `B L D`, convolution stacks `B C L`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple


class ArgumentsOf(NamedTuple):
    """Annotates a mapping of the configuration with the class or function whose keyword arguments it holds.

    Attributes:
        target: the class or function.
        supplied: arguments that come at run time.
    """

    target: Callable[..., Any]
    supplied: tuple[str, ...] = ()


class Range(NamedTuple):
    """Annotates a number of the configuration with the values that make sense, so that others are refused early.

    Attributes:
        least: smallest value.
        most: largest value.
        open: whether `least` itself is refused.
    """

    least: float
    most: float = math.inf
    open: bool = False

    def __contains__(self, value: object) -> bool:
        """Tell whether a number lies in the range; NaN lies in none."""
        assert isinstance(value, int | float)
        return (self.least < value if self.open else self.least <= value) and value <= self.most

    def __str__(self) -> str:
        """Return the range as an error prints it."""
        low = f"{'above' if self.open else 'at least'} {self.least:g}"
        return f"a number {low}" if self.most == math.inf else f"a number {low} and at most {self.most:g}"


# Numbers as constructors annotate them.
Count = Annotated[int, Range(1)]
NonNegativeInt = Annotated[int, Range(0)]
NonNegativeFloat = Annotated[float, Range(0)]
Level = Annotated[float, Range(-80, 0)]  # of speech, dBFS
Positive = Annotated[float, Range(0, open=True)]
Share = Annotated[float, Range(0, 1)]


LONGEST_SHOWN = 1000  # characters of a value in a message; a file may hold a name of a million


def printable(text: object) -> str:
    """Return a text without control characters, which a terminal would obey: each becomes an escape such as `\\x1b`."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


class InputError(ValueError):
    """A user's input is wrong. The message names the thing, what was got and what was expected, in one line.

    Control characters of what was given, which a terminal or a log would obey, become escapes.
    """

    def __init__(self, message: object) -> None:
        super().__init__(printable(message))


def got(what: str, value: object, expected: str) -> InputError:
    """Make an error of our one form: `what: got value, expected ...`."""
    shown = str(value) if isinstance(value, Path) else repr(value)
    if len(shown) > LONGEST_SHOWN:
        shown = f"{shown[:LONGEST_SHOWN]}... ({len(shown)} characters)"
    return InputError(f"{what}: got {shown}, expected {expected}")
