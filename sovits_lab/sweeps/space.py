"""Axes in Hydra's grammar as Optuna's distributions, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def distribution(override: Override) -> BaseDistribution:
    """Parse `interval(a, b)`, `int(interval(a, b))`, `tag(log, interval(a, b))`, `range(a, b, step)`, `a,b,c`."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    value = override.value()
    if isinstance(value, IntervalSweep):
        log = "log" in value.tags
        if isinstance(value.start, int) and isinstance(value.end, int) and not isinstance(value.start, bool):
            return IntDistribution(value.start, value.end, log=log)
        return FloatDistribution(float(value.start or 0), float(value.end or 0), log=log)
    if isinstance(value, RangeSweep):
        points = list(value.range())
        if all(isinstance(point, int) for point in points):
            return IntDistribution(min(points), max(points), step=abs(int(value.step)))
    return CategoricalDistribution(list(override.sweep_string_iterator()))


def options(found: BaseDistribution) -> list[Any] | None:
    """Return all values of a distribution that has an end of them, else None."""
    from optuna.distributions import CategoricalDistribution, IntDistribution

    if isinstance(found, CategoricalDistribution):
        return list(found.choices)
    if isinstance(found, IntDistribution) and not found.log:
        return list(range(found.low, found.high + 1, found.step))
    return None


def point(params: Mapping[str, Any]) -> dict[str, str]:
    """Return a trial's parameters as overrides write them; six digits are enough to draw, and can be read."""
    return {key: _plain(value) for key, value in params.items()}


def _plain(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
