"""Checks of the numbers that constructors take."""

from __future__ import annotations

from collections.abc import Sequence

from sovits_lab.types import got


def refuse_small(group: str, least: int = 1, **sizes: int | Sequence[int]) -> None:
    """Check sizes, or lists of them.

    Raises:
        InputError: one is no whole number from `least` on; it is named `group.key`.
    """
    for key, value in sizes.items():
        for each in value if isinstance(value, list | tuple) else (value,):
            if isinstance(each, bool) or not isinstance(each, int) or each < least:
                raise got(f"{group}.{key}", value, f"a whole number from {least}")


def refuse_even(key: str, kernel: int) -> None:
    """Raise an InputError for an even kernel, which would shift frames against their mask."""
    if not kernel % 2:
        raise got(key, kernel, "an odd number")


def refuse_part(key: str, value: int, whole: int, what: str) -> None:
    """Raise an InputError where `value` does not divide `whole`."""
    if whole % value:
        raise got(key, value, f"a divisor of {what}, {whole}")


def refuse_rate(key: str, rate: object) -> None:
    """Raise an InputError for a rate outside [0, 1)."""
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate < 1:
        raise got(key, rate, "a number from 0, below 1")
