"""What a design can see: the minimal detectable difference, and the power of a design that has not been run yet."""

from __future__ import annotations

import math
from collections.abc import Mapping

from scipy import optimize, stats

from evaluation.statistics.crossed import CrossedTest
from sovits_lab.types import got

ALPHA = 0.05
POWER = 0.8


def power(difference: float, se: float, df: float) -> float:
    """Compute the power of the two-sided t test: P(|T| > critical) with T noncentral t of the true difference."""
    critical = stats.t.ppf(1 - ALPHA / 2, df)
    shift = abs(difference) / se
    wrong_side = stats.nct.cdf(-critical, df, shift) if shift < 3 else 0.0  # beyond, below 1e-3 and unstable
    return float(stats.nct.sf(critical, df, shift) + wrong_side)


def minimal_detectable_difference(test: CrossedTest) -> float:
    """Compute the smallest true difference that this design finds in 80 % of all runs; NaN when the test has no p."""
    if not test.se > 0 or math.isnan(test.df):
        return math.nan
    return _smallest(test.se, test.df)


def _smallest(se: float, df: float) -> float:
    # in units of se; the normal quantiles give the scale, the noncentral t the answer
    upper = 2.0 * (stats.t.ppf(1 - ALPHA / 2, df) + stats.t.ppf(POWER, df)) + 5.0
    root = optimize.brentq(lambda units: power(units, 1.0, df) - POWER, 0.0, upper)
    return float(root) * se


def planned_difference(components: Mapping[str, float], levels: Mapping[str, int]) -> float:
    """Compute the minimal detectable difference of a full crossed design with other numbers of levels.

    Args:
        components: variances per factor and "residual", as a crossed test reports them.
        levels: planned number of levels per factor, for example {"speaker": 24, "sentence": 20}. Raises InputError
            when a factor with variance has no planned levels, or fewer than two.
    """
    for name, variance in components.items():
        if name != "residual" and variance > 0 and levels.get(name, 0) < 2:
            raise got(f"levels of {name}", levels.get(name), "at least 2")
    cells = math.prod(levels.values())
    residual = components["residual"] / cells
    # mean squares over N: between-level variance plus the residual's share, with levels - 1 degrees of freedom
    between = {name: components.get(name, 0.0) / count for name, count in levels.items()}
    variance = residual + sum(between.values())
    parts = [((between[name] + residual) ** 2) / (levels[name] - 1) for name in levels if between[name] > 0]
    rest = cells - 1 - sum(levels[name] - 1 for name in levels)
    # Var = (sum of the factors' mean squares - (factors - 1) residual mean squares) / N
    parts.append((len(parts) - 1) ** 2 * residual**2 / max(rest, 1))
    return _smallest(math.sqrt(variance), variance**2 / sum(parts))
